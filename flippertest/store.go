// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flippertest

import (
	"context"
	"errors"
	"iter"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/memory"
)

// A Store keeps flags in memory, and fails on demand as one fails whose server is
// gone. It is a [store.Watcher], a [store.Peeker] and a [store.Dated], and safe for
// concurrent use. It has one fault at a time: a new one takes the place of the last.
//
// To test code that puts another store around the one that asks a server, put that
// around this one, such as mirror.New(features.Store()).
type Store struct {
	flags    memory.Store // what the server has
	notifier store.Notifier

	mu     sync.Mutex            // held while the fault changes
	fault  atomic.Pointer[fault] // nil: none
	closed bool
}

var (
	_ store.Watcher = (*Store)(nil)
	_ store.Peeker  = (*Store)(nil)
	_ store.Dated   = (*Store)(nil)
)

// NewStore returns an empty store without a fault, which is closed when the test ends.
// [New] makes one for its client.
func NewStore(t testing.TB) *Store {
	s := new(Store)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// Close ends all calls and watches under way with [store.ErrClosed], and makes
// others fail so. It is idempotent and returns nil.
func (s *Store) Close() error {
	_ = s.flags.Close()
	s.become(nil, true)
	s.notifier.Close()
	return nil
}

// set puts a flag in the place of whatever is there, or removes it, if f is nil, as
// somebody else would who can reach the server.
func (s *Store) set(name string, f *store.Flag) error {
	ctx := context.Background()
	for {
		current, err := s.flags.Get(ctx, name)
		switch {
		case err != nil && !errors.Is(err, store.ErrNotFound):
			return err
		case f == nil:
			err = s.flags.Delete(ctx, name)
			if errors.Is(err, store.ErrNotFound) {
				return nil
			}
		default:
			put := f.Clone()
			put.Revision = ""
			if current != nil {
				put.Revision = current.Revision
			}
			_, err = s.flags.Put(ctx, put)
			if errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrExists) {
				continue // the code under test was quicker
			}
		}
		if err == nil {
			s.notify(name)
		}
		return err
	}
}

// notify tells of a change, unless the connection is lost: when it is back,
// everything counts as changed.
func (s *Store) notify(name string) {
	if s.fault.Load() == nil {
		s.notifier.Notify(name)
	}
}

// Get implements [store.Store].
func (s *Store) Get(ctx context.Context, name string) (*store.Flag, error) {
	if err := s.beforeRead(ctx); err != nil {
		return nil, err
	}
	return s.flags.Get(ctx, name)
}

// Peek implements [store.Peeker]. It knows nothing while the store fails or is
// stalled, so that evaluations meet the fault.
func (s *Store) Peek(name string) (f *store.Flag, known bool) {
	if fault := s.fault.Load(); fault != nil && !fault.stale {
		return nil, false
	}
	return s.flags.Peek(name)
}

// Age implements [store.Dated]. It is 0 unless the store is stale.
func (s *Store) Age(string) (age time.Duration, stale bool) {
	if fault := s.fault.Load(); fault != nil && fault.stale {
		return time.Since(fault.current), true
	}
	return 0, false
}

// List implements [store.Store].
func (s *Store) List(ctx context.Context) iter.Seq2[*store.Flag, error] {
	return func(yield func(*store.Flag, error) bool) {
		if err := s.beforeRead(ctx); err != nil {
			yield(nil, err)
			return
		}
		s.flags.List(ctx)(yield)
	}
}

// Put implements [store.Store].
func (s *Store) Put(ctx context.Context, f *store.Flag) (*store.Flag, error) {
	if err := s.beforeWrite(ctx); err != nil {
		return nil, err
	}
	stored, err := s.flags.Put(ctx, f)
	if err == nil {
		s.notify(f.Name)
	}
	return stored, err
}

// Delete implements [store.Store].
func (s *Store) Delete(ctx context.Context, name string) error {
	if err := s.beforeWrite(ctx); err != nil {
		return err
	}
	err := s.flags.Delete(ctx, name)
	if err == nil {
		s.notify(name)
	}
	return err
}

// Watch implements [store.Watcher]. While the store fails or is stale, it
// yields an error; while it is stalled, nothing.
func (s *Store) Watch(ctx context.Context) iter.Seq2[store.Change, error] {
	return func(yield func(store.Change, error) bool) {
		for fault := s.fault.Load(); fault != nil && ctx.Err() == nil; fault = s.fault.Load() {
			if fault.err != nil && !yield(store.Change{}, unavailable(fault.err)) {
				return
			}
			select {
			case <-fault.over:
			case <-ctx.Done():
				return
			}
		}
		s.notifier.Watch(ctx)(yield)
	}
}
