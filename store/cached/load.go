// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package cached

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/flipper-go/flipper/store"
)

// reload reads a flag below, together with others who want it. If that is not
// possible, the old entry is the answer; it is nil if there is none.
func (s *Store) reload(ctx context.Context, name string, old *entry) (*store.Flag, error) {
	if old != nil && s.age(old) > s.maxStale {
		old = nil
	}
	var patience <-chan time.Time
	if old != nil {
		if !old.mayTry(s.now()) {
			return old.answer()
		}
		timer := time.NewTimer(s.reloadWait)
		defer timer.Stop()
		patience = timer.C
	}
	select {
	case result := <-s.load(name):
		if result.Err == nil {
			return result.Val.(*store.Flag), nil
		}
		if old != nil && isFailure(result.Err) {
			return old.answer()
		}
		return nil, result.Err
	case <-ctx.Done():
		if old != nil {
			old.failed(s.now())
			return old.answer()
		}
		return nil, ctx.Err()
	case <-patience:
		old.failed(s.now())
		return old.answer()
	case <-s.ctx.Done():
		return nil, store.ErrClosed
	}
}

// load begins to read a flag below, or joins those who wait for that. One who
// comes after a change does not join one that began before: it would be given
// what was.
func (s *Store) load(name string) <-chan singleflight.Result {
	key := strconv.FormatUint(s.shard(name).now(), 36) + " " + name
	return s.flights.DoChan(key, func() (any, error) { return s.loadNow(name) })
}

func (s *Store) loadNow(name string) (*store.Flag, error) {
	if !s.begin() {
		return nil, store.ErrClosed
	}
	defer s.goroutines.Done()
	epoch := s.shard(name).now()
	ctx, cancel := context.WithTimeout(s.ctx, s.loadTimeout)
	defer cancel()
	f, err := s.inner.Get(ctx, name)
	switch {
	case err == nil:
		s.keep(name, f, epoch)
		return f, nil
	case errors.Is(err, store.ErrNotFound):
		s.keep(name, nil, epoch)
		return nil, err
	case s.ctx.Err() != nil:
		return nil, store.ErrClosed
	case !isFailure(err):
		s.drop(name, epoch)
		return nil, err
	case ctx.Err() != nil && !errors.Is(err, store.ErrUnavailable):
		// Nobody's own context has ended.
		err = fmt.Errorf("%w: no flag %q within %v", store.ErrUnavailable, name, s.loadTimeout)
	}
	s.loadFailed(name, err)
	return nil, err
}

func (s *Store) loadFailed(name string, err error) {
	e, ok := s.entries.Peek(name)
	if !ok || s.isFresh(e) {
		return
	}
	e.failed(s.now())
	if s.options.failed != nil {
		s.options.failed(name, s.age(e), err)
	}
}

// isFailure reports whether an error says nothing about the flag.
func isFailure(err error) bool {
	for _, known := range []error{store.ErrNotFound, store.ErrUnreadable, store.ErrInvalid, store.ErrClosed} {
		if errors.Is(err, known) {
			return false
		}
	}
	return true
}
