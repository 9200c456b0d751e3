// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flippertest

import (
	"sync"
	"testing"
)

// An output is what a test prints and fails with. What comes after its end, from a
// goroutine that the code under test has left behind, is dropped: testing would
// panic.
type output struct {
	mu sync.Mutex
	t  testing.TB // nil after the end
}

func newOutput(t testing.TB) *output {
	o := &output{t: t}
	t.Cleanup(func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.t = nil
	})
	return o
}

// Write writes to the test's output.
func (o *output) Write(text []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.t == nil {
		return len(text), nil
	}
	return o.t.Output().Write(text)
}

func (o *output) errorf(format string, args ...any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.t != nil {
		o.t.Helper()
		o.t.Errorf(format, args...)
	}
}
