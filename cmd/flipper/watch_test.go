// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main_test

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/flipper-go/flipper/internal/consultest"
	"github.com/flipper-go/flipper/internal/redistest"
)

// A running is a command that has not ended.
type running struct {
	*exec.Cmd
	t              *testing.T
	stdin          io.WriteCloser
	stdout, stderr *bufio.Reader
}

func begin(t *testing.T, args ...string) *running {
	t.Helper()
	r := &running{Cmd: exec.CommandContext(t.Context(), binary, args...), t: t}
	stdin, err := r.StdinPipe()
	must(t, err)
	stdout, err := r.StdoutPipe()
	must(t, err)
	stderr, err := r.StderrPipe()
	must(t, err)
	r.stdin, r.stdout, r.stderr = stdin, bufio.NewReader(stdout), bufio.NewReader(stderr)
	must(t, r.Start())
	return r
}

// reads reads the next line, which has to match.
func (r *running) reads(from *bufio.Reader, pattern string) {
	r.t.Helper()
	line, err := from.ReadString('\n')
	if err != nil || !regexp.MustCompile(pattern).MatchString(line) {
		r.t.Fatalf("%q, %v, want %s", line, err, pattern)
	}
}

// ends waits for the end, which has to have an exit code.
func (r *running) ends(code int) {
	r.t.Helper()
	rest, err := io.ReadAll(r.stderr)
	must(r.t, err)
	_, err = io.Copy(io.Discard, r.stdout)
	must(r.t, err)
	err = r.Wait()
	if got := r.ProcessState.ExitCode(); got != code {
		r.t.Errorf("%q ends with %d (%v), want %d:\n%s", r.Args, got, err, code, rest)
	}
}

// flipperRun runs a command that has to succeed.
func flipperRun(t *testing.T, args ...string) string {
	t.Helper()
	var stderr bytes.Buffer
	command := exec.CommandContext(t.Context(), binary, args...)
	command.Stderr = &stderr
	output, err := command.Output()
	if err != nil {
		t.Fatalf("%q: %v\n%s", args, err, &stderr)
	}
	return string(output)
}

// A watch over each store that processes share shows what others change, in both
// forms, and ends with 0 on a signal.
func TestWatch(t *testing.T) {
	p := serve(t, t.TempDir(), "--store", "memory:")
	for name, url := range map[string]string{
		"Redis":  "redis://" + redistest.StartTCP(t).Addr(),
		"Consul": "consul://" + consultest.Start(t).Address,
		"Thrift": "thrift://" + p.thrift,
	} {
		t.Run(name, func(t *testing.T) {
			change := func(args ...string) { flipperRun(t, append(args, "--store", url)...) }
			change("create", "OTHER")
			change("create", "A")
			all := begin(t, "watch", "--store", url)
			all.reads(all.stderr, "^watching 2 flags in .*; Ctrl-C ends it\n$")
			one := begin(t, "watch", "A", "-o", "json", "--store", url)
			one.reads(one.stderr, "^watching 1 flag")

			change("enable", "OTHER")
			all.reads(all.stdout, `^\d\d:\d\d:\d\d ~ OTHER: switched on\n$`)
			change("data", "merge", "A", "x=1")
			all.reads(all.stdout, `^\d\d:\d\d:\d\d ~ A: client data: x is now 1\n$`)
			one.reads(one.stdout, `^\{"time": "20\S+Z", "change": "update", "name": "A", "before": \{"feature_name": "A".*"client_data": \{\}.*"after": \{"feature_name": "A".*"client_data": \{"x": 1\}`)
			change("destroy", "--yes", "A")
			all.reads(all.stdout, `^\d\d:\d\d:\d\d - A: deleted, was off\n$`)
			one.reads(one.stdout, `"change": "delete", "name": "A", "before": \{.*\}, "after": null\}\n$`)
			change("create", "A", "--enabled")
			all.reads(all.stdout, `^\d\d:\d\d:\d\d \+ A: created, on for everyone\n$`)
			one.reads(one.stdout, `"change": "create", "name": "A", "before": null, "after": \{`)

			must(t, all.Process.Signal(os.Interrupt))
			all.ends(0)
			must(t, one.Process.Signal(syscall.SIGTERM))
			one.ends(0)
		})
	}
}

