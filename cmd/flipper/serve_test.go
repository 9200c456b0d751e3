// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/flipper-go/flipper/internal/faultproxy"
	"github.com/flipper-go/flipper/internal/redistest"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/thriftrpc"
)

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	const patience = 30 * time.Second
	for deadline := time.Now().Add(patience); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not after %v", what, patience)
		}
	}
}

// A testCertificate is a self-signed certificate for 127.0.0.1 in files.
type testCertificate struct {
	certificate, key string // paths
	pool             *x509.CertPool
}

func newCertificate(t *testing.T, directory string, serial int64, notAfter time.Time) testCertificate {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "flipper"},
		NotBefore: notAfter.Add(-48 * time.Hour), NotAfter: notAfter,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	must(t, err)
	parsed, err := x509.ParseCertificate(der)
	must(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	must(t, err)
	c := testCertificate{filepath.Join(directory, "tls.crt"), filepath.Join(directory, "tls.key"), x509.NewCertPool()}
	c.pool.AddCert(parsed)
	must(t, os.WriteFile(c.certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	must(t, os.WriteFile(c.key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), 0o600))
	return c
}

// On SIGHUP new certificates are served, and connections go on.
func TestServeReloadsOnHangup(t *testing.T) {
	directory := t.TempDir()
	first := newCertificate(t, directory, 1, time.Now().Add(time.Hour))
	p := serve(t, t.TempDir(), "--tls-cert", first.certificate, "--tls-key", first.key, "--http-tls", "--store", "memory:")
	live := thriftrpc.New(p.thrift, thriftrpc.WithTLS(&tls.Config{RootCAs: first.pool, MinVersion: tls.VersionTLS12}))
	t.Cleanup(func() { must(t, live.Close()) })
	works := func() {
		t.Helper()
		if _, err := live.Get(t.Context(), "X"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%v\n%s", err, p.log)
		}
	}
	works()
	second := newCertificate(t, directory, 2, time.Now().Add(2*time.Hour))
	must(t, p.Process.Signal(syscall.SIGHUP))
	for _, address := range []string{p.thrift, p.http} {
		eventually(t, "the second certificate", func() bool {
			conn, err := tls.Dial("tcp", address, &tls.Config{RootCAs: second.pool, MinVersion: tls.VersionTLS12})
			if err != nil {
				return false
			}
			return conn.Close() == nil
		})
	}
	works()
	must(t, os.WriteFile(second.key, nil, 0o600))
	must(t, p.Process.Signal(syscall.SIGHUP))
	eventually(t, "a word on the key", func() bool { return strings.Contains(p.log.String(), "holds no private key") })
	works()
	must(t, p.stop(t, syscall.SIGTERM))
}

// SIGHUP does not end a server without certificates.
func TestServeHangupWithoutCertificates(t *testing.T) {
	p := serve(t, t.TempDir(), "--store", "memory:")
	must(t, p.Process.Signal(syscall.SIGHUP))
	eventually(t, "a word on it", func() bool { return strings.Contains(p.log.String(), "there are no certificates to load") })
	must(t, p.stop(t, syscall.SIGTERM))
}

// A second signal ends the server at once, whatever is in flight.
func TestServeSecondSignal(t *testing.T) {
	proxy := faultproxy.New(t, redistest.StartTCP(t).Addr())
	p := serve(t, t.TempDir(), "--store", "redis://"+proxy.Addr(), "--shutdown-timeout", "10m", "--pprof")
	s := thriftrpc.New(p.thrift, thriftrpc.WithTimeout(time.Minute))
	t.Cleanup(func() { must(t, s.Close()) })
	if _, err := s.Get(t.Context(), "X"); !errors.Is(err, store.ErrNotFound) {
		t.Fatal(err)
	}
	proxy.Stall(faultproxy.Both)
	called := make(chan error, 1)
	go func() {
		_, err := s.Put(t.Context(), &store.Flag{Name: "X"})
		called <- err
	}()
	eventually(t, "the call is in flight", func() bool {
		return strings.Contains(get(t, "http://"+p.http+"/debug/pprof/goroutine?debug=1"), "(*Service).CompareAndSet")
	})
	must(t, p.Process.Signal(syscall.SIGTERM))
	eventually(t, "stopping", func() bool { return strings.Contains(p.log.String(), "msg=stopping") })
	err := p.stop(t, syscall.SIGTERM)
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
		t.Errorf("%v, want an end by the signal", err)
	}
	if err := <-called; err == nil {
		t.Error("the call is answered")
	}
}

