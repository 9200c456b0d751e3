// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// The time of a child is our own, that of a grandchild too.
func TestDescendantsTime(t *testing.T) {
	before := descendantsTime(os.Getpid())
	child := exec.CommandContext(t.Context(), "sh", "-c", "sh -c 'while :; do :; done'; :")
	child.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = syscall.Kill(-child.Process.Pid, syscall.SIGKILL) // the grandchild too
		_ = child.Wait()
	}()
	for deadline := time.Now().Add(30 * time.Second); descendantsTime(os.Getpid())-before < 5*tick; {
		if time.Now().After(deadline) {
			t.Fatal("the time of a busy grandchild is not seen")
		}
	}
}

func TestBusyTime(t *testing.T) {
	before := busyTime()
	if before < 0 {
		t.Fatal("/proc/stat cannot be read")
	}
	for deadline := time.Now().Add(30 * time.Second); busyTime()-before < 5*tick; {
		if time.Now().After(deadline) {
			t.Fatal("our own time is not seen")
		}
	}
	own := ownTime()
	for deadline := time.Now().Add(30 * time.Second); ownTime()-own < 5*tick; {
		if time.Now().After(deadline) {
			t.Fatal("our own time is not seen")
		}
	}
}
