// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package childprocess

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// childVariable makes the test binary start a command, say its process id, and
// wait to be ended.
const childVariable = "CHILDPROCESS_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		p, err := Command{Name: "sleep", Args: []string{"600"}}.start()
		if err != nil {
			panic(err)
		}
		fmt.Println(p.PID())
		select {}
	}
	goleak.VerifyTestMain(m)
}

func running(pid int) bool { return syscall.Kill(pid, 0) == nil }

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not after 10 seconds: %s", what)
		}
	}
}

// TestKilledParent kills a process that has started a command.
func TestKilledParent(t *testing.T) {
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), childVariable+"=1")
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Fscan(out, &pid); err != nil {
		t.Fatal(err)
	}
	if !running(pid) {
		t.Error("the command does not run")
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait() // it says that it was killed
	eventually(t, "the command has ended", func() bool { return !running(pid) })
}

func TestEnd(t *testing.T) {
	var p *Process
	t.Run("Running", func(t *testing.T) {
		p = Start(t, "sleep", "600")
		if !running(p.PID()) {
			t.Error("the command does not run")
		}
	})
	select {
	case <-p.Done():
	default:
		t.Error("the command runs after its test")
	}
	if running(p.PID()) {
		t.Error("the process is there after its test")
	}
	p.Kill() // does nothing
}

func TestExit(t *testing.T) {
	p := Command{
		Name: "sh", Args: []string{"-c", `echo "$ONE $1"; pwd; cat; echo two >&2; exit 3`, "sh", "an  argument"},
		Env: []string{"ONE=one"}, Dir: "/",
	}.Start(t)
	err := p.Wait()
	if e, ok := errors.AsType[*exec.ExitError](err); !ok || e.ExitCode() != 3 {
		t.Errorf("it ended with %v, want status 3", err)
	}
	if got := p.Output(); got != "one an  argument\n/\ntwo\n" {
		t.Errorf("output is %q", got)
	}
	if err := Start(t, "true").Wait(); err != nil {
		t.Errorf("true: %v", err)
	}
	p = Start(t, "sleep", "600")
	p.Kill()
	if e, ok := errors.AsType[*exec.ExitError](p.Wait()); !ok || e.ExitCode() != 137 {
		t.Errorf("killed: it ended with %v, want status 137", p.Wait())
	}
}

func TestStop(t *testing.T) {
	p := Start(t, "sh", "-c", "while echo tick; do sleep 0.01; done")
	ticks := func() int { return strings.Count(p.Output(), "tick") }
	eventually(t, "it runs", func() bool { return ticks() > 0 })
	p.Stop()
	if p.runs() {
		t.Error("a thread runs after Stop")
	}
	before := -1
	eventually(t, "it has stopped", func() bool {
		last := before
		before = ticks()
		time.Sleep(50 * time.Millisecond)
		return last == before
	})
	p.Continue()
	eventually(t, "it goes on", func() bool { return ticks() > before })
	p.Stop()
	p.Kill()
}

func TestMissing(t *testing.T) {
	if _, err := (Command{Name: "no-such-program"}).start(); !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("a program that does not exist: %v", err)
	}
	if _, err := (Command{Name: "true", Dir: "/no/such/directory"}).start(); err == nil {
		t.Error("a directory that does not exist: no error")
	}
}
