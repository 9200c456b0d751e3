// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package storetest is the contract of [store.Store] in executable form. Every
// store of this module passes it; run it on yours:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, storetest.Harness{
//			New: func(t *testing.T) store.Store {
//				s := mystore.New(t.TempDir())
//				t.Cleanup(func() { s.Close() })
//				return s
//			},
//		})
//	}
//
// The more functions the [Harness] has, the more is tested. Tests of what only
// some stores have appear by themselves: for a [store.Watcher], for a
// [store.Peeker], for a [store.Batcher], and for a store with a Close method.
//
// The suite is meant to run under the race detector. It takes a few seconds on a
// fast store; with -short it makes fewer concurrent changes.
package storetest

import (
	"testing"
	"time"

	"github.com/flipper-go/flipper/store"
)

// A Harness tells [Run] how to make a store, and what can be done to it from
// outside. Only New is needed.
type Harness struct {
	// New returns a store that has no flags and shares none with another, and
	// that t cleans up.
	New func(t *testing.T) store.Store

	// Second returns another handle on the flags of s, as another process would
	// have it, that t cleans up. What one handle writes, the other may read a
	// little later.
	Second func(t *testing.T, s store.Store) store.Store

	// Corrupt puts raw in the place of a flag's stored form, beneath s, as
	// another program would. s may notice a little later.
	Corrupt func(t *testing.T, s store.Store, name string, raw []byte)

	// Break makes what s stands on fail, a server or a disk, until heal is
	// called. Reads that s answers from memory may go on.
	Break func(t *testing.T, s store.Store) (heal func())

	// Patience is how long to wait for what has to happen soon, before it
	// counts as failed. It is 10 seconds if 0.
	Patience time.Duration
}

// A suite is one run.
type suite struct {
	Harness
}

// A closer is a store that owns something.
type closer interface{ Close() error }

// Run tests a store. Each part of the contract is a subtest.
func Run(t *testing.T, h Harness) {
	t.Helper()
	if h.New == nil {
		t.Fatal("storetest: the harness has no New")
	}
	if h.Patience == 0 {
		h.Patience = 10 * time.Second
	}
	s := &suite{h}
	t.Run("Script", s.testScripts)
	t.Run("Names", s.testNames)
	t.Run("Size", s.testSize)
	t.Run("Fidelity", s.testFidelity)
	t.Run("Rules", s.testRules)
	t.Run("Independence", s.testIndependence)
	t.Run("List", s.testList)
	t.Run("Concurrency", s.testConcurrency)
	t.Run("Update", s.testUpdate)
	t.Run("Context", s.testContext)
	if h.Corrupt != nil {
		t.Run("Unreadable", s.testUnreadable)
	}
	if h.Break != nil {
		t.Run("Broken", s.testBroken)
	}
	sample := h.New(t)
	if _, ok := sample.(store.Peeker); ok {
		t.Run("Peek", s.testPeek)
	}
	if batches(t, sample) {
		t.Run("Batch", s.testBatch)
	}
	if _, ok := sample.(store.Watcher); ok {
		t.Run("Watch", s.testWatch)
	}
	if _, ok := sample.(closer); ok {
		t.Run("Close", s.testClose)
	}
}
