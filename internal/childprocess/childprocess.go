// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

// Package childprocess runs the servers that tests need as child processes that
// never outlive the test process, however that ends: normally, by a panic, by
// the time limit of go test, or by kill -9.
//
//	server := childprocess.Start(t, "redis-server", "--port", "0", "--unixsocket", path)
//	...
//	server.Stop()     // it hangs
//	server.Continue()
//	server.Kill()     // it crashes
//
// It works by a pipe. The command runs beneath a shell whose standard input is
// the pipe's reading end; the test process has the only writing end. When the
// test process ends, the kernel closes the pipe, and the shell kills the command.
// (Linux could do that without a shell, but ties it to the thread that started
// the command, and kills early when that thread ends.)
package childprocess

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// script runs its arguments as a command and waits for that. Beside it, a
// subshell reads the pipe, in which nothing ever comes: when it ends, so does
// the command. File descriptor 3 takes the command's process id.
const script = `
exec 4<&0 </dev/null
"$@" 3>&- 4<&- &
command=$!
{ read -r line <&4; kill -9 $command; } 3>&- >/dev/null 2>&1 &
guard=$!
echo $command >&3
exec 3>&- 4<&-
wait $command
status=$?
kill -9 $guard
exit $status
`

// A Command is what to run. Name is needed.
type Command struct {
	Name string   // of the program, looked up in the PATH if it has no slash
	Args []string // the arguments, without the program's name
	Env  []string // in addition to the test process's own, as in "KEY=value"
	Dir  string   // where to run; the test process's directory if empty
}

// A Process is a running command. It is safe for concurrent use.
type Process struct {
	t      testing.TB
	name   string
	pid    int
	input  io.Closer // the pipe
	output output
	done   chan struct{}
	err    error // how it ended; to be read when done is closed
}

// Start runs a command until the test ends, and fails the test if it cannot be
// started.
func Start(t testing.TB, name string, args ...string) *Process {
	t.Helper()
	return Command{Name: name, Args: args}.Start(t)
}

// Start runs the command until the test ends, and fails the test if it cannot be
// started.
func (c Command) Start(t testing.TB) *Process {
	t.Helper()
	p, err := c.start()
	if err != nil {
		t.Fatalf("start %s: %v", c.Name, err)
	}
	p.t = t
	t.Cleanup(p.Kill)
	return p
}

func (c Command) start() (*Process, error) {
	path, err := exec.LookPath(c.Name)
	if err != nil {
		return nil, err
	}
	p := &Process{name: c.Name, done: make(chan struct{})}
	command := exec.Command("/bin/sh", append([]string{"-c", script, "sh", path}, c.Args...)...)
	command.Dir = c.Dir
	command.Env = append(os.Environ(), c.Env...)
	command.Stdout, command.Stderr = &p.output, &p.output
	if p.input, err = command.StdinPipe(); err != nil {
		return nil, err
	}
	tells, told, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer tells.Close()
	command.ExtraFiles = []*os.File{told}
	err = command.Start()
	told.Close()
	if err != nil {
		return nil, err
	}
	go func() {
		p.err = command.Wait()
		close(p.done)
	}()
	if _, err := fmt.Fscan(tells, &p.pid); err != nil {
		p.input.Close()
		<-p.done
		return nil, fmt.Errorf("no process id: %w\n%s", err, p.Output())
	}
	return p, nil
}

// PID returns the command's process id.
func (p *Process) PID() int { return p.pid }

// Done returns a channel that is closed when the command has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Wait waits until the command has ended. It returns an [*exec.ExitError] if that
// was not with status 0; a command that is killed has status 137.
func (p *Process) Wait() error {
	<-p.done
	return p.err
}

// Output returns what the command has written to its standard output and standard
// error so far.
func (p *Process) Output() string { return p.output.String() }

// Kill ends the command at once, as a crash would, and waits until it has ended.
// It does nothing if it has ended already.
func (p *Process) Kill() {
	p.Signal(syscall.SIGKILL)
	<-p.done
	p.input.Close()
}

// Stop makes the command hang, until [Process.Continue]: its connections stay
// open, and nothing is answered. It returns when the command hangs, where the
// system tells in /proc: on a busy machine a thread goes on for a while.
func (p *Process) Stop() {
	p.Signal(syscall.SIGSTOP)
	for deadline := time.Now().Add(patience); p.runs(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			p.t.Errorf("%s still runs %v after it was stopped", p.name, patience)
			return
		}
	}
}

// patience is how long a command may take to stop.
const patience = 10 * time.Second

// runs reports whether a thread of the command is known to run.
func (p *Process) runs() bool {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", p.pid))
	if err != nil {
		return false
	}
	for _, thread := range threads {
		// 1234 (name, which may hold anything) S ...; see proc_pid_stat(5).
		text, err := os.ReadFile(thread)
		if err != nil {
			continue // it has ended
		}
		state := bytes.TrimSpace(text[bytes.LastIndexByte(text, ')')+1:])
		if len(state) > 0 && !bytes.ContainsRune([]byte("TtZX"), rune(state[0])) {
			return true
		}
	}
	return false
}

// Continue lets a command go on that was stopped.
func (p *Process) Continue() { p.Signal(syscall.SIGCONT) }

// Signal sends a signal to the command, if it has not ended.
func (p *Process) Signal(signal syscall.Signal) {
	select {
	case <-p.done:
		return
	default:
	}
	if err := syscall.Kill(p.pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
		p.t.Errorf("%s: signal %v: %v", p.name, signal, err)
	}
}

// output collects what is written to it.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.ToValidUTF8(o.text.String(), "\ufffd")
}
