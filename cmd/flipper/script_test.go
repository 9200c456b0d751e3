// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/flipper-go/flipper/internal/consultest"
	"github.com/flipper-go/flipper/internal/redistest"
)

var update = flag.Bool("update", false, "write what the program does into the golden files")

// TestScripts runs what needs no store, or brings its own.
func TestScripts(t *testing.T) {
	runScripts(t, "testdata/script", func(*testscript.Env) error { return nil })
}

// TestScriptsOverStores runs the same scripts over every store that a command can
// manage. STORE is one that is empty.
func TestScriptsOverStores(t *testing.T) {
	for name, store := range sharedStores(t) {
		t.Run(name, func(t *testing.T) {
			runScripts(t, "testdata/script/stores", func(env *testscript.Env) error {
				url, err := store(env)
				env.Setenv("STORE", url)
				return err
			})
		})
	}
}

// sharedStores returns what makes the URL of a store for a script, by the kind of
// store.
func sharedStores(t *testing.T) map[string]func(*testscript.Env) (string, error) {
	t.Helper()
	redisAddress, consulAddress := redistest.StartTCP(t).Addr(), consultest.Start(t).Address
	return map[string]func(*testscript.Env) (string, error){
		"Bolt": func(*testscript.Env) (string, error) { return "bolt:flags.db", nil },
		"Redis": func(env *testscript.Env) (string, error) {
			return fmt.Sprintf("redis://%s?base_key=%s", redisAddress, filepath.Base(env.WorkDir)), nil
		},
		"Consul": func(env *testscript.Env) (string, error) {
			return fmt.Sprintf("consul://%s?base_key=%s", consulAddress, filepath.Base(env.WorkDir)), nil
		},
		"Thrift": func(env *testscript.Env) (string, error) {
			p, err := startServe(env.WorkDir, "--store", "memory:")
			if err != nil {
				return "", err
			}
			env.Defer(p.kill)
			return "thrift://" + p.thrift, nil
		},
	}
}

func runScripts(t *testing.T, directory string, setup func(*testscript.Env) error) {
	t.Helper()
	testscript.Run(t, testscript.Params{
		Dir:                 directory,
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", filepath.Dir(binary)+string(os.PathListSeparator)+env.Getenv("PATH"))
			env.Setenv("GORACE", os.Getenv("GORACE"))
			return setup(env)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"completes":       completes,
			"fails":           fails,
			"serve":           serveInScript,
			"stop-server":     signalServer(syscall.SIGSTOP),
			"continue-server": signalServer(syscall.SIGCONT),
		},
	})
}

// fails runs a command that is to end with the exit code given.
func fails(ts *testscript.TestScript, negated bool, args []string) {
	if negated || len(args) < 2 {
		ts.Fatalf("usage: fails CODE program [args]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	exit, ok := errors.AsType[*exec.ExitError](ts.Exec(args[1], args[2:]...))
	if !ok {
		ts.Fatalf("ends with 0, want %d", want)
	}
	if got := exit.ExitCode(); got != want {
		ts.Fatalf("ends with %d, want %d", got, want)
	}
}

// completes runs the completion of words until it gives what is in a file: names of
// flags that come too late, as they may on a busy machine, are not given.
func completes(ts *testscript.TestScript, negated bool, args []string) {
	if negated || len(args) < 2 {
		ts.Fatalf("usage: completes FILE words")
	}
	want, got := ts.ReadFile(args[0]), ""
	for deadline := time.Now().Add(patience); got != want; {
		if time.Now().After(deadline) {
			ts.Fatalf("%q gives %q, want %q", args[1:], got, want)
		}
		ts.Check(ts.Exec("flipper", append([]string{"__complete"}, args[1:]...)...))
		got = ts.ReadFile("stdout")
	}
}

// serveInScript runs a server until the script ends, and sets SERVER to its URL.
func serveInScript(ts *testscript.TestScript, negated bool, args []string) {
	if negated {
		ts.Fatalf("usage: serve [flags]")
	}
	p, err := startServe(ts.MkAbs("."), args...)
	ts.Check(err)
	ts.Defer(p.kill)
	ts.Setenv("SERVER", "thrift://"+p.thrift)
	ts.Setenv("SERVER_PID", strconv.Itoa(p.Process.Pid))
}

func signalServer(s syscall.Signal) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, _ bool, _ []string) {
		pid, err := strconv.Atoi(strings.TrimSpace(ts.Getenv("SERVER_PID")))
		ts.Check(err)
		ts.Check(syscall.Kill(pid, s))
	}
}
