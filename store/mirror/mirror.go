// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package mirror

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"github.com/flipper-go/flipper/internal/snapshot"
	"github.com/flipper-go/flipper/store"
)

// A Store is a mirror of another store. It is safe for concurrent use; reads take
// no lock and do not allocate.
type Store struct {
	options
	inner    store.Watcher
	copy     copied
	dirty    dirty
	state    state
	notifier store.Notifier
	stands   chan struct{} // capacity 1: a token when the watch stands again

	began     time.Time
	startOnce sync.Once // for startWithout

	ctx        context.Context // ends with the store
	cancel     context.CancelFunc
	closed     atomic.Bool
	goroutines sync.WaitGroup
}

var (
	_ store.Watcher   = (*Store)(nil)
	_ store.Peeker    = (*Store)(nil)
	_ snapshot.Source = (*Store)(nil)
	_ store.Dated     = (*Store)(nil)
	_ store.Batcher   = (*Store)(nil)
)

// New makes a mirror of a store, which it watches and reads until Close, and
// never closes. It does not wait for anything; see [Store.WaitReady].
func New(inner store.Watcher, opts ...Option) *Store {
	s := &Store{options: newOptions(opts), inner: inner, stands: make(chan struct{}, 1), began: time.Now()}
	s.dirty.init()
	s.state.init(&s.copy.flags)
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.goroutines.Go(s.follow)
	s.goroutines.Go(s.update)
	if s.lastGood != "" || s.initial != nil {
		s.goroutines.Go(s.startInTime)
	}
	if s.lastGood != "" {
		s.goroutines.Go(s.keepLastGood)
	}
	return s
}

// Close ends all watches, writes the file of [WithLastGood] if something changed,
// and waits for that; other calls fail with [store.ErrClosed]. It does not close
// the store below. It is idempotent and returns nil.
func (s *Store) Close() error {
	if !s.closed.Swap(true) {
		s.copy.flags.Hide()
	}
	s.cancel()
	s.goroutines.Wait()
	s.notifier.Close()
	return nil
}

// WaitReady waits until the mirror has all flags: from the store below, or if
// that cannot be asked, from the file of [WithLastGood] or from [WithInitial]. It
// returns ctx's error if that ends before, together with the last error of the
// store below, or [store.ErrClosed]. Nobody needs to call it: until then reads ask
// the store below.
func (s *Store) WaitReady(ctx context.Context) error {
	select {
	case <-s.state.ready:
		return s.check(ctx)
	default:
	}
	select {
	case <-s.state.ready:
		return nil
	case <-s.ctx.Done():
		return store.ErrClosed
	case <-ctx.Done():
		if err := s.state.lastError(); err != nil {
			return fmt.Errorf("%w (the flags could not be read: %w)", ctx.Err(), err)
		}
		return ctx.Err()
	}
}

// check says why a call is to do nothing.
func (s *Store) check(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.closed.Load() {
		return store.ErrClosed
	}
	return nil
}

// Get implements [store.Store]. Until the mirror is ready, it asks the
// store below; see also [WithInitial].
func (s *Store) Get(ctx context.Context, name string) (*store.Flag, error) {
	if err := s.check(ctx); err != nil {
		return nil, err
	}
	if !s.state.isReady() {
		return s.getEarly(ctx, name)
	}
	return s.copy.flags.Held().Get(name)
}

// Peek implements [store.Peeker]. It knows every flag but those that are
// unreadable, once the mirror is ready.
func (s *Store) Peek(name string) (f *store.Flag, known bool) { return s.copy.flags.Load().Peek(name) }

// Snapshots lets the flag client read without a call in between. Only the
// client may use it, and it must not change the Map.
func (s *Store) Snapshots(asked store.Store) *snapshot.Map {
	if asked != store.Store(s) {
		return nil // a store around this one
	}
	return &s.copy.flags
}

