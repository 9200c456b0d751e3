// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package thriftrpc_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flipper-go/flipper/internal/featureflagstore"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/thriftrpc"
)

// A watching is a loop over Watch.
type watching struct {
	tb   testing.TB
	next func() (store.Change, error, bool)
}

func watch(tb testing.TB, s store.Watcher) watching {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), patience)
	next, stop := iter.Pull2(s.Watch(ctx))
	tb.Cleanup(func() { cancel(); stop() })
	return watching{tb, next}
}

func (w watching) wantAll() {
	w.tb.Helper()
	if change, err, ok := w.next(); !ok || err != nil || !change.All || change.Names != nil {
		w.tb.Fatalf("watch yields %+v, %v, %v; want All", change, err, ok)
	}
}

func (w watching) wantName(name string) {
	w.tb.Helper()
	if change, err, ok := w.next(); !ok || err != nil || change.All || !slices.Contains(change.Names, name) {
		w.tb.Fatalf("watch yields %+v, %v, %v; want %q", change, err, ok, name)
	}
}

// wantAllAfter passes over errors, which all must match want.
func (w watching) wantAllAfter(want error) {
	w.tb.Helper()
	for {
		change, err, ok := w.next()
		switch {
		case !ok:
			w.tb.Fatal("the watch ended")
		case err == nil && change.All:
			return
		case !errors.Is(err, want):
			w.tb.Fatalf("watch yields %+v, %v; want %v", change, err, want)
		}
	}
}

func TestWatch(t *testing.T) {
	server := serve(t, memoryStore(t))
	s, other := dial(t, server.address), dial(t, server.address)
	w := watch(t, s)
	w.wantAll()
	f := mustPut(t, other, flag("X"))
	w.wantName("X")
	mustPut(t, other, f)
	w.wantName("X")
	if err := other.Delete(t.Context(), "X"); err != nil {
		t.Fatal(err)
	}
	w.wantName("X")
}

// A change is told when it happens, not when the poll is over; and polls that
// end with nothing to tell are not noticed.
func TestWatchManyPolls(t *testing.T) {
	server := serve(t, memoryStore(t))
	s := dial(t, server.address, thriftrpc.WithPollTimeout(time.Millisecond))
	w := watch(t, s)
	w.wantAll()
	time.AfterFunc(200*time.Millisecond, func() { _, _ = s.Put(context.Background(), flag("X")) })
	w.wantName("X")
}

func TestWatchRestart(t *testing.T) {
	server := serve(t, memoryStore(t))
	s := dial(t, server.address)
	w := watch(t, s)
	w.wantAll()
	for _, name := range []string{"A", "B", "C"} {
		server.stop()
		if _, err, ok := w.next(); !ok || !errors.Is(err, store.ErrUnavailable) {
			t.Fatalf("watch yields %v, %v; want ErrUnavailable", err, ok)
		}
		server.start()
		w.wantAllAfter(store.ErrUnavailable)
		mustPut(t, s, flag(name))
		w.wantName(name)
	}
}

// A service that stops politely says so; the watch goes on when it is back.
func TestWatchServiceStopping(t *testing.T) {
	server := serve(t, memoryStore(t))
	w := watch(t, dial(t, server.address))
	w.wantAll()
	if err := server.service.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err, ok := w.next(); !ok || !errors.Is(err, store.ErrUnavailable) {
		t.Fatalf("watch yields %v, %v; want ErrUnavailable", err, ok)
	}
	server.stop()
	server.start()
	w.wantAllAfter(store.ErrUnavailable)
}

// A server that hangs is noticed.
func TestWatchHanging(t *testing.T) {
	behind := serve(t, memoryStore(t))
	var hangs atomic.Bool
	address := accept(t, func(conn net.Conn) {
		relay(conn, behind.address, func(n int64) bool {
			if n > 1 && hangs.Load() {
				hang(conn)
			}
			return true
		})
	})
	s := dial(t, address, thriftrpc.WithTimeout(time.Second), thriftrpc.WithPollTimeout(10*time.Millisecond))
	w := watch(t, s)
	w.wantAll()
	hangs.Store(true)
	_, err, ok := w.next()
	if !ok || !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("watch yields %v, %v; want ErrUnavailable and DeadlineExceeded", err, ok)
	}
	hangs.Store(false)
	w.wantAll()
}

