// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package cached

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"time"

	"github.com/flipper-go/flipper/store"
)

// ErrNoWatch is what [Store.Watch] ends with over a store that is not a
// [store.Watcher]. It matches [errors.ErrUnsupported].
var ErrNoWatch = fmt.Errorf("the cached store cannot tell of changes: %w", errors.ErrUnsupported)

// rewatchPause is before a watch that ended by itself is begun again.
const rewatchPause = time.Second

// Watch implements [store.Watcher], if the store below is one. It yields a
// change once Get and Peek no longer return the state before it.
//
// If the store below cannot watch, the sequence yields a change with All set,
// then an error that matches [errors.ErrUnsupported], and ends.
func (s *Store) Watch(ctx context.Context) iter.Seq2[store.Change, error] {
	return func(yield func(store.Change, error) bool) {
		select {
		case <-s.heard: // so that the first change is not told before every later one would be
		case <-s.ctx.Done():
		case <-ctx.Done():
		}
		for change, err := range s.notifier.Watch(ctx) {
			if !yield(change, err) || errors.Is(err, errors.ErrUnsupported) {
				return
			}
		}
	}
}

// follow invalidates what the store below tells of, until Close.
func (s *Store) follow(w store.Watcher) {
	for s.ctx.Err() == nil {
		err := s.followOnce(w)
		switch {
		case s.ctx.Err() != nil:
			return
		case errors.Is(err, store.ErrClosed):
			s.lost(err)
			s.notifier.Close()
			return
		case errors.Is(err, errors.ErrUnsupported):
			return
		}
		s.lost(fmt.Errorf("%w: the watch ended", store.ErrUnavailable))
		select {
		case <-time.After(rewatchPause/2 + rand.N(rewatchPause/2)):
		case <-s.ctx.Done():
		}
	}
}

// followOnce follows one watch, and returns its last error.
func (s *Store) followOnce(w store.Watcher) (last error) {
	for change, err := range w.Watch(s.ctx) {
		last = err
		switch {
		case err != nil:
			s.lost(err)
		case change.All:
			s.invalidateAll()
			s.trusted.Store(true)
			s.notifier.NotifyAll()
			s.hear()
		default:
			for _, name := range change.Names {
				s.invalidate(name)
				s.notifier.Notify(name)
			}
		}
	}
	return last
}

// lost notes that changes may happen that are not told, and may have since the
// connection broke. What is held is read again once, so that it is right as soon
// as reads are, however long the watch takes to stand again.
func (s *Store) lost(err error) {
	if s.trusted.Load() {
		s.invalidateAll()
		s.trusted.Store(false)
	}
	s.notifier.NotifyError(err)
	s.hear()
}

// expire outdates what was held for its time while the store below told of no
// change of it: whatever went wrong with the telling, it ends then.
func (s *Store) expire() {
	ticks := time.NewTicker(max(s.ttl/8, 10*time.Millisecond))
	defer ticks.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-ticks.C:
		}
		now := s.now()
		for _, e := range s.entries.Values() {
			if now >= e.expires && !e.outdated.Load() {
				s.outdate(e)
			}
		}
	}
}
