// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package scope lets a program start the servers that tests start, with the same
// code.
package scope

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync"
	"testing"
)

// A Scope stands in for a test: its failures are errors, and what is to be cleaned
// up is cleaned up when it ends. Methods of a test that are not here panic. Fatal
// and Fatalf are for the function that Run runs, as in a test.
type Scope struct {
	testing.TB // nil: only what is declared here exists

	name string
	ctx  context.Context

	mu       sync.Mutex
	errs     []error
	cleanups []func()
}

// Run runs f and then, last first, what it asked to be cleaned up. It returns the
// error of f, and those that f reported.
func Run(ctx context.Context, name string, f func(s *Scope) error) error {
	ctx, cancel := context.WithCancel(ctx)
	s := &Scope{name: name, ctx: ctx}
	var err error
	ended := make(chan struct{})
	go func() { // of its own, because Fatal ends it
		defer close(ended)
		err = f(s)
	}()
	<-ended
	cancel()
	for _, cleanup := range slices.Backward(s.cleanups) {
		cleanup()
	}
	return errors.Join(append(s.errs, err)...)
}

// Helper does nothing.
func (s *Scope) Helper() {}

// Name returns the name.
func (s *Scope) Name() string { return s.name }

// Context returns a context that ends before the cleanup.
func (s *Scope) Context() context.Context { return s.ctx }

// Cleanup says what to call at the end.
func (s *Scope) Cleanup(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cleanups = append(s.cleanups, f)
}

// Error reports an error, and goes on.
func (s *Scope) Error(args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.errs = append(s.errs, errors.New(fmt.Sprint(args...)))
}

// Errorf reports an error, and goes on.
func (s *Scope) Errorf(format string, args ...any) { s.Error(fmt.Sprintf(format, args...)) }

// Fatal reports an error and ends the function that Run runs.
func (s *Scope) Fatal(args ...any) {
	s.Error(args...)
	runtime.Goexit()
}

// Fatalf reports an error and ends the function that Run runs.
func (s *Scope) Fatalf(format string, args ...any) { s.Fatal(fmt.Sprintf(format, args...)) }

// Log writes to the standard error.
func (s *Scope) Log(args ...any) { fmt.Fprintln(os.Stderr, args...) }

// Logf writes to the standard error.
func (s *Scope) Logf(format string, args ...any) { s.Log(fmt.Sprintf(format, args...)) }

// TempDir makes a directory, which is removed at the end.
func (s *Scope) TempDir() string {
	directory, err := os.MkdirTemp("", "bench")
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = os.RemoveAll(directory) })
	return directory
}
