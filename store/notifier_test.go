// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"

	"github.com/flipper-go/flipper/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestNotifierMerges has a reader that takes its time: what happens meanwhile
// comes as one change.
func TestNotifierMerges(t *testing.T) {
	var n store.Notifier
	n.Notify("before") // to nobody
	next, stop := iter.Pull2(n.Watch(t.Context()))
	defer stop()
	want := func(all bool, names ...string) {
		t.Helper()
		change, err, ok := next()
		if !ok || err != nil || change.All != all || !slices.Equal(change.Names, names) {
			t.Errorf("watch yields %v, %v, %t; want %t, %q", change, err, ok, all, names)
		}
	}
	want(true)
	for _, name := range []string{"C", "A", "", "C", "B", "A"} {
		n.Notify(name)
	}
	want(false, "", "A", "B", "C")
	n.Notify("A")
	want(false, "A")

	n.Notify("A")
	n.NotifyAll()
	n.Notify("B")
	want(true)
	n.Notify("B")
	want(false, "B")

	// Beyond some number of names, everything counts as changed.
	for i := range 100_000 {
		n.Notify(fmt.Sprint(i))
	}
	want(true)
	n.Notify("last")
	want(false, "last")
}

// TestNotifierReaderOwnsNames changes what it was given, and takes another change.
func TestNotifierReaderOwnsNames(t *testing.T) {
	var n store.Notifier
	next, stop := iter.Pull2(n.Watch(t.Context()))
	defer stop()
	_, _, _ = next()
	n.Notify("A")
	n.Notify("B")
	first, _, _ := next()
	clear(first.Names)
	n.Notify("C")
	second, _, _ := next()
	if !slices.Equal(first.Names, []string{"", ""}) || !slices.Equal(second.Names, []string{"C"}) {
		t.Errorf("names are %q and %q", first.Names, second.Names)
	}
}

// TestNotifierNeverTellsNothing races one reader with many changes of one name.
func TestNotifierNeverTellsNothing(t *testing.T) {
	var n store.Notifier
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var wg sync.WaitGroup
	ready := make(chan struct{})
	told := 0
	wg.Go(func() {
		for change, err := range n.Watch(ctx) {
			if err != nil || !change.All && !slices.Equal(change.Names, []string{"A"}) {
				t.Errorf("watch yields %v, %v", change, err)
			}
			if told++; told == 1 {
				close(ready)
			}
		}
	})
	<-ready
	for range 50_000 {
		n.Notify("A")
	}
	cancel()
	wg.Wait()
	t.Logf("50,000 changes were told as %d", told)
}

// TestNotifierEnds ends loops by their context, by break and by Close, while they
// wait and while they are away.
func TestNotifierEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n store.Notifier
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		ended := 0
		wg.Go(func() {
			for _, err := range n.Watch(ctx) {
				if err != nil {
					t.Errorf("watch yields %v when its context ends", err)
				}
			}
			ended++
		})
		synctest.Wait()
		if ended != 0 {
			t.Fatal("watch ended early")
		}
		cancel()
		wg.Wait()
		for change, err := range n.Watch(ctx) {
			t.Errorf("with a context that has ended, watch yields %v, %v", change, err)
		}

		for range n.Watch(t.Context()) {
			break
		}

		var last error
		wg.Go(func() {
			for _, last = range n.Watch(t.Context()) {
			}
		})
		synctest.Wait()
		n.Close()
		n.Close()
		wg.Wait()
		if !errors.Is(last, store.ErrClosed) {
			t.Errorf("the last that watch yields is %v, want ErrClosed", last)
		}
		n.Notify("A") // to nobody
		n.NotifyAll()
		count := 0
		for _, err := range n.Watch(t.Context()) {
			if count++; !errors.Is(err, store.ErrClosed) {
				t.Errorf("after Close, watch yields %v, want ErrClosed", err)
			}
		}
		if count != 1 {
			t.Errorf("after Close, watch yields %d times", count)
		}
	})
}

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
