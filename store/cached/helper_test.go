// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package cached_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/bolt"
	"github.com/flipper-go/flipper/store/cached"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long tests wait for what has to happen.
const patience = 20 * time.Second

// over makes a cache that ends with the test.
func over(t testing.TB, inner store.Store, opts ...cached.Option) *cached.Store {
	t.Helper()
	s := cached.New(inner, opts...)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func newBolt(t *testing.T) store.Store {
	t.Helper()
	s, err := bolt.Open(filepath.Join(t.TempDir(), "flags.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// TestStore holds caches to the contract. A second handle is a cache of its own
// over the same store: it has to follow the watch.
func TestStore(t *testing.T) {
	for name, newInner := range map[string]func(t *testing.T) store.Store{
		"Memory": func(*testing.T) store.Store { return memory.New() },
		"Bolt":   newBolt,
	} {
		t.Run(name, func(t *testing.T) {
			var inner sync.Map
			open := func(t *testing.T, below store.Store) store.Store {
				s := over(t, below)
				inner.Store(s, below)
				return s
			}
			storetest.Run(t, storetest.Harness{
				Patience: time.Minute, // writers race through copies that lag
				New:      func(t *testing.T) store.Store { return open(t, newInner(t)) },
				Second: func(t *testing.T, s store.Store) store.Store {
					below, _ := inner.Load(s)
					return open(t, below.(store.Store))
				},
			})
		})
	}
}

// TestSmallStore has a cache that is too small for the suite's flags.
func TestSmallStore(t *testing.T) {
	storetest.Run(t, storetest.Harness{
		Patience: time.Minute, // writers race through copies that lag
		New:      func(t *testing.T) store.Store { return over(t, memory.New(), cached.WithSize(2)) },
	})
}

// A gate is a store that counts reads, and stops or fails them when a test says
// so.
type gate struct {
	store.Store
	gets, running atomic.Int64

	mu      sync.Mutex
	err     error
	stop    chan struct{} // if not nil, reads wait for it when they have read
	arrived chan struct{} // and tell here
}

func newGate(s store.Store) *gate { return &gate{Store: s} }

// fail makes reads fail with err, or not any more if it is nil.
func (g *gate) fail(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.err = err
}

// hold makes reads wait, with what they have read, until release is called.
// arrived gets a token from each.
func (g *gate) hold() (arrived <-chan struct{}, release func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	stop := make(chan struct{})
	g.stop, g.arrived = stop, make(chan struct{}, 1000)
	return g.arrived, sync.OnceFunc(func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.stop = nil
		close(stop)
	})
}

func (g *gate) Get(ctx context.Context, name string) (*store.Flag, error) {
	g.gets.Add(1)
	g.running.Add(1)
	defer g.running.Add(-1)
	g.mu.Lock()
	err, stop, arrived := g.err, g.stop, g.arrived
	g.mu.Unlock()
	if err != nil {
		return nil, err
	}
	f, err := g.Store.Get(ctx, name)
	if stop != nil {
		arrived <- struct{}{}
		select {
		case <-stop:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return f, err
}

// plain hides all of a store but the four methods.
type plain struct{ store.Store }

func put(t testing.TB, s store.Store, f *store.Flag) *store.Flag {
	t.Helper()
	stored, err := s.Put(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	return stored
}

// set switches a flag, whatever it was.
func set(t testing.TB, s store.Store, name string, enabled bool) *store.Flag {
	t.Helper()
	f, err := store.Update(t.Context(), s, name, func(f *store.Flag) error {
		f.Enabled = enabled
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// wantEnabled checks what Get returns.
func wantEnabled(t testing.TB, s store.Store, name string, enabled bool) {
	t.Helper()
	f, err := s.Get(t.Context(), name)
	if err != nil || f.Enabled != enabled {
		t.Errorf("get %q: %+v, %v; want enabled %t", name, f, err, enabled)
	}
}

func wantMissing(t testing.TB, s store.Store, name string) {
	t.Helper()
	if f, err := s.Get(t.Context(), name); !errors.Is(err, store.ErrNotFound) || f != nil {
		t.Errorf("get %q: %v, %v; want ErrNotFound", name, f, err)
	}
}

func wantGets(t testing.TB, g *gate, when string, want int64) {
	t.Helper()
	if n := g.gets.Swap(0); n != want {
		t.Errorf("%s: %d reads below, want %d", when, n, want)
	}
}

// eventually waits until a condition holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

var errDown = fmt.Errorf("it is down: %w", store.ErrUnavailable)
