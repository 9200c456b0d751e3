// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package storeurl

import (
	"context"
	"errors"
	"iter"
	"sync"
	"time"

	"github.com/flipper-go/flipper/internal/snapshot"
	"github.com/flipper-go/flipper/store"
)

// A Store is a store that [Open] has opened. It is safe for concurrent use.
type Store struct {
	answers store.Watcher // the mirror, or else the backend
	peeker  store.Peeker  // answers, if it is one
	dated   store.Dated   // likewise
	backend store.Watcher
	place   string

	closes    []func() error // in this order
	closeOnce sync.Once
	closeErr  error
}

var (
	_ store.Watcher   = (*Store)(nil)
	_ store.Peeker    = (*Store)(nil)
	_ store.Dated     = (*Store)(nil)
	_ snapshot.Source = (*Store)(nil)
)

// answer sets the store that answers.
func (s *Store) answer(answers store.Watcher) {
	s.answers = answers
	s.peeker, _ = answers.(store.Peeker)
	s.dated, _ = answers.(store.Dated)
}

// Close closes everything that [Open] has made. It is idempotent.
func (s *Store) Close() error {
	s.closeOnce.Do(func() {
		var errs []error
		for _, c := range s.closes {
			errs = append(errs, c())
		}
		s.closeErr = errors.Join(errs...)
	})
	return s.closeErr
}

// Backend returns the store below the mirror, or the store itself if there is no
// mirror. The observers of [WithObservers] see its calls. Use it to ask the
// backend rather than the memory of this process. Close closes it.
func (s *Store) Backend() store.Watcher { return s.backend }

// String says where the flags are, for people. It holds no secret.
func (s *Store) String() string { return s.place }

// WaitReady waits until reads are answered from memory, or until ctx ends, and
// returns its error then. Without a mirror it returns nil at once, except over
// Consul, which holds its flags too. Nobody needs to call it: reads that come
// earlier ask the server.
func (s *Store) WaitReady(ctx context.Context) error {
	if waiter, ok := s.answers.(interface{ WaitReady(context.Context) error }); ok {
		return waiter.WaitReady(ctx)
	}
	return nil
}

// Get implements [store.Store].
func (s *Store) Get(ctx context.Context, name string) (*store.Flag, error) {
	return s.answers.Get(ctx, name)
}

// Put implements [store.Store].
func (s *Store) Put(ctx context.Context, f *store.Flag) (*store.Flag, error) {
	return s.answers.Put(ctx, f)
}

// Delete implements [store.Store].
func (s *Store) Delete(ctx context.Context, name string) error { return s.answers.Delete(ctx, name) }

// List implements [store.Store].
func (s *Store) List(ctx context.Context) iter.Seq2[*store.Flag, error] { return s.answers.List(ctx) }

// Watch implements [store.Watcher].
func (s *Store) Watch(ctx context.Context) iter.Seq2[store.Change, error] {
	return s.answers.Watch(ctx)
}

// Peek implements [store.Peeker]. Without a mirror, it knows no flag of Redis and
// of the Thrift service.
func (s *Store) Peek(name string) (f *store.Flag, known bool) {
	if s.peeker == nil {
		return nil, false
	}
	return s.peeker.Peek(name)
}

// Age implements [store.Dated].
func (s *Store) Age(name string) (age time.Duration, stale bool) {
	if s.dated == nil {
		return 0, false
	}
	return s.dated.Age(name)
}

// Snapshots lets the flag client read without a call in between. It is for the
// client alone: whoever writes to the result breaks the store.
func (s *Store) Snapshots(asked store.Store) *snapshot.Map {
	if asked != store.Store(s) {
		return nil // a store around this one
	}
	return snapshot.Of(s.answers)
}
