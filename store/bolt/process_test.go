// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package bolt

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
)

// childVariable makes the test binary a process that uses a file: "write PATH N"
// or "hold PATH".
const childVariable = "FLIPPER_BOLT_CHILD"

func runChild(command string) {
	var err error
	switch words := strings.Fields(command); words[0] {
	case "write":
		n, _ := strconv.Atoi(words[2])
		err = childWrites(words[1], n)
	case "hold":
		err = childHolds(words[1])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// childWrites makes one write after the other, from number n on, until it is
// killed. It prints the number of each that was acknowledged.
func childWrites(path string, n int) error {
	s, err := Open(path)
	if err != nil {
		return err
	}
	ctx := context.Background()
	for ; ; n++ {
		name, isDelete := operation(n)
		if isDelete {
			if err := s.Delete(ctx, name); err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
		} else {
			f, err := s.Get(ctx, name)
			next := &store.Flag{Name: name}
			if err == nil {
				next = f.Clone()
			}
			next.ClientData = numbered(n)
			if _, err := s.Put(ctx, next); err != nil {
				return err
			}
		}
		fmt.Println(n)
	}
}

// childHolds keeps the file open until its input ends.
func childHolds(path string) error {
	s, err := Open(path)
	if err != nil {
		return err
	}
	fmt.Println("open")
	_, _ = io.Copy(io.Discard, os.Stdin)
	return s.Close()
}

// operation returns the write of a number.
func operation(n int) (name string, isDelete bool) {
	return fmt.Sprintf("FLAG%d", n%7), n%10 == 9
}

// numbered returns client data in which each part tells the write's number.
func numbered(n int) targeting.JSON {
	return targeting.JSON(fmt.Sprintf(`{"n": [%s%d]}`, strings.Repeat(fmt.Sprintf("%d, ", n), 300), n))
}

// stateAfter returns what the flags are after the writes up to number n.
func stateAfter(n int) map[string]targeting.JSON {
	state := map[string]targeting.JSON{}
	for i := max(0, n-100); i <= n; i++ { // each flag is written in any 70
		name, isDelete := operation(i)
		if isDelete {
			delete(state, name)
		} else {
			state[name] = numbered(i)
		}
	}
	return state
}

func stateOf(t *testing.T, s *Store) map[string]targeting.JSON {
	t.Helper()
	state := map[string]targeting.JSON{}
	for f, err := range s.List(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		state[f.Name] = f.ClientData
	}
	return state
}

func child(t *testing.T, command string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), childVariable+"="+command)
	cmd.Stderr = os.Stderr
	return cmd
}

// TestKill kills a process that writes, 50 times, and looks at the file it
// leaves: it has all that was acknowledged, and at most the one write more that
// was under way.
func TestKill(t *testing.T) {
	path := newPath(t)
	last, total := -1, 0
	for round := range 50 {
		acknowledged := killed(t, path, last+1, time.Duration(rand.IntN(60))*time.Millisecond, 1)
		total += len(acknowledged)
		for i, n := range acknowledged {
			if n != last+1+i {
				t.Fatalf("round %d: acknowledged %v after %d", round, acknowledged, last)
			}
		}
		last += len(acknowledged)
		s := newStore(t, path)
		switch state := stateOf(t, s); {
		case reflect.DeepEqual(state, stateAfter(last+1)):
			last++
		case !reflect.DeepEqual(state, stateAfter(last)):
			t.Fatalf("round %d: after write %d the file has neither that state nor the next:\n%v", round, last, state)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d writes were acknowledged, none is lost", total)
}

// TestKillWhileMaking kills a process that makes a new file.
func TestKillWhileMaking(t *testing.T) {
	made := 0
	for range 50 {
		path := newPath(t)
		acknowledged := killed(t, path, 0, time.Duration(rand.IntN(40))*time.Millisecond, 0)
		if len(acknowledged) > 0 {
			made++
		}
		s := newStore(t, path)
		last := len(acknowledged) - 1
		if state := stateOf(t, s); !reflect.DeepEqual(state, stateAfter(last)) && !reflect.DeepEqual(state, stateAfter(last+1)) {
			t.Fatalf("after write %d the file has %v", last, state)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d of 50 had begun to write flags", made)
}

// killed starts a process that writes, kills it some time after it has made so
// many writes, and returns the numbers of the writes it printed.
func killed(t *testing.T, path string, from int, after time.Duration, writes int) []int {
	t.Helper()
	cmd := child(t, fmt.Sprintf("write %s %d", path, from))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill := func() { time.AfterFunc(after, func() { _ = cmd.Process.Kill() }) }
	if writes == 0 {
		kill()
	}
	var acknowledged []int
	for lines := bufio.NewReader(out); ; {
		line, err := lines.ReadString('\n')
		if err != nil {
			break
		}
		n, err := strconv.Atoi(strings.TrimSpace(line))
		if err != nil {
			t.Errorf("the process prints %q", line)
		}
		if acknowledged = append(acknowledged, n); len(acknowledged) == writes {
			kill()
		}
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.Exited() {
		t.Fatalf("the process was not killed, but ended by itself: %v", err)
	}
	return acknowledged
}

func TestLockedByAnotherProcess(t *testing.T) {
	path := newPath(t)
	cmd := child(t, "hold "+path)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "open\n" {
		t.Fatalf("the process says %q, %v", line, err)
	}
	start := time.Now()
	_, err = Open(path)
	took := time.Since(start)
	if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), "another process holds "+path) {
		t.Errorf("error is %v, want ErrLocked and the path", err)
	}
	t.Logf("Open gave up after %v", took)
	if took > 10*time.Second {
		t.Errorf("Open took %v", took)
	}
	_ = in.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	newStore(t, path)
}
