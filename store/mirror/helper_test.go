// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package mirror_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/bolt"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/store/mirror"
	"github.com/flipper-go/flipper/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long tests wait for what has to happen.
const patience = 20 * time.Second

var quiet = slog.New(slog.DiscardHandler)

var errDown = fmt.Errorf("it is down: %w", store.ErrUnavailable)

// over makes a mirror that ends with the test.
func over(t testing.TB, inner store.Watcher, opts ...mirror.Option) *mirror.Store {
	t.Helper()
	s := mirror.New(inner, append([]mirror.Option{mirror.WithLogger(quiet)}, opts...)...)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func ready(t testing.TB, s *mirror.Store) *mirror.Store {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := s.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
	return s
}

func newBolt(t *testing.T) store.Watcher {
	t.Helper()
	s, err := bolt.Open(filepath.Join(t.TempDir(), "flags.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// TestStore holds mirrors to the contract, those that are ready and those that are
// just made. A second handle is a mirror of its own over the same store: it has
// to follow the watch.
func TestStore(t *testing.T) {
	for name, newInner := range map[string]func(t *testing.T) store.Watcher{
		"Memory": func(*testing.T) store.Watcher { return memory.New() },
		"Bolt":   newBolt,
	} {
		t.Run(name, func(t *testing.T) {
			var inner sync.Map
			open := func(t *testing.T, below store.Watcher) store.Store {
				s := over(t, below)
				if name == "Bolt" {
					ready(t, s)
				}
				inner.Store(s, below)
				return s
			}
			storetest.Run(t, storetest.Harness{
				Patience: time.Minute, // writers race through copies that lag
				New:      func(t *testing.T) store.Store { return open(t, newInner(t)) },
				Second: func(t *testing.T, s store.Store) store.Store {
					below, _ := inner.Load(s)
					return open(t, below.(store.Watcher))
				},
			})
		})
	}
}

// A scripted store is a watcher that tells what a test says, in a synctest
// bubble, and whose reads fail or wait when a test says so.
type scripted struct {
	store.Store
	script       chan told
	gets, lists  atomic.Int64
	mu           sync.Mutex
	err          error
	stop, parked chan struct{}
}

type told struct {
	change store.Change
	err    error
	end    bool
}

func newScripted(s store.Store) *scripted {
	return &scripted{Store: s, script: make(chan told)}
}

// tell returns when what was told is dealt with.
func (s *scripted) tell(change store.Change, err error) {
	s.script <- told{change, err, false}
	synctest.Wait()
}

func (s *scripted) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// hold makes the reads that come wait, with what they have read, until release;
// pass lets further ones go on.
func (s *scripted) hold() (parked <-chan struct{}, pass, release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	stop := make(chan struct{})
	s.stop, s.parked = stop, make(chan struct{}, 1000)
	pass = func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.stop = nil
	}
	return s.parked, pass, sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.stop == stop {
			s.stop = nil
		}
		close(stop)
	})
}

func (s *scripted) state() (stop, parked chan struct{}, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stop, s.parked, s.err
}

func wait(ctx context.Context, stop, parked chan struct{}) error {
	if stop == nil {
		return nil
	}
	parked <- struct{}{}
	select {
	case <-stop:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *scripted) Get(ctx context.Context, name string) (*store.Flag, error) {
	s.gets.Add(1)
	stop, parked, err := s.state()
	if err != nil {
		return nil, err
	}
	f, getErr := s.Store.Get(ctx, name)
	if err := wait(ctx, stop, parked); err != nil {
		return nil, err
	}
	return f, getErr
}

func (s *scripted) List(ctx context.Context) iter.Seq2[*store.Flag, error] {
	return func(yield func(*store.Flag, error) bool) {
		s.lists.Add(1)
		stop, parked, err := s.state()
		if err != nil {
			yield(nil, err)
			return
		}
		var flags []*store.Flag
		for f, err := range s.Store.List(ctx) {
			if err != nil {
				yield(nil, err)
				return
			}
			flags = append(flags, f)
		}
		if err := wait(ctx, stop, parked); err != nil {
			yield(nil, err)
			return
		}
		for _, f := range flags {
			if !yield(f, nil) {
				return
			}
		}
	}
}

func (s *scripted) Watch(ctx context.Context) iter.Seq2[store.Change, error] {
	return func(yield func(store.Change, error) bool) {
		for {
			select {
			case told := <-s.script:
				if told.end || !yield(told.change, told.err) {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}
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
func set(t testing.TB, s store.Store, name string, enabled bool) {
	t.Helper()
	if _, err := store.Update(t.Context(), s, name, func(f *store.Flag) error {
		f.Enabled = enabled
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// wantEnabled checks what Get and Peek return.
func wantEnabled(t testing.TB, s *mirror.Store, name string, enabled bool) {
	t.Helper()
	f, err := s.Get(t.Context(), name)
	if err != nil || f.Enabled != enabled {
		t.Errorf("get %q: %+v, %v; want enabled %t", name, f, err, enabled)
	}
	if f, known := s.Peek(name); known && (f == nil || f.Enabled != enabled) {
		t.Errorf("peek %q: %+v", name, f)
	}
}

func wantMissing(t testing.TB, s store.Store, name string) {
	t.Helper()
	if f, err := s.Get(t.Context(), name); !errors.Is(err, store.ErrNotFound) || f != nil {
		t.Errorf("get %q: %v, %v; want ErrNotFound", name, f, err)
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

// reports are what an error handler was told.
type reports struct {
	mu   sync.Mutex
	errs []error
}

func (r *reports) add(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errs = append(r.errs, err)
}

func (r *reports) all() []error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.errs)
}
