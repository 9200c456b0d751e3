// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flippertest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/flipper-go/flipper/store"
)

var (
	errFailing = fmt.Errorf("%w: the test lets it fail", store.ErrUnavailable)
	errStale   = fmt.Errorf("%w: the test lets it go stale", store.ErrUnavailable)
)

// A fault is what is wrong with a store. It does not change.
type fault struct {
	err     error     // of calls; nil: they block
	stale   bool      // reads are answered nevertheless
	current time.Time // if stale, when flags were last known to be current

	over  chan struct{} // closed when it is over
	block func()        // to be called when a call begins to block
}

// Fail makes all calls fail with an error until [Store.Recover]. nil stands for one
// that matches [store.ErrUnavailable]; wrap that to say more. Nothing is answered
// from memory meanwhile.
func (s *Store) Fail(err error) {
	if err == nil {
		err = errFailing
	}
	s.become(&fault{err: err}, false)
}

// Stall makes all calls block until their contexts end, or until [Store.Recover],
// and then go on. Nothing is answered from memory meanwhile. The channel is closed
// when the first call blocks.
//
//	stalled := features.Store().Stall()
//	go handler.ServeHTTP(w, r)
//	<-stalled
func (s *Store) Stall() <-chan struct{} {
	blocked := make(chan struct{})
	s.become(&fault{block: sync.OnceFunc(func() { close(blocked) })}, false)
	return blocked
}

// GoStale makes the store one that has lost its server until [Store.Recover]: reads
// are answered, from copies that have an age now and grow older, and writes fail.
// Evaluations have the reason [flipper.ReasonStale].
//
// [flipper.ReasonStale]: https://pkg.go.dev/github.com/flipper-go/flipper#ReasonStale
func (s *Store) GoStale(age time.Duration) {
	s.become(&fault{err: errStale, stale: true, current: time.Now().Add(-age)}, false)
}

// Recover ends the fault, if there is one. Calls that block go on, and watches tell
// that everything may have changed.
func (s *Store) Recover() { s.become(nil, false) }

// become puts a fault, or none, in the place of the one that there is.
func (s *Store) become(next *fault, closing bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.closed = closing
	if next != nil {
		next.over = make(chan struct{})
	}
	last := s.fault.Swap(next)
	if last != nil {
		close(last.over)
	}
	switch {
	case next != nil && next.err != nil:
		s.notifier.NotifyError(unavailable(next.err))
	case next == nil && last != nil:
		s.notifier.NotifyAll()
	}
}

// unavailable returns an error as watches tell it.
func unavailable(err error) error {
	if errors.Is(err, store.ErrUnavailable) {
		return err
	}
	return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
}

// beforeRead returns the fault's error for a read, or nil when it can go on.
func (s *Store) beforeRead(ctx context.Context) error { return s.before(ctx, false) }

// beforeWrite returns the fault's error for a write, or nil when it can go on.
func (s *Store) beforeWrite(ctx context.Context) error { return s.before(ctx, true) }

func (s *Store) before(ctx context.Context, write bool) error {
	for {
		f := s.fault.Load()
		switch {
		case f == nil, f.stale && !write:
			return nil // the memory store looks at ctx
		case ctx.Err() != nil:
			return ctx.Err()
		case f.err != nil:
			return f.err
		}
		f.block()
		select {
		case <-f.over:
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", store.ErrUnavailable, ctx.Err())
		}
	}
}
