// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Package deploy_test proves what is in this directory without a container engine
// or systemd: it runs what they would run.
package deploy_test

import (
	"bufio"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/store/thriftrpc"
)

// binary is the static program, built as the image's is, with builtVersion.
var binary string

const builtVersion = "v0.0.0-test"

// buildLine is the line of the Dockerfile that builds.
var buildLine = regexp.MustCompile(`(?s)\nRUN (mkdir .*?[^\\])\n`)

func TestMain(m *testing.M) {
	directory, err := os.MkdirTemp("", "flipper")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(directory, "flipper")
	text, err := os.ReadFile("Dockerfile")
	if err != nil {
		panic(err)
	}
	line := buildLine.FindSubmatch(text)
	if line == nil || !strings.Contains(string(text), "\nARG VERSION\n") {
		panic("the Dockerfile does not build with a version")
	}
	build := exec.Command("sh", "-ec", strings.ReplaceAll(string(line[1]), "/out/", directory+"/"))
	build.Dir = ".."
	build.Env = append(os.Environ(), "VERSION="+builtVersion)
	if output, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the command: %v\n%s", err, output)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		os.RemoveAll(directory)
		os.Exit(code)
	}))
}

// An image is what the last stage of the Dockerfile makes.
type image struct {
	copies      []copied
	user        int
	directory   string // where the program starts
	environment map[string]string
	command     []string
}

// A copied is a file or directory that comes from the stage that builds.
type copied struct {
	from, to string
	owner    int
}