// systemd is told when the server is up, and when it stops; see sd_notify(3).
func TestServeNotifies(t *testing.T) {
	directory, err := os.MkdirTemp("", "notify") //nolint:usetesting // t.TempDir may be too long for a socket
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(directory) })
	sockets := []string{filepath.Join(directory, "s")}
	if runtime.GOOS == "linux" {
		sockets = append(sockets, fmt.Sprintf("@flipper-test-%d", os.Getpid())) // an abstract one
	}
	for _, socket := range sockets {
		supervisor, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
		must(t, err)
		must(t, supervisor.SetReadDeadline(time.Now().Add(time.Minute)))
		receive := func() string {
			buffer := make([]byte, 1000)
			n, err := supervisor.Read(buffer)
			must(t, err)
			return string(buffer[:n])
		}
		t.Setenv("NOTIFY_SOCKET", socket)
		p := serve(t, t.TempDir(), "--store", "memory:")
		if got := receive(); !slices.Contains(strings.Split(got, "\n"), "READY=1") {
			t.Errorf("%s: at the start: %q", socket, got)
		}
		must(t, p.stop(t, syscall.SIGTERM))
		if got := receive(); !slices.Contains(strings.Split(got, "\n"), "STOPPING=1") {
			t.Errorf("%s: at the end: %q", socket, got)
		}
		must(t, supervisor.Close())
	}
	// That nobody listens is logged, and no reason not to serve.
	t.Setenv("NOTIFY_SOCKET", filepath.Join(directory, "nobody"))
	p := serve(t, t.TempDir(), "--store", "memory:")
	must(t, p.stop(t, syscall.SIGTERM))
	if !strings.Contains(p.log.String(), "the supervisor could not be told") {
		t.Errorf("nothing is logged:\n%s", p.log)
	}
}

// A server whose store cannot be reached starts, says so, and is ready later.
func TestServeBeforeItsStore(t *testing.T) {
	proxy := faultproxy.New(t, redistest.StartTCP(t).Addr())
	proxy.Refuse()
	p := serve(t, t.TempDir(), "--store", "redis://"+proxy.Addr())
	readiness := func() string { return get(t, "http://"+p.http+"/readyz") }
	if got := readiness(); got != "503 the store could not be read yet\n" {
		t.Errorf("%q", got)
	}
	eventually(t, "a word in the log", func() bool {
		return strings.Contains(p.log.String(), "not ready: the store could not be read yet, and is asked again until it can")
	})
	if _, stderr, code := outcome(t, "list", "--store", "thrift://"+p.thrift); code != 4 || !strings.Contains(stderr, "cannot reach its own store: see its log") {
		t.Errorf("%s%d", stderr, code)
	}
	proxy.Heal()
	eventually(t, "ready", func() bool { return readiness() == "200 ok\n" })
	eventually(t, "the flags in the log", func() bool { return strings.Contains(p.log.String(), `msg="flags are loaded"`) })
	for line := range strings.Lines(p.log.String()) {
		if !strings.HasPrefix(line, "time=") {
			t.Errorf("not a structured line: %s", line)
		}
	}
}

// Logs and metrics say which process they are of.
func TestServeIdentity(t *testing.T) {
	p := serve(t, t.TempDir(), "--store", "memory:", "--log-format", "text", "--app-name", "shop", "--environment", "staging", "--instance-id", "pod-7")
	if !strings.Contains(p.log.String(), "app_name=shop environment=staging instance_id=pod-7") {
		t.Errorf("log:\n%s", p.log)
	}
	for name, family := range scrapeProcess(t, p) {
		for _, metric := range family {
			for _, want := range []string{"app_name=shop", "environment=staging", "instance_id=pod-7"} {
				if !slices.Contains(metric, want) {
					t.Errorf("%s has the labels %q", name, metric)
				}
			}
		}
	}
	must(t, p.stop(t, syscall.SIGTERM))
}

// Logs in JSON are a JSON object in each line.
func TestServeLogsJSON(t *testing.T) {
	command := exec.CommandContext(t.Context(), binary, "serve", "--store", "memory:", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0",
		"--log-format", "json", "--instance-id", "x")
	log := &lockedBuffer{}
	command.Stderr = struct{ io.Writer }{log} // to be written with its lock
	must(t, command.Start())
	eventually(t, "serving", func() bool { return strings.Contains(log.String(), "serving flags") })
	must(t, command.Process.Signal(syscall.SIGTERM))
	must(t, command.Wait())
	for line := range strings.Lines(log.String()) {
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil || entry["instance_id"] != "x" || entry["level"] == nil {
			t.Errorf("%s: %v", line, err)
		}
	}
}

// scrapeProcess returns the labels of each metric, by name.
func scrapeProcess(t *testing.T, p *process) map[string][][]string {
	t.Helper()
	_, text, _ := strings.Cut(get(t, "http://"+p.http+"/metrics"), " ")
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	must(t, err)
	metrics := map[string][][]string{}
	for name, family := range families {
		for _, metric := range family.GetMetric() {
			var labels []string
			for _, label := range metric.GetLabel() {
				labels = append(labels, label.GetName()+"="+label.GetValue())
			}
			metrics[name] = append(metrics[name], labels)
		}
	}
	return metrics
}