// Age implements [store.Dated]: it is the same for all flags. It is 0 while
// the store below tells of changes, and until the mirror is ready.
func (s *Store) Age(name string) (age time.Duration, stale bool) {
	if s.state.isReady() {
		age, stale = s.state.age()
	}
	if dated, ok := s.inner.(store.Dated); ok {
		below, belowStale := dated.Age(name)
		age, stale = age+below, stale || belowStale
	}
	return age, stale
}

// List implements [store.Store]: the flags as they are when the loop
// begins. Until the mirror is ready, it asks the store below, or if there are
// initial flags, waits.
func (s *Store) List(ctx context.Context) iter.Seq2[*store.Flag, error] {
	return func(yield func(*store.Flag, error) bool) {
		if err := s.check(ctx); err != nil {
			yield(nil, err)
			return
		}
		if !s.state.isReady() {
			if s.initial == nil {
				s.inner.List(ctx)(yield)
				return
			}
			if err := s.WaitReady(ctx); err != nil {
				yield(nil, err)
				return
			}
		}
		s.copy.flags.Held().List(ctx)(yield)
	}
}

// Watch implements [store.Watcher]. It yields a change once Get and Peek
// return the new state, and the first one when the mirror is ready.
func (s *Store) Watch(ctx context.Context) iter.Seq2[store.Change, error] {
	return func(yield func(store.Change, error) bool) {
		select {
		case <-s.state.ready:
		case <-s.ctx.Done():
		case <-ctx.Done():
		}
		s.notifier.Watch(ctx)(yield)
	}
}

// Put implements [store.Store]. The flag goes to the store below, and is
// read back from there.
func (s *Store) Put(ctx context.Context, f *store.Flag) (*store.Flag, error) {
	if err := s.check(ctx); err != nil {
		return nil, err
	}
	stored, err := s.inner.Put(ctx, f)
	if !s.readBack(ctx, f.Name, err) && err == nil {
		// The writer must not see what was there before, which is still there if
		// it has the revision that was replaced.
		s.copy.replace(f.Name, f.Revision, stored)
	}
	return stored, err
}

// Delete implements [store.Store].
func (s *Store) Delete(ctx context.Context, name string) error {
	if err := s.check(ctx); err != nil {
		return err
	}
	err := s.inner.Delete(ctx, name)
	if !s.readBack(ctx, name, err) && err == nil {
		s.copy.delete(name)
	}
	return err
}

// Batch is what [store.Batcher] asks for, if the store below can.
func (s *Store) Batch(ctx context.Context, writes []store.Write) ([]*store.Flag, error) {
	if err := s.check(ctx); err != nil {
		return nil, err
	}
	below, ok := s.inner.(store.Batcher)
	if !ok {
		return nil, fmt.Errorf("%w: a %T makes one write at a time", errors.ErrUnsupported, s.inner)
	}
	after, err := below.Batch(ctx, writes)
	if errors.Is(err, errors.ErrUnsupported) {
		return nil, err
	}
	for i, w := range writes {
		if s.readBack(ctx, w.Name, err) || err != nil {
			continue
		}
		if w.Flag != nil {
			s.copy.replace(w.Name, w.Revision, after[i])
		} else {
			s.copy.delete(w.Name)
		}
	}
	return after, err
}

// readBack reads a flag after a write, and reports whether that worked. It is
// read after a write in vain as well: somebody else has changed it, and who tries
// again needs what is there now. If it cannot be read now, it will be.
func (s *Store) readBack(ctx context.Context, name string, err error) bool {
	if errors.Is(err, store.ErrInvalid) || errors.Is(err, store.ErrClosed) {
		return true // nothing was changed
	}
	if err == nil || errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrExists) || errors.Is(err, store.ErrNotFound) {
		if s.read(ctx, name) == nil {
			s.notifier.Notify(name)
			return true
		}
	}
	s.dirty.add(name)
	return false
}
