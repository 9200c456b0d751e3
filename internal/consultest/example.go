// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package consultest

import (
	"fmt"
	"os"
	"slices"
	"testing"
)

// StartForExample starts a server for an Example function, which has no test to
// end it: the caller calls stop. It panics if the server cannot be started.
func StartForExample() (a *Agent, stop func()) {
	t := new(example)
	return Options{Memory: true}.Start(t), t.end
}

// An example stands for a test where there is none.
type example struct {
	testing.TB // nil: what is not below is not called
	cleanups   []func()
}

func (e *example) Helper()                         {}
func (e *example) Cleanup(f func())                { e.cleanups = append(e.cleanups, f) }
func (e *example) Fatal(args ...any)               { panic(fmt.Sprint(args...)) }
func (e *example) Fatalf(text string, args ...any) { panic(fmt.Sprintf(text, args...)) }
func (e *example) Errorf(text string, args ...any) { panic(fmt.Sprintf(text, args...)) }

func (e *example) TempDir() string {
	directory, err := os.MkdirTemp("", "consul")
	if err != nil {
		panic(err)
	}
	e.Cleanup(func() { _ = os.RemoveAll(directory) })
	return directory
}

func (e *example) end() {
	for _, f := range slices.Backward(e.cleanups) {
		f()
	}
}
