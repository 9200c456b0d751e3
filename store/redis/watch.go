// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package redis

import (
	"context"
	"iter"
	"math/rand/v2"
	"time"

	"github.com/flipper-go/flipper/store"
)

// The pauses after a lost connection. The first attempt comes at once; the
// longest pause is short enough that a server that is back is found within a
// second.
const (
	pauseMin = 20 * time.Millisecond
	pauseMax = 500 * time.Millisecond
)

// Watch implements [store.Watcher]. Each loop has a connection of its own
// to each master; package mirror makes do with one loop for any number of flags.
//
// In a cluster that has lost a master, it goes on to tell of the changes that the
// other masters announce.
func (s *Store) Watch(ctx context.Context) iter.Seq2[store.Change, error] {
	return func(yield func(store.Change, error) bool) {
		if ctx.Err() != nil {
			return
		}
		p, stop := s.track(ctx)
		defer stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-s.ctx.Done():
				yield(store.Change{}, store.ErrClosed)
				return
			case <-p.wake:
			}
			for ctx.Err() == nil && s.ctx.Err() == nil {
				change, ok, err := p.take()
				if !ok {
					break
				}
				if !yield(change, err) {
					return
				}
			}
		}
	}
}

// track starts to track changes. stop ends that, and waits.
func (s *Store) track(ctx context.Context) (p *pending, stop func()) {
	p = newPending()
	ctx, cancel := context.WithCancel(ctx)
	unlink := context.AfterFunc(s.ctx, cancel)
	done := make(chan struct{})
	started := s.start(func() {
		defer close(done)
		(&tracker{s: s, pending: p}).run(ctx)
	})
	if !started {
		close(done)
	}
	return p, func() {
		unlink()
		cancel()
		<-done
	}
}

// pause waits before the next attempt; before the first (0), it does not.
func pause(ctx context.Context, attempt int) {
	if attempt == 0 {
		return
	}
	longest := min(pauseMin<<min(attempt, 16), pauseMax)
	wait(ctx, longest/2+rand.N(longest/2))
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
