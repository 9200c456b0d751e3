// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package freshness_test

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/flipper-go/flipper/internal/consultest"
	"github.com/flipper-go/flipper/internal/pythontest"
	"github.com/flipper-go/flipper/internal/redistest"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/thrift"
)

func TestMain(m *testing.M) {
	if url := os.Getenv(observerVariable); url != "" {
		if err := observe(url); err != nil {
			fmt.Println("failed", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// A writer is a plain client: it sets the flag, and returns when it began to.
type writer func(on bool) time.Time

// A backend is started for a test. It returns the URL of the store, and a writer.
type backend func(t testing.TB) (url string, write writer)

var backends = map[string]backend{"Redis": startRedis, "Consul": startConsul, "Thrift": startThrift}

// item is the flag as a Python client would write it.
func item(on bool) string {
	return fmt.Sprintf(`{"feature_name": %q, "is_enabled": %t, "meta": {"client_data": {}, "created_date": 1700000000, "conditions": [], "bucketer": {"type": "NoOpBucketer"}}}`, flagName, on)
}

func startRedis(t testing.TB) (string, writer) {
	address := redistest.StartTCP(t).Addr()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	replies := bufio.NewReader(conn)
	return "redis://" + address, func(on bool) time.Time {
		text := item(on)
		command := fmt.Sprintf("*3\r\n$3\r\nSET\r\n$%d\r\nfeatures/%s\r\n$%d\r\n%s\r\n", len("features/"+flagName), flagName, len(text), text)
		began := time.Now()
		if _, err := io.WriteString(conn, command); err != nil {
			t.Fatal(err)
		}
		if reply, err := replies.ReadString('\n'); reply != "+OK\r\n" {
			t.Fatal(reply, err)
		}
		return began
	}
}

func startConsul(t testing.TB) (string, writer) {
	address := consultest.Start(t).Address
	return "consul://" + address, func(on bool) time.Time {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://"+address+"/v1/kv/features/"+flagName, strings.NewReader(item(on)))
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, response.Body)
		response.Body.Close()
		if response.StatusCode != http.StatusOK {
			t.Fatal(response.Status)
		}
		return began
	}
}

func startThrift(t testing.TB) (string, writer) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	service := thrift.NewService(memory.New(), thrift.WithLogger(slog.New(slog.DiscardHandler)))
	server := thrift.NewServer(service)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() {
		_ = server.Close()
		_ = service.Close()
	})
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	python := pythontest.Command(t, pythontest.Description(), "testdata/set.py", port, flagName)
	input, output := pipes(t, python)
	return "thrift://" + listener.Addr().String(), func(on bool) time.Time {
		fmt.Fprintln(input, on)
		if !output.Scan() {
			t.Fatal("the Python client ended")
		}
		nanoseconds, err := strconv.ParseInt(output.Text(), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return time.Unix(0, nanoseconds)
	}
}

// pipes starts a command whose input and output are the test's. It ends with the
// test.
func pipes(t testing.TB, command *exec.Cmd) (io.Writer, *bufio.Scanner) {
	t.Helper()
	command.Stderr = os.Stderr
	input, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = input.Close()
		_ = command.Wait()
	})
	return input, bufio.NewScanner(output)
}

// A change is how long after a write began the backend told of it, and IsEnabled
// answered it.
type change struct{ bare, answer time.Duration }

// run makes changes, one after the other, each a pause after the one before was
// answered.
func run(t testing.TB, start backend, changes int, pause time.Duration) []change {
	t.Helper()
	url, write := start(t)
	write(false)
	observer := exec.CommandContext(t.Context(), os.Args[0])
	observer.Env = append(os.Environ(), observerVariable+"="+url)
	_, output := pipes(t, observer)
	say := func() []string {
		if !output.Scan() {
			t.Fatal("the observer ended")
		}
		return strings.Fields(output.Text())
	}
	for words := say(); words[0] != "ready"; words = say() {
		if words[0] == "failed" {
			t.Fatal(words)
		}
	}
	all := make([]change, 0, changes)
	for i := range changes {
		time.Sleep(pause)
		on := i%2 == 0
		began := write(on)
		var c change
		for c.bare == 0 || c.answer == 0 {
			words := say()
			if words[0] == "failed" {
				t.Fatal(words)
			}
			nanoseconds, err := strconv.ParseInt(words[1], 10, 64)
			if err != nil {
				t.Fatal(words, err)
			}
			took := time.Unix(0, nanoseconds).Sub(began)
			switch words[0] {
			case "bare":
				c.bare = max(took, 1)
			case "answer":
				if words[2] != strconv.FormatBool(on) {
					t.Fatalf("change %d: answer %s, want %t", i, words[2], on)
				}
				c.answer = max(took, 1)
			}
		}
		all = append(all, c)
	}
	return all
}

// Every change by a plain client is answered in another process.
func TestFreshness(t *testing.T) {
	for name, start := range backends {
		t.Run(name, func(t *testing.T) {
			if got := run(t, start, 20, 0); len(got) != 20 {
				t.Errorf("%d changes", len(got))
			}
		})
	}
}

// pause is between changes: people make them, and stores may spare their backend
// when they come faster.
const pause = 25 * time.Millisecond

func BenchmarkFreshness(b *testing.B) {
	for name, start := range backends {
		b.Run(name, func(b *testing.B) {
			all := run(b, start, b.N, pause)
			report := func(what string, of func(change) time.Duration) time.Duration {
				var sorted []time.Duration
				for _, c := range all {
					sorted = append(sorted, of(c))
				}
				slices.Sort(sorted)
				p99 := sorted[len(sorted)*99/100]
				b.ReportMetric(float64(sorted[len(sorted)/2].Microseconds()), what+"-p50-µs")
				b.ReportMetric(float64(p99.Microseconds()), what+"-p99-µs")
				b.ReportMetric(float64(sorted[len(sorted)-1].Microseconds()), what+"-max-µs")
				return p99
			}
			bare := report("backend", func(c change) time.Duration { return c.bare })
			answer := report("answer", func(c change) time.Duration { return c.answer })
			b.ReportMetric(float64(answer)/float64(bare), "p99-ratio")
			b.ReportMetric(0, "ns/op")
		})
	}
}
