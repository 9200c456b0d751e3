// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package memory keeps flags in the memory of the process.
//
//	features := flipper.New(memory.New())
//
// It is for tests, for examples, and for services whose flags are code. Flags end
// with the process; to keep them on disk use package bolt, which is as fast to
// read. To hold the flags of another store in memory use package cached, which
// holds what was asked for, or package mirror, which holds everything.
package memory

import (
	"context"
	"fmt"
	"iter"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/flipper-go/flipper/internal/snapshot"
	"github.com/flipper-go/flipper/store"
)

// A Store keeps flags in memory. It is a [store.Watcher] and a [store.Peeker].
// The zero value is empty and ready to use. Store is safe for concurrent use;
// reads take no lock, and do not allocate even where there is no flag.
//
// It keeps flags in their stored form, so that reads return what a store on disk
// would return.
type Store struct {
	mu       sync.Mutex // held by the one who changes flags
	revision uint64     // the last one given; none is given twice
	flags    snapshot.Map
	notifier store.Notifier
	closed   atomic.Bool
}

var (
	_ store.Watcher   = (*Store)(nil)
	_ store.Peeker    = (*Store)(nil)
	_ store.Batcher   = (*Store)(nil)
	_ snapshot.Source = (*Store)(nil)
)

// New returns an empty store.
func New() *Store { return new(Store) }

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

// Get implements [store.Store].
func (s *Store) Get(ctx context.Context, name string) (*store.Flag, error) {
	if err := s.check(ctx); err != nil {
		return nil, err
	}
	return s.flags.Held().Get(name)
}

// Peek implements [store.Peeker]. It knows every flag until the store is
// closed.
func (s *Store) Peek(name string) (f *store.Flag, known bool) { return s.flags.Load().Peek(name) }

// Snapshots lets the flag client read without a call in between. Only the
// client may use it, and it must not change the Map.
func (s *Store) Snapshots(asked store.Store) *snapshot.Map {
	if asked != store.Store(s) {
		return nil // a store around this one
	}
	return &s.flags
}

// Put implements [store.Store].
func (s *Store) Put(ctx context.Context, f *store.Flag) (*store.Flag, error) {
	if err := s.check(ctx); err != nil {
		return nil, err
	}
	stored, err := store.Normalize(f)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.check(ctx); err != nil {
		return nil, err
	}
	if err := s.compare(f.Name, f.Revision, false); err != nil {
		return nil, err
	}
	s.put(stored)
	return stored, nil
}

// compare says why a flag cannot be stored, or deleted, over a revision.
func (s *Store) compare(name, revision string, deletes bool) error {
	switch current, _ := s.flags.Held().Peek(name); {
	case deletes && current == nil:
		return fmt.Errorf("delete %q: %w", name, store.ErrNotFound)
	case deletes && revision != "" && current.Revision != revision:
		return fmt.Errorf("delete %q: %w", name, store.ErrConflict)
	case !deletes && revision == "" && current != nil:
		return fmt.Errorf("put %q: %w", name, store.ErrExists)
	case !deletes && revision != "" && (current == nil || current.Revision != revision):
		return fmt.Errorf("put %q: %w", name, store.ErrConflict)
	}
	return nil
}

// put keeps a flag that nobody else has, under a new revision.
func (s *Store) put(stored *store.Flag) {
	s.revision++
	stored.Revision = strconv.FormatUint(s.revision, 10)
	s.flags.Set(stored)
	s.notifier.Notify(stored.Name)
}

// Batch implements [store.Batcher].
func (s *Store) Batch(ctx context.Context, writes []store.Write) ([]*store.Flag, error) {
	after := make([]*store.Flag, len(writes))
	for i, w := range writes {
		if w.Flag == nil {
			continue
		}
		stored, err := store.Normalize(w.Flag)
		if err != nil {
			return nil, fmt.Errorf("put %q: %w", w.Name, err)
		}
		after[i] = stored
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.check(ctx); err != nil {
		return nil, err
	}
	for _, w := range writes {
		if err := s.compare(w.Name, w.Revision, w.Flag == nil); err != nil {
			return nil, err
		}
	}
	for i, w := range writes {
		if w.Flag != nil {
			s.put(after[i])
			continue
		}
		s.flags.Delete(w.Name)
		s.notifier.Notify(w.Name)
	}
	return after, nil
}

// Delete implements [store.Store].
func (s *Store) Delete(ctx context.Context, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.check(ctx); err != nil {
		return err
	}
	if _, err := s.flags.Held().Get(name); err != nil {
		return err
	}
	s.flags.Delete(name)
	s.notifier.Notify(name)
	return nil
}

// List implements [store.Store]. It returns the flags as they are when the
// loop begins.
func (s *Store) List(ctx context.Context) iter.Seq2[*store.Flag, error] {
	return func(yield func(*store.Flag, error) bool) {
		if err := s.check(ctx); err != nil {
			yield(nil, err)
			return
		}
		s.flags.Held().List(ctx)(yield)
	}
}

// Watch implements [store.Watcher]. Changes are told at once.
func (s *Store) Watch(ctx context.Context) iter.Seq2[store.Change, error] {
	return s.notifier.Watch(ctx)
}

// Close ends all watches, and makes other calls fail with [store.ErrClosed]. It
// is idempotent, waits for changes under way, and returns nil.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed.Swap(true) {
		s.flags.Hide()
	}
	s.notifier.Close()
	return nil
}
