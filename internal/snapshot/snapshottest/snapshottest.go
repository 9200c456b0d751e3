// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package snapshottest holds the stores that the flag client reads without a call
// in between to what that needs.
package snapshottest

import (
	"context"
	"errors"
	"testing"

	"github.com/flipper-go/flipper/internal/snapshot"
	"github.com/flipper-go/flipper/store"
)

// A Store is a [snapshot.Source] that can be closed.
type Store interface {
	snapshot.Source
	Close() error
}

// Run checks that what the flag client reads is what Peek returns, from when the
// store is ready until it is closed. It writes to the store and closes it. The
// store is ready and has no flag X.
func Run(t *testing.T, s Store) {
	t.Helper()
	m := snapshot.Of(s)
	if m == nil {
		t.Fatal("the store has no snapshots")
	}
	want := func(when string, wantFlag, wantKnown bool) {
		t.Helper()
		f, known := m.Load().Peek("X")
		if (f != nil) != wantFlag || known != wantKnown {
			t.Errorf("%s: the client has %v, %t", when, f, known)
		}
		if peeked, peekKnown := s.Peek("X"); peeked != f || peekKnown != known {
			t.Errorf("%s: Peek gives %v, %t, and the client has %v, %t", when, peeked, peekKnown, f, known)
		}
	}
	ctx := context.WithoutCancel(t.Context())
	want("before", false, true)
	if _, err := s.Put(ctx, &store.Flag{Name: "X"}); err != nil {
		t.Fatal(err)
	}
	want("after Put", true, true)
	if err := s.Delete(ctx, "X"); err != nil {
		t.Fatal(err)
	}
	want("after Delete", false, true)
	if _, err := s.Put(ctx, &store.Flag{Name: "X"}); err != nil {
		t.Fatal(err)
	}
	around := struct{ Store }{s}
	if snapshot.Of(around) != nil {
		t.Error("a store around this one would be passed by")
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		want("after Close", false, false)
		if _, err := s.Get(ctx, "X"); !errors.Is(err, store.ErrClosed) {
			t.Errorf("after Close: Get gives %v", err)
		}
	}
}
