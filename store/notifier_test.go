// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"fmt"
	"iter"
	"slices"
	"testing"

	"github.com/flipper-go/flipper/store"
)

// TestNotifyError has a reader that looks only now and then: it is told how things
// are, in an order that makes sense.
func TestNotifyError(t *testing.T) {
	var n store.Notifier
	lost := fmt.Errorf("connection lost: %w", store.ErrUnavailable)
	next, stop := iter.Pull2(n.Watch(t.Context()))
	defer stop()
	want := func(next func() (store.Change, error, bool), all bool, names []string, wantErr error) {
		t.Helper()
		change, err, ok := next()
		if !ok || change.All != all || !slices.Equal(change.Names, names) || err != wantErr {
			t.Errorf("watch yields %v, %v, %t; want %t, %q, %v", change, err, ok, all, names, wantErr)
		}
	}
	want(next, true, nil, nil)

	n.Notify("A")
	n.NotifyError(lost)
	want(next, false, []string{"A"}, nil)
	want(next, false, nil, lost)

	n.NotifyAll()
	n.NotifyError(lost)
	want(next, true, nil, nil)
	want(next, false, nil, lost)

	// One who comes now is told as well.
	late, stopLate := iter.Pull2(n.Watch(t.Context()))
	defer stopLate()
	want(late, true, nil, nil)
	want(late, false, nil, lost)

	// What is over is not told.
	n.NotifyError(lost)
	n.NotifyAll()
	n.Notify("B")
	want(next, true, nil, nil)
	want(late, true, nil, nil)
	fresh, stopFresh := iter.Pull2(n.Watch(t.Context()))
	defer stopFresh()
	want(fresh, true, nil, nil)

	n.Notify("C")
	want(next, false, []string{"C"}, nil)
	n.NotifyError(lost)
	n.Close()
	want(next, false, nil, store.ErrClosed)
	if _, _, ok := next(); ok {
		t.Error("watch goes on after ErrClosed")
	}
}