func TestWatchEnds(t *testing.T) {
	for name, address := range map[string]string{
		"Working": serve(t, memoryStore(t)).address,
		"Hanging": accept(t, hang),
		"Absent":  "127.0.0.1:1",
	} {
		t.Run(name, func(t *testing.T) {
			s := dial(t, address, thriftrpc.WithTimeout(time.Second))
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			for _, err := range s.Watch(ctx) {
				if ctx.Err() != nil {
					t.Errorf("yields %v after the context ended", err)
				}
			}
			if ctx.Err() == nil {
				t.Error("ended before the context")
			}
			// The loop may end at any time.
			for range s.Watch(t.Context()) {
				break
			}
			ended := make(chan error)
			go func() {
				var last error
				for _, err := range s.Watch(t.Context()) {
					last = err
				}
				ended <- last
			}()
			_ = s.Close()
			if err := <-ended; !errors.Is(err, store.ErrClosed) {
				t.Errorf("after Close: %v, want ErrClosed", err)
			}
		})
	}
}

// A store may be closed inside its own loops.
func TestCloseInsideLoop(t *testing.T) {
	address := serve(t, memoryStore(t)).address
	s := dial(t, address)
	mustPut(t, s, flag("X"))
	for range s.List(t.Context()) {
		_ = s.Close()
	}
	s = dial(t, address)
	var last error
	for _, err := range s.Watch(t.Context()) {
		last = err
		_ = s.Close()
	}
	if !errors.Is(last, store.ErrClosed) {
		t.Errorf("watch ends with %v, want ErrClosed", last)
	}
}

func TestNoWatch(t *testing.T) {
	check := func(name, address string) {
		w := watch(t, dial(t, address))
		w.wantAll()
		if _, err, ok := w.next(); !ok || !errors.Is(err, thriftrpc.ErrNoWatch) || !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%s: watch yields %v, %v; want ErrNoWatch", name, err, ok)
		}
		if change, err, ok := w.next(); ok {
			t.Errorf("%s: watch goes on with %v, %v", name, change, err)
		}
	}
	check("foreign", serveSix(t, memoryStore(t), nil))
	check("a store that cannot watch", serve(t, struct{ store.Store }{memoryStore(t)}).address)
	// A chain: the service in front says the same as the one behind.
	check("chain", serve(t, dial(t, serveSix(t, memoryStore(t), nil))).address)
}

// A service that answers nonsense without end is asked seldom.
func TestWatchHostile(t *testing.T) {
	position, all, none := "p", true, ""
	for name, answer := range map[string]*featureflagstore.FlagChanges{
		"NoPosition":    {Everything: &all},
		"EmptyPosition": {Position: &none, Everything: &all},
		"AlwaysAll":     {Position: &position, Everything: &all},
		"Nothing":       {Position: &position},
	} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int64
			s := dial(t, serveScripted(t, &scripted{watch: func(string) (*featureflagstore.FlagChanges, error) {
				asked.Add(1)
				return answer, nil
			}}))
			const during = 500 * time.Millisecond
			ctx, cancel := context.WithTimeout(t.Context(), during)
			defer cancel()
			for change, err := range s.Watch(ctx) {
				if err != nil && !errors.Is(err, store.ErrUnavailable) {
					t.Errorf("watch yields %v, %v", change, err)
				}
			}
			// A pause is at least 25 ms.
			if n := asked.Load(); n > int64(during/(25*time.Millisecond))+3 {
				t.Errorf("asked %d times in %v", n, during)
			}
		})
	}
}

// After a failure, what a position meant is no longer certain.
func TestWatchForgetsPosition(t *testing.T) {
	unavailable := featureflagstore.ErrorCode_UNAVAILABLE
	var mu sync.Mutex
	var asked []string
	s := dial(t, serveScripted(t, &scripted{watch: func(position string) (*featureflagstore.FlagChanges, error) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, position)
		if len(asked) == 3 {
			return nil, &featureflagstore.FlipperException{Code: &unavailable}
		}
		next, names := fmt.Sprint(len(asked)), []string{"b", "a", "b"}
		return &featureflagstore.FlagChanges{Position: &next, FeatureNames: names}, nil
	}}))
	w := watch(t, s)
	w.wantAll()
	if change, err, _ := w.next(); err != nil || !slices.Equal(change.Names, []string{"a", "b"}) {
		t.Errorf("watch yields %v, %v; want a and b", change, err)
	}
	if _, err, _ := w.next(); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("watch yields %v, want ErrUnavailable", err)
	}
	w.wantAll()
	mu.Lock()
	defer mu.Unlock()
	if got := asked[:4]; !slices.Equal(got, []string{"", "1", "2", ""}) {
		t.Errorf("asked from %q", got)
	}
}
