// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
	"go.uber.org/goleak"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/internal/consultest"
	"github.com/flipper-go/flipper/internal/pythontest"
	"github.com/flipper-go/flipper/internal/redistest"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/thriftrpc"
	"github.com/flipper-go/flipper/targeting/carta"
)

// binary is the command, built for the tests.
var binary string

func TestMain(m *testing.M) {
	// A program with the race detector sleeps for a second before it ends, unless
	// told otherwise.
	os.Setenv("GORACE", "atexit_sleep_ms=0")
	os.Setenv("FLIPPER_API", "127.0.0.1:0") // many servers run at the same time
	directory, err := os.MkdirTemp("", "flipper")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(directory, "flipper")
	build := exec.Command("go", "build", "-race", "-o", binary, ".")
	if output, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the command: %v\n%s", err, output)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		os.RemoveAll(directory)
		os.Exit(code)
	}))
}

// patience is for what has to happen soon, on a busy machine.
const patience = 30 * time.Second

// A process is a running `flipper serve`.
type process struct {
	*exec.Cmd
	thrift, http, data string
	log                *lockedBuffer
	ended              chan error
}

var started = regexp.MustCompile(`msg="serving flags".* thrift=(\S+)(?: http=(\S+))? data="?([^"\s]+)`)

// serve starts the command in a directory, on free ports, and waits until it
// says that it serves.
func serve(t *testing.T, directory string, args ...string) *process {
	t.Helper()
	p, err := startServe(directory, args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	return p
}

// startServe is serve for who ends the process, with kill.
func startServe(directory string, args ...string) (*process, error) {
	args = append([]string{"serve", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"}, args...)
	p := &process{Cmd: exec.Command(binary, args...), log: &lockedBuffer{}, ended: make(chan error, 1)}
	p.Dir = directory
	stderr, err := p.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := p.Start(); err != nil {
		return nil, err
	}
	serving := make(chan []string, 1)
	go func() {
		lines := bufio.NewScanner(stderr)
		for lines.Scan() {
			fmt.Fprintln(p.log, lines.Text())
			if match := started.FindStringSubmatch(lines.Text()); match != nil {
				serving <- match
			}
		}
		p.ended <- p.Wait()
		close(p.ended)
	}()
	select {
	case match := <-serving:
		p.thrift, p.http, p.data = match[1], match[2], match[3]
	case err := <-p.ended:
		return nil, fmt.Errorf("serve ended: %w\n%s", err, p.log)
	case <-time.After(patience):
		p.kill()
		return nil, fmt.Errorf("serve does not say that it serves:\n%s", p.log)
	}
	return p, nil
}

// kill ends the process at once, if it has not ended.
func (p *process) kill() {
	_ = p.Process.Kill()
	<-p.ended
}

// stop sends a signal and waits for the end.
func (p *process) stop(t *testing.T, s os.Signal) error {
	t.Helper()
	if err := p.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
	return <-p.ended
}

type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}

func client(t *testing.T, address string) *flipper.FeatureFlagClient {
	t.Helper()
	s := thriftrpc.New(address)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return flipper.New(s)
}

// A flag that is made, enabled, disabled and destroyed through the server guards
// code elsewhere.
func TestServe(t *testing.T) {
	directory := t.TempDir()
	p := serve(t, directory)
	if want := filepath.Join(directory, "flags.db"); p.data != want {
		t.Errorf("keeps its data in %s, want %s", p.data, want)
	}
	operator, service := client(t, p.thrift), client(t, p.thrift)
	ctx := t.Context()

	flag, err := operator.Create(ctx, "NEW_CHECKOUT")
	if err != nil {
		t.Fatal(err)
	}
	check := func(want bool, attrs ...flipper.Attr) {
		t.Helper()
		if got := service.Evaluate(ctx, "NEW_CHECKOUT", attrs...); got.Enabled != want || got.Err != nil {
			t.Errorf("%+v, want %t", got, want)
		}
	}
	check(false)
	must(t, flag.Enable(ctx))
	check(true)
	must(t, flag.AddCondition(ctx, carta.NewCondition(carta.In("plan", "pro", "team"))))
	check(true, flipper.String("plan", "pro"))
	check(false, flipper.String("plan", "free"))
	must(t, flag.SetConditions(ctx))
	must(t, flag.SetBucketer(ctx, carta.NewConsistentHashBucketer(carta.FixedPercentage(0.5), "user_id")))
	check(true, flipper.Int("user_id", 1))  // bucket 48
	check(false, flipper.Int("user_id", 2)) // bucket 94
	must(t, flag.Disable(ctx))
	check(false, flipper.Int("user_id", 1))
	must(t, flag.Destroy(ctx))
	if got := service.Evaluate(ctx, "NEW_CHECKOUT"); !errors.Is(got.Err, store.ErrNotFound) {
		t.Errorf("destroyed flag: %+v", got)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Python stubs generated from our description drive the six methods, and a Go
// client sees the same flags and gives the answers that Python would.
func TestPythonClient(t *testing.T) {
	p := serve(t, t.TempDir())
	_, port, err := net.SplitHostPort(p.thrift)
	must(t, err)
	output, err := pythontest.Command(t, pythontest.Description(), "testdata/six_methods.py", port).CombinedOutput()
	if err != nil || strings.TrimSpace(string(output)) != "ok" {
		t.Fatalf("%v\n%s", err, output)
	}

	// The log says what it changed.
	for _, want := range []string{
		`msg="flag changed" .*feature_name=PYTHON change="created, off; client data: .*" method=Create remote=127\.0\.0\.1:\d+\n`,
		`feature_name=PYTHON change="switched on" method=Set remote=`,
		`feature_name=MADE_BY_SET change="created, on for everyone" method=Set remote=`,
		`feature_name=PYTHON change=".*condition added: .*rollout: 50 % by user_id, was none.*" method=SetMeta remote=`,
		`feature_name=MADE_BY_SET change="deleted, was off" method=Delete remote=`,
	} {
		if !regexp.MustCompile(want).MatchString(p.log.String()) {
			t.Errorf("the log has no %s:\n%s", want, p.log)
		}
	}

	features := client(t, p.thrift)
	for _, c := range []struct {
		attrs []flipper.Attr
		want  bool
	}{
		{[]flipper.Attr{flipper.Int("age", 18), flipper.String("plan", "pro ü")}, true},
		{[]flipper.Attr{flipper.Int("age", 65)}, false},
		{[]flipper.Attr{flipper.String("plan", "free")}, false},
		{[]flipper.Attr{flipper.Int("user_id", 2)}, true}, // conditions bypass the bucketer
		{nil, true}, // no attributes: bucket 32
	} {
		if got := features.Evaluate(t.Context(), "PYTHON", c.attrs...); got.Enabled != c.want || got.Err != nil {
			t.Errorf("%v: %+v, want %t", c.attrs, got, c.want)
		}
	}
	data, err := features.ClientData(t.Context(), "PYTHON")
	if err != nil || fmt.Sprint(data) != "map[ttl:60]" {
		t.Errorf("client data: %v, %v", data, err)
	}
}

// An acknowledged write survives a kill, 50 times over.
func TestKill(t *testing.T) {
	directory := t.TempDir()
	acknowledged := map[string]int{} // the highest generation acknowledged, by flag
	attempted := map[string]int{}
	writes := 0
	for round := range 50 {
		p := serve(t, directory)
		features := client(t, p.thrift)
		checkGenerations(t, features, acknowledged, attempted)
		writing := make(chan int)
		go func() {
			defer close(writing)
			for i := 0; ; i++ {
				name := fmt.Sprintf("FLAG_%d", (round+i)%7)
				generation := attempted[name] + 1
				attempted[name] = generation
				if err := write(t.Context(), features, name, generation); err != nil {
					return
				}
				acknowledged[name] = generation
				writing <- i
			}
		}()
		// The kill comes in the midst of writes, after a different number of
		// them in each round.
		for i := range writing {
			if i == round%13 {
				must(t, p.Process.Kill())
				<-p.ended
			}
			writes++
		}
	}
	p := serve(t, directory)
	checkGenerations(t, client(t, p.thrift), acknowledged, attempted)
	t.Logf("50 kills, %d acknowledged writes", writes)
}

// write makes two changes to a flag in one: its client data has the generation
// twice.
func write(ctx context.Context, features *flipper.FeatureFlagClient, name string, generation int) error {
	if _, err := features.Create(ctx, name); err != nil && !errors.Is(err, store.ErrExists) {
		return err
	}
	return features.SetClientData(ctx, name, map[string]any{
		"generation": generation,
		"again":      generation,
		"filler":     strings.Repeat("x", generation%5000),
	})
}

func checkGenerations(t *testing.T, features *flipper.FeatureFlagClient, acknowledged, attempted map[string]int) {
	t.Helper()
	for name, atLeast := range acknowledged {
		data, err := features.ClientData(t.Context(), name)
		if err != nil {
			t.Fatalf("%s: generation %d was acknowledged: %v", name, atLeast, err)
		}
		got, again := data["generation"].(int64), data["again"].(int64)
		if got < int64(atLeast) || got > int64(attempted[name]) || got != again || len(data["filler"].(string)) != int(got)%5000 {
			t.Fatalf("%s: generations %d and %d, acknowledged %d, attempted %d", name, got, again, atLeast, attempted[name])
		}
	}
}

func TestStopFinishesCalls(t *testing.T) {
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		directory := t.TempDir()
		p := serve(t, directory)
		features := client(t, p.thrift)
		_, err := features.Create(t.Context(), "X")
		must(t, err)

		// A call that is under way when the signal comes, a long poll, ends.
		watching := make(chan struct{})
		watch, cancel := context.WithCancel(t.Context())
		watched := make(chan struct{})
		go func() {
			defer close(watched)
			for range features.Store().(store.Watcher).Watch(watch) {
				select {
				case watching <- struct{}{}:
				case <-watch.Done():
				}
			}
		}()
		<-watching
		if err := p.stop(t, s); err != nil {
			t.Errorf("%v: %v\n%s", s, err, p.log)
		}
		cancel()
		<-watched
		if !strings.Contains(p.log.String(), "stopped") {
			t.Errorf("%v: no word of the stop:\n%s", s, p.log)
		}
		if exists, err := client(t, serve(t, directory).thrift).Exists(t.Context(), "X"); !exists || err != nil {
			t.Errorf("%v: after a restart: %t, %v", s, exists, err)
		}
	}
}

func TestHealth(t *testing.T) {
	p := serve(t, t.TempDir())
	for path, want := range map[string]string{"/livez": "200 ok\n", "/readyz": "200 ok\n", "/": "404 404 page not found\n"} {
		if got := get(t, "http://"+p.http+path); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	must(t, err)
	transport := &http.Transport{DisableKeepAlives: true}
	response, err := transport.RoundTrip(request)
	must(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	must(t, err)
	return fmt.Sprintf("%d %s", response.StatusCode, body)
}

// What goes wrong at the start is one line that says what to do.
func TestErrors(t *testing.T) {
	directory := t.TempDir()
	p := serve(t, directory)
	foreign := filepath.Join(t.TempDir(), "foreign.db")
	must(t, os.WriteFile(foreign, []byte("this is no database\n"), 0o600))

	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"serve", "--listen", p.thrift, "--store", "memory:"}, "another program does; stop it, or choose another address"},
		{[]string{"serve", "--listen", "127.0.0.1:0", "--http", p.http, "--store", "memory:"}, "another program does; stop it, or choose another address"},
		{[]string{"serve", "--store", "bolt:" + filepath.Join(directory, "flags.db")}, "another process"},
		{[]string{"serve", "--store", "bolt:" + foreign}, foreign},
		{[]string{"serve", "--store", "bolt:" + filepath.Join(directory, "no", "such", "directory", "flags.db")}, "no such file or directory"},
		{[]string{"serve", "--store", "mysql://x"}, "invalid store URL: use memory:, bolt:PATH, redis://HOST:PORT"},
		{[]string{"serve", "--store", "bolt:"}, "path"},
		{[]string{"serve", "--store", "thrift://nowhere/x"}, "thrift://HOST:PORT"},
		{[]string{"serve", "--tls-cert", "x.pem"}, "--tls-key"},
		{[]string{"serve", "--tls-cert", "x.pem", "--tls-key", "y.pem"}, "x.pem"},
		{[]string{"serve", "--log-level", "loud"}, "debug, info, warn or error"},
		{[]string{"serve", "--log-format", "xml"}, "text or json"},
		{[]string{"serve", "now"}, "takes no arguments"},
		{[]string{"serve", "--lisen", "x"}, "unknown flag --lisen: did you mean --listen?"},
		{[]string{"serve", "--qq"}, "unknown flag --qq"},
		{[]string{"serve", "--listen", "127.0.0.1:99999", "--store", "memory:"}, "write HOST:PORT"},
		{[]string{"serve", "--listen", "127.0.0.1", "--store", "memory:"}, "write HOST:PORT"},
		{[]string{"serve", "--max-connections", "0"}, "use 1 or more"},
		{[]string{"serve", "--idle-timeout=-1s"}, "not negative"},
		{[]string{"serve", "--shutdown-timeout=-1s"}, "not negative"},
		{[]string{"serve", "--max-connections", "many"}, "max-connections"},
		{[]string{"sevre"}, `unknown command "sevre": did you mean serve?`},
	} {
		command := exec.CommandContext(t.Context(), binary, c.args...)
		command.Dir = t.TempDir()
		var stderr bytes.Buffer
		command.Stderr = &stderr
		err := command.Run()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() <= 0 {
			t.Errorf("%q: %v, want an exit code", c.args, err)
		}
		line, more, _ := strings.Cut(stderr.String(), "\n")
		if !strings.Contains(line, c.want) || !strings.HasPrefix(line, "flipper: ") || more != "" {
			t.Errorf("%q: %q does not say %q in one line", c.args, stderr.String(), c.want)
		}
	}
}

// The environment sets what flags do, and flags win.
func TestEnvironment(t *testing.T) {
	directory := t.TempDir()
	t.Setenv("FLIPPER_STORE", "memory:")
	if p := serve(t, directory); p.data != "memory" {
		t.Errorf("data in %q, want memory", p.data)
	}
	if p := serve(t, directory, "--store", "bolt:other.db"); p.data != filepath.Join(directory, "other.db") {
		t.Errorf("data in %q, want other.db", p.data)
	}
}

// A server that serves another server's flags says nothing of being ready before
// it could read them, and is degraded, but ready, when they are gone.
func TestReadiness(t *testing.T) {
	upstream := serve(t, t.TempDir())
	p := serve(t, t.TempDir(), "--store", "thrift://"+upstream.thrift)
	if got := get(t, "http://"+p.http+"/readyz"); got != "200 ok\n" {
		t.Errorf("ready: %q", got)
	}
	must(t, upstream.stop(t, syscall.SIGTERM))
	if got := get(t, "http://"+p.http+"/readyz"); got != "200 degraded: the store cannot be read\n" {
		t.Errorf("after the store is gone: %q", got)
	}
	never := serve(t, t.TempDir(), "--store", "thrift://"+upstream.thrift)
	if got := get(t, "http://"+never.http+"/readyz"); got != "503 the store could not be read yet\n" {
		t.Errorf("never loaded: %q", got)
	}
	if got := get(t, "http://"+never.http+"/livez"); got != "200 ok\n" {
		t.Errorf("live: %q", got)
	}
}

// The service runs over the stores that teams share: what it stores lies there as
// Python's client would have put it, and it tells of changes that others make.
func TestSharedStores(t *testing.T) {
	redisServer, consulAgent := redistest.StartTCP(t), consultest.Start(t)
	redisClient, keys := redisServer.Client(t), consulAgent.Client(t).KV()
	type backend struct {
		url string
		get func(key string) string
		set func(key, item string)
	}
	for name, b := range map[string]backend{
		"Redis": {
			"redis://" + redisServer.Addr(),
			func(key string) string { return redisClient.Get(t.Context(), key).Val() },
			func(key, item string) { must(t, redisClient.Set(t.Context(), key, item, 0).Err()) },
		},
		"Consul": {
			"consul://" + consulAgent.Address,
			func(key string) string {
				pair, _, err := keys.Get(key, nil)
				must(t, err)
				return string(pair.Value)
			},
			func(key, item string) {
				_, err := keys.Put(&api.KVPair{Key: key, Value: []byte(item)}, nil)
				must(t, err)
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := serve(t, t.TempDir(), "--store", b.url+"?base_key=team")
			if p.data != b.url {
				t.Errorf("data in %q, want %q", p.data, b.url)
			}
			features := client(t, p.thrift)
			_, err := features.Create(t.Context(), "X", flipper.WithEnabled(true))
			must(t, err)
			item := b.get("team/X")
			if !strings.HasPrefix(item, `{"feature_name": "X", "is_enabled": true, "meta": {"client_data": {}, "created_date": 1`) {
				t.Errorf("stored: %s", item)
			}
			changed := false
			for change, err := range features.Store().(store.Watcher).Watch(t.Context()) {
				must(t, err)
				if !changed {
					changed = true // the watch stands
					b.set("team/X", strings.Replace(item, "true", "false", 1))
				}
				if got := features.Evaluate(t.Context(), "X"); got.Reason == flipper.ReasonDisabled {
					break
				} else if got.Err != nil {
					t.Fatal(change, got)
				}
			}
		})
	}
}

// Two processes and a writer that does not compare, as Python's client, change one
// flag in Redis. The processes lose nothing among themselves; what the other one
// overwrites, it overwrites, and every later change of ours stays.
func TestTwoProcessesAndPlainWriter(t *testing.T) {
	redisServer := redistest.StartTCP(t)
	plain := redisServer.Client(t)
	var writers [2]*flipper.FeatureFlagClient
	for i := range writers {
		writers[i] = client(t, serve(t, t.TempDir(), "--store", "redis://"+redisServer.Addr()).thrift)
	}
	_, err := writers[0].Create(t.Context(), "X")
	must(t, err)

	const each = 100
	write := func(round string) *sync.WaitGroup {
		var writing sync.WaitGroup
		for i, features := range writers {
			writing.Go(func() {
				for n := range each {
					if err := features.SetClientData(t.Context(), "X", map[string]any{fmt.Sprint(round, i, "_", n): true}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		return &writing
	}
	check := func(round string) {
		t.Helper()
		data, err := writers[0].ClientData(t.Context(), "X")
		must(t, err)
		for i := range writers {
			for n := range each {
				if key := fmt.Sprint(round, i, "_", n); data[key] != true {
					t.Fatalf("%s is lost", key)
				}
			}
		}
	}

	write("alone").Wait()
	check("alone")

	// The plain writer reads, and sets what it read, over and over.
	writing := write("mixed")
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
			}
			item, err := plain.Get(t.Context(), "features/X").Result()
			if err == nil {
				err = plain.Set(t.Context(), "features/X", item, 0).Err()
			}
			if err != nil {
				t.Error(err)
				return
			}
		}
	}()
	writing.Wait()
	close(stop)
	<-stopped
	write("after").Wait()
	check("after")
}