// What a person may get wrong about TLS and addresses is one line that says what
// to do.
func TestServeErrors(t *testing.T) {
	good := newCertificate(t, t.TempDir(), 1, time.Now().Add(time.Hour))
	other := newCertificate(t, t.TempDir(), 2, time.Now().Add(time.Hour))
	expired := newCertificate(t, t.TempDir(), 3, time.Now().Add(-time.Hour))
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--tls-cert", expired.certificate, "--tls-key", expired.key}, "renew it"},
		{[]string{"--tls-cert", good.certificate, "--tls-key", other.key}, "give the two that were issued together"},
		{[]string{"--tls-cert", good.certificate, "--tls-key", "nowhere.pem"}, "nowhere.pem: no such file"},
		{[]string{"--tls-cert", good.certificate, "--tls-key", good.key, "--tls-client-ca", good.key}, "no certificate in PEM form"},
		{[]string{"--tls-client-ca", good.certificate}, "both --tls-cert and --tls-key"},
		{[]string{"--http-tls"}, "--http-tls needs --tls-cert and --tls-key"},
		{[]string{"--pprof", "--http", ""}, "--pprof needs an address: set --http"},
		{[]string{"--listen", "127.0.0.1"}, "missing port"},
		{[]string{"--listen", "192.0.2.1:0", "--insecure"}, "cannot assign requested address"},
		{[]string{"--listen", ":0"}, "set --tls-cert, --tls-key and --tls-client-ca, listen on 127.0.0.1, or trust the whole network with --insecure"},
		{[]string{"--listen", ":0", "--tls-cert", good.certificate, "--tls-key", good.key}, "set --tls-cert, --tls-key and --tls-client-ca"},
		{[]string{"--listen", "127.0.0.1:0", "--http", ":0", "--pprof"}, "leave out --pprof, set --http to an address on 127.0.0.1, or"},
	} {
		args := append([]string{"serve", "--store", "memory:"}, c.args...)
		command := exec.CommandContext(t.Context(), binary, args...)
		command.Dir = t.TempDir()
		var stderr bytes.Buffer
		command.Stderr = &stderr
		err := command.Run()
		var exit *exec.ExitError
		line, more, _ := strings.Cut(stderr.String(), "\n")
		if !errors.As(err, &exit) || exit.ExitCode() <= 0 || !strings.Contains(line, c.want) || !strings.HasPrefix(line, "flipper: ") || more != "" {
			t.Errorf("%q: %v, %q does not say %q in one line", c.args, err, stderr.String(), c.want)
		}
	}
}

var (
	helpFlag = regexp.MustCompile(`(?m)^   --([a-z-]+)(?:,? .*)?\[\$([A-Z_]+)\]$`)
	docFlag  = regexp.MustCompile("(?m)^\\| `--([a-z-]+)` \\| `([A-Z_]+)` \\| ?([^|]*)\\|")
	docName  = regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| (counter|gauge|histogram) \\| ?([^|]*)\\|")
	inQuotes = regexp.MustCompile("`([^`]*)`")
)

// The guide's table of settings is what the help says.
func TestServeGuideHasFlags(t *testing.T) {
	guide, err := os.ReadFile("../../docs/server.md")
	must(t, err)
	_, own, _ := strings.Cut(flipperRun(t, "serve", "--help"), "\nOPTIONS:\n")
	_, global, _ := strings.Cut(flipperRun(t, "--help"), "\nGLOBAL OPTIONS:\n")
	// An option may take several lines.
	options := regexp.MustCompile(`\n {6,}`).ReplaceAllString(own+global, " ")
	inHelp := map[string]string{}
	for _, match := range helpFlag.FindAllStringSubmatch(options, -1) {
		if slices.Contains([]string{"output", "timeout"}, match[1]) {
			continue // of the other commands
		}
		value := regexp.MustCompile(`\(default: "?([^")]*)"?\)`).FindStringSubmatch(match[0])
		inHelp[match[1]] = match[2]
		if value != nil {
			inHelp[match[1]] += " " + value[1]
		}
	}
	if len(inHelp) < 15 {
		t.Fatalf("%d flags in the help:\n%s", len(inHelp), options)
	}
	inGuide := map[string]string{}
	for _, match := range docFlag.FindAllStringSubmatch(string(guide), -1) {
		inGuide[match[1]] = match[2]
		if value := inQuotes.FindStringSubmatch(match[3]); value != nil {
			inGuide[match[1]] += " " + value[1]
		}
	}
	for name, want := range inHelp {
		got := inGuide[name]
		switch name {
		case "store", "instance-id": // whose defaults are said in words
			want, _, _ = strings.Cut(want, " ")
			got, _, _ = strings.Cut(got, " ")
		}
		if got != want {
			t.Errorf("--%s: the guide says %q, the help %q", name, got, want)
		}
		delete(inGuide, name)
	}
	if len(inGuide) > 0 {
		t.Errorf("the guide has flags that are none: %v", inGuide)
	}
}