// A watch goes on when the store is back, and shows what changed meanwhile.
func TestWatchGoesOn(t *testing.T) {
	directory := t.TempDir()
	p := serve(t, directory)
	url := "thrift://" + p.thrift
	flipperRun(t, "create", "A", "--store", url)
	w := begin(t, "watch", "--store", url)
	w.reads(w.stderr, "^watching 1 flag")
	must(t, p.stop(t, syscall.SIGTERM))
	w.reads(w.stderr, "^connection lost, trying again: ")
	flipperRun(t, "enable", "A", "--store", "bolt:"+filepath.Join(directory, "flags.db"))
	serve(t, directory, "--listen", p.thrift)
	w.reads(w.stderr, "^connected again\n$")
	w.reads(w.stdout, "~ A: switched on\n$")
	must(t, w.Process.Signal(os.Interrupt))
	w.ends(0)
}

// A flag that becomes unreadable is not shown as deleted.
func TestWatchUnreadable(t *testing.T) {
	server := redistest.StartTCP(t)
	url, redis := "redis://"+server.Addr(), server.Client(t)
	flipperRun(t, "create", "A", "--store", url)
	item, err := redis.Get(t.Context(), "features/A").Result()
	must(t, err)
	w := begin(t, "watch", "--store", url)
	w.reads(w.stderr, "^watching 1 flags")
	set := func(text string) {
		t.Helper()
		must(t, redis.Set(t.Context(), "features/A", text, 0).Err())
	}
	set("no JSON")
	w.reads(w.stderr, `^stored flag "A" is unreadable: `)
	set(strings.Replace(item, "false", "true", 1))
	w.reads(w.stdout, "~ A: switched on\n$")
	set("no JSON")
	w.reads(w.stderr, `^stored flag "A" is unreadable: `)
	flipperRun(t, "destroy", "--yes", "A", "--store", url)
	w.reads(w.stdout, "- A: deleted, was unreadable\n$")
	must(t, w.Process.Signal(os.Interrupt))
	w.ends(0)
}

// A wrong password is said to be one, and not shown.
func TestWrongPassword(t *testing.T) {
	address := redistest.StartTCP(t, "--requirepass", "right").Addr()
	for _, url := range []string{"redis://" + address, "redis://:wrong@" + address, "redis://user:wrong@" + address} {
		r := begin(t, "list", "--store", url)
		message, err := io.ReadAll(r.stderr)
		must(t, err)
		r.ends(4)
		if text := string(message); !strings.HasPrefix(text, "flipper: wrong password: put redis://USER:PASSWORD@HOST:PORT into FLIPPER_STORE (") ||
			strings.Count(text, "\n") != 1 || strings.Contains(text, "wrong@") {
			t.Errorf("%s: %s", url, text)
		}
	}
	if got := flipperRun(t, "create", "X", "--store", "redis://:right@"+address); got != "X: created, off; flipper enable X switches it on for everyone\n" {
		t.Error(got)
	}
}

// Who asks with lines of JSON gets each answer before the next question.
func TestEvalAnswersAtOnce(t *testing.T) {
	r := begin(t, "eval")
	for range 3 {
		_, err := io.WriteString(r.stdin, `{"item": {"feature_name": "X", "is_enabled": true, "meta": {"created_date": 1}}}`+"\n")
		must(t, err)
		r.reads(r.stdout, `^\{"enabled": true, "variant": "on", "value": true, "reason": "STATIC", "rule": null\}\n$`)
	}
	must(t, r.stdin.Close())
	r.ends(0)
}
