// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flippertest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A testRun is a test that may fail without failing the one that runs it, to see
// what it fails with.
type testRun struct {
	testing.TB // panics at what is not needed here

	mu       sync.Mutex
	failures []string
	printed  strings.Builder
	cleanups []func()
}

// errFatal ends a testRun.
var errFatal = errors.New("fatal")

// runTest runs a test to its end, and gives what it failed with.
func runTest(test func(t testing.TB)) *testRun {
	r := new(testRun)
	recovering := func(f func()) {
		defer func() {
			if err := recover(); err != nil && err != errFatal {
				panic(err)
			}
		}()
		f()
	}
	recovering(func() { test(r) })
	recovering(r.end)
	return r
}

// end does what testing does when a test has ended.
func (r *testRun) end() {
	for _, cleanup := range slices.Backward(r.cleanups) {
		cleanup()
	}
	r.cleanups = nil
}

func (r *testRun) Helper()                  {}
func (r *testRun) Context() context.Context { return context.Background() }
func (r *testRun) Output() io.Writer        { return r }
func (r *testRun) Cleanup(f func())         { r.cleanups = append(r.cleanups, f) }

func (r *testRun) Write(text []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.printed.Write(text)
}

func (r *testRun) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func (r *testRun) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	panic(errFatal)
}

// want checks what a test failed with.
func (r *testRun) want(t *testing.T, failures ...string) {
	t.Helper()
	if !slices.Equal(r.failures, failures) {
		t.Errorf("the test failed with\n%s\nwant\n%s", strings.Join(r.failures, "\n"), strings.Join(failures, "\n"))
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