// The guide's table of metrics is what a server shows that has done a little of
// everything.
func TestServeGuideHasMetrics(t *testing.T) {
	guide, err := os.ReadFile("../../docs/server.md")
	must(t, err)
	certificate := newCertificate(t, t.TempDir(), 1, time.Now().Add(time.Hour))
	p := serve(t, t.TempDir(), "--tls-cert", certificate.certificate, "--tls-key", certificate.key, "--environment", "test")
	s := thriftrpc.New(p.thrift, thriftrpc.WithTLS(&tls.Config{RootCAs: certificate.pool, MinVersion: tls.VersionTLS12}))
	if _, err := s.Get(t.Context(), "X"); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
	for change, err := range s.Watch(t.Context()) {
		must(t, err)
		if change.All {
			break
		}
	}
	must(t, s.Close())
	api := regexp.MustCompile(` api=(\S+)`).FindStringSubmatch(p.log.String())
	if api == nil {
		t.Fatalf("the API is not served:\n%s", p.log)
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: certificate.pool, MinVersion: tls.VersionTLS12}}}
	response, err := client.Get("https://" + api[1] + "/api/v1/feature-flags")
	must(t, err)
	must(t, response.Body.Close())
	client.CloseIdleConnections()
	shown := map[string]string{} // the labels but those of the process
	eventually(t, "all metrics", func() bool {
		for name, metrics := range scrapeProcess(t, p) {
			var labels []string
			for _, label := range metrics[0] {
				label, _, _ = strings.Cut(label, "=")
				if !slices.Contains([]string{"app_name", "environment", "instance_id"}, label) {
					labels = append(labels, label)
				}
			}
			slices.Sort(labels)
			shown[name] = strings.Join(labels, " ")
		}
		_, counted := shown["flipper_flags"]
		_, watched := shown["flipper_thrift_watches_ended_total"]
		return counted && watched
	})
	documented := map[string]string{}
	for _, match := range docName.FindAllStringSubmatch(string(guide), -1) {
		var labels []string
		for _, label := range inQuotes.FindAllStringSubmatch(match[3], -1) {
			labels = append(labels, label[1])
		}
		slices.Sort(labels)
		documented[match[1]] = strings.Join(labels, " ")
	}
	for name, labels := range shown {
		if !strings.HasPrefix(name, "flipper_") {
			continue
		}
		if got, ok := documented[name]; !ok || got != labels {
			t.Errorf("%s has the labels %q, the guide says %q (%t)", name, labels, got, ok)
		}
		delete(documented, name)
	}
	if len(documented) > 0 {
		t.Errorf("the guide has metrics that are not shown: %v", documented)
	}
	must(t, p.stop(t, syscall.SIGTERM))
}

// What others could reach is refused before there is a file of flags, and served
// with a warning if the network is trusted.
func TestServeExposed(t *testing.T) {
	directory := t.TempDir()
	command := exec.CommandContext(t.Context(), binary, "serve")
	command.Dir = directory
	command.Env = append(os.Environ(), "FLIPPER_LISTEN=:0", "FLIPPER_HTTP=127.0.0.1:0")
	output, err := command.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 2 || !strings.Contains(string(output), "--insecure") {
		t.Errorf("%v: %s", err, output)
	}
	if files, err := os.ReadDir(directory); err != nil || len(files) > 0 {
		t.Errorf("%v, %v, want an empty directory", files, err)
	}
	t.Setenv("FLIPPER_INSECURE", "true")
	p := serve(t, directory, "--listen", ":0")
	if !strings.Contains(p.log.String(), `level=WARN msg="insecure: other machines can reach this address`) {
		t.Errorf("nothing warns:\n%s", p.log)
	}
	must(t, p.stop(t, syscall.SIGTERM))
}

// Profiles are served if asked for.
func TestServePprof(t *testing.T) {
	for want, args := range map[string][]string{"404": nil, "200": {"--pprof"}} {
		p := serve(t, t.TempDir(), append(args, "--store", "memory:")...)
		if got := get(t, "http://"+p.http+"/debug/pprof/cmdline"); !strings.HasPrefix(got, want) {
			t.Errorf("%v: %q, want %s", args, got, want)
		}
		must(t, p.stop(t, syscall.SIGTERM))
	}
}