// readImage reads the last stage. It refuses what it does not know, so that no
// line of the Dockerfile goes untested.
func readImage(t *testing.T) *image {
	t.Helper()
	text, err := os.ReadFile("Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	stages := strings.Split(string(text), "\nFROM ")
	last := stages[len(stages)-1]
	base, rest, _ := strings.Cut(last, "\n")
	if base != "scratch" {
		t.Fatalf("the last stage is from %q, and only scratch is empty", base)
	}
	img := &image{environment: map[string]string{}}
	copyLine := regexp.MustCompile(`^--from=build (?:--chown=(\d+):(\d+) )?(/\S+) (/\S+)$`)
	for line := range strings.Lines(rest) {
		line = strings.TrimSpace(line)
		instruction, arguments, _ := strings.Cut(line, " ")
		switch instruction {
		case "COPY":
			match := copyLine.FindStringSubmatch(arguments)
			if match == nil || match[1] != match[2] {
				t.Fatalf("this test does not know %q", line)
			}
			owner, _ := strconv.Atoi(match[1])
			img.copies = append(img.copies, copied{from: match[3], to: match[4], owner: owner})
		case "USER":
			uid, gid, _ := strings.Cut(arguments, ":")
			if img.user, err = strconv.Atoi(uid); err != nil || uid != gid || img.user == 0 {
				t.Fatalf("USER %s is not a number twice, above 0", arguments)
			}
		case "WORKDIR":
			img.directory = arguments
		case "ENV":
			for assignment := range strings.FieldsSeq(arguments) {
				name, value, _ := strings.Cut(assignment, "=")
				img.environment[name] = value
			}
		case "ENTRYPOINT", "CMD":
			for _, match := range regexp.MustCompile(`"([^"]*)"`).FindAllStringSubmatch(arguments, -1) {
				img.command = append(img.command, match[1])
			}
		case "", "#", "EXPOSE", "VOLUME":
		default:
			t.Fatalf("this test does not know %q", line)
		}
	}
	return img
}

// unpack makes a root directory with the image's files and nothing else. authorities
// stand for those of the stage that builds.
func (img *image) unpack(t *testing.T, authorities []byte) string {
	t.Helper()
	root := t.TempDir()
	for _, c := range img.copies {
		to := filepath.Join(root, c.to)
		must(t, os.MkdirAll(filepath.Dir(to), 0o755))
		switch c.from {
		case "/out/flipper":
			program, err := os.ReadFile(binary)
			must(t, err)
			must(t, os.WriteFile(to, program, 0o755))
		case "/out/data":
			must(t, os.Mkdir(to, 0o755))
		case "/etc/ssl/certs/ca-certificates.crt":
			must(t, os.WriteFile(to, authorities, 0o644))
		default:
			t.Fatalf("this test does not know where %s comes from", c.from)
		}
		if c.owner != 0 && os.Getuid() == 0 {
			must(t, os.Chown(to, c.owner, c.owner))
		}
	}
	img.close(t, root)
	// t.TempDir and what is above it may be closed to others.
	for directory := filepath.Dir(root); strings.HasPrefix(directory, os.TempDir()+"/"); directory = filepath.Dir(directory) {
		must(t, os.Chmod(directory, 0o755))
	}
	return root
}

// close has nobody write to the directories that are root's in the image, also if
// they are the tester's own here.
func (img *image) close(t *testing.T, root string) {
	t.Helper()
	closed := []string{root}
	for _, c := range img.copies {
		if c.owner == 0 {
			for directory := filepath.Dir(c.to); directory != "/"; directory = filepath.Dir(directory) {
				closed = append(closed, filepath.Join(root, directory))
			}
		}
	}
	for _, directory := range closed {
		must(t, os.Chmod(directory, 0o555))
		t.Cleanup(func() { _ = os.Chmod(directory, 0o755) }) // to be removed
	}
}

// inside makes processes run in a root directory, as the user of the image. Who
// is not root needs user namespaces for that.
func (img *image) inside(root string) *syscall.SysProcAttr {
	attributes := &syscall.SysProcAttr{Chroot: root}
	if os.Getuid() == 0 {
		attributes.Credential = &syscall.Credential{Uid: uint32(img.user), Gid: uint32(img.user)}
		return attributes
	}
	attributes.Cloneflags = syscall.CLONE_NEWUSER
	attributes.UidMappings = []syscall.SysProcIDMap{{ContainerID: img.user, HostID: os.Getuid(), Size: 1}}
	attributes.GidMappings = []syscall.SysProcIDMap{{ContainerID: img.user, HostID: os.Getgid(), Size: 1}}
	return attributes
}

// A container is the image's program, running among the image's files.
type container struct {
	*exec.Cmd
	thrift, http string
	mu           sync.Mutex
	log          strings.Builder
	ended        chan error
}

var started = regexp.MustCompile(`msg="serving flags".* thrift=(\S+) http=(\S+)`)

// start starts the program with the image's settings, but on free ports.
func (img *image) start(t *testing.T, root string, settings map[string]string) *container {
	t.Helper()
	environment := maps.Clone(img.environment)
	for _, name := range []string{"FLIPPER_LISTEN", "FLIPPER_HTTP"} {
		if _, port, err := net.SplitHostPort(environment[name]); err != nil || port == "" {
			t.Errorf("%s=%s is not an address", name, environment[name])
		}
		environment[name] = "127.0.0.1:0"
	}
	maps.Copy(environment, settings)
	c := &container{
		Cmd:   &exec.Cmd{Path: img.command[0], Args: img.command, Dir: img.directory, SysProcAttr: img.inside(root)},
		ended: make(chan error, 1),
	}
	for name, value := range environment {
		c.Env = append(c.Env, name+"="+value)
	}
	stderr, err := c.StderrPipe()
	must(t, err)
	must(t, c.Start())
	serving := make(chan []string, 1)
	go func() {
		lines := bufio.NewScanner(stderr)
		for lines.Scan() {
			c.mu.Lock()
			fmt.Fprintln(&c.log, lines.Text())
			c.mu.Unlock()
			if match := started.FindStringSubmatch(lines.Text()); match != nil {
				serving <- match
			}
		}
		c.ended <- c.Wait()
		close(c.ended)
	}()
	t.Cleanup(func() {
		_ = c.Process.Kill()
		<-c.ended
	})
	select {
	case match := <-serving:
		c.thrift, c.http = match[1], match[2]
	case err := <-c.ended:
		t.Fatalf("it ended: %v\n%s", err, c.logged())
	}
	return c
}

func (c *container) logged() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.log.String()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	must(t, err)
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	must(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	must(t, err)
	return fmt.Sprintf("%d %s", response.StatusCode, body)
}

func TestProgramKnowsItsVersion(t *testing.T) {
	output, err := exec.CommandContext(t.Context(), binary, "version").CombinedOutput()
	must(t, err)
	if fields := strings.Fields(string(output)); len(fields) < 2 || fields[0] != "version:" || fields[1] != builtVersion {
		t.Errorf("%s, want version %s", output, builtVersion)
	}
}

func TestProgramIsStatic(t *testing.T) {
	file, err := elf.Open(binary)
	must(t, err)
	defer file.Close()
	for _, segment := range file.Progs {
		if segment.Type == elf.PT_INTERP {
			t.Error("the program asks for a dynamic linker, and the image has none")
		}
	}
}

// Among the image's files alone, as its user, the program serves, keeps flags in
// /data, and can write nowhere else.
func TestImage(t *testing.T) {
	img := readImage(t)
	root := img.unpack(t, nil)
	c := img.start(t, root, nil)
	for _, path := range []string{"/livez", "/readyz"} {
		if got := get(t, "http://"+c.http+path); got != "200 ok\n" {
			t.Errorf("%s: %q\n%s", path, got, c.logged())
		}
	}
	store := thriftrpc.New(c.thrift)
	features := flipper.New(store)
	if _, err := features.Create(t.Context(), "X", flipper.WithEnabled(true)); err != nil {
		t.Errorf("%v\n%s", err, c.logged())
	}
	if !features.IsEnabled(t.Context(), "X") {
		t.Error("the flag is off")
	}
	must(t, store.Close())
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.Process.Pid))
	must(t, err)
	if os.Getuid() == 0 && !strings.Contains(string(status), fmt.Sprintf("\nUid:\t%d\t%[1]d\t%[1]d\t%[1]d\n", img.user)) {
		t.Errorf("it does not run as user %d:\n%s", img.user, status)
	}
	must(t, c.Process.Signal(syscall.SIGTERM))
	if err := <-c.ended; err != nil {
		t.Errorf("stop: %v\n%s", err, c.logged())
	}

	// What is there now that the image did not bring is the file of flags.
	var files []string
	must(t, filepath.Walk(root, func(path string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() {
			files = append(files, strings.TrimPrefix(path, root))
		}
		return err
	}))
	slices.Sort(files)
	if want := []string{"/data/flags.db", "/etc/ssl/certs/ca-certificates.crt", "/flipper"}; !slices.Equal(files, want) {
		t.Errorf("files %q, want %q", files, want)
	}

	// On the image's own addresses it needs certificates, or a word that it does not.
	exposed := exec.CommandContext(t.Context(), img.command[0], img.command[1:]...)
	exposed.Env, exposed.Dir, exposed.SysProcAttr = []string{"FLIPPER_LISTEN=" + img.environment["FLIPPER_LISTEN"], "FLIPPER_ENV_FILE="}, "/", img.inside(root)
	if output, err := exposed.CombinedOutput(); err == nil || !strings.Contains(string(output), "--insecure") {
		t.Errorf("without certificates: %v, %s", err, output)
	}
	img.start(t, root, map[string]string{"FLIPPER_LISTEN": ":0", "FLIPPER_INSECURE": "true"})

	// Where it may not write, it says so.
	command := exec.CommandContext(t.Context(), img.command[0], append(slices.Clone(img.command[1:]), "--store", "bolt:/etc/flags.db")...)
	command.Env, command.Dir, command.SysProcAttr = []string{"FLIPPER_ENV_FILE="}, "/", img.inside(root)
	output, err := command.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || !strings.Contains(string(output), "permission denied") {
		t.Errorf("outside /data: %v, %s", err, output)
	}
}
