// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package newcomer_test runs the first day with Flipper, which is a script.
package newcomer_test

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The script goes through, and leaves nothing behind.
func TestNewcomer(t *testing.T) {
	directory := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	script := exec.CommandContext(ctx, "sh", "newcomer.sh")
	script.Env = append(os.Environ(), "TMPDIR="+directory)
	// When time is up it may clean up.
	script.Cancel = func() error { return script.Process.Signal(syscall.SIGTERM) }
	script.WaitDelay = 10 * time.Second
	out, err := script.CombinedOutput()
	if err != nil || !strings.HasSuffix(string(out), "\ndone\n") {
		t.Fatalf("%v\n%s", err, out)
	}
	if left, err := os.ReadDir(directory); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}
