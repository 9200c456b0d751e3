// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package cached

import (
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/flipper-go/flipper/store"
)

// An entry is what is held of one name. Times are durations since the store was
// made, by the monotonic clock.
type entry struct {
	flag     *store.Flag   // nil if there is none
	epoch    uint64        // the shard's when it was made
	expires  time.Duration // when it has to be read again, even if nothing is told
	outdated atomic.Bool   // it has to be read again
	known    atomic.Int64  // when it was last known to be current
	retry    atomic.Int64  // when reading it again may be tried again; 0 if that did not fail
}

func (e *entry) answer() (*store.Flag, error) {
	if e.flag == nil {
		return nil, store.ErrNotFound
	}
	return e.flag, nil
}

// mayTry reports whether one who wants to read it again may try, and if that
// failed before, keeps others from trying for a pause.
func (e *entry) mayTry(now time.Duration) bool {
	retry := e.retry.Load()
	return retry == 0 || now >= time.Duration(retry) && e.retry.CompareAndSwap(retry, afterPause(now))
}

// failed notes that reading it again failed.
func (e *entry) failed(now time.Duration) { e.retry.Store(afterPause(now)) }

func (e *entry) hasFailed() bool { return e.retry.Load() != 0 }

// retryPause is between attempts to read a flag again after one has failed, and
// bounds how long a cache is wrong after a fault that its watch does not see. Up
// to a half less, at random.
const retryPause = 500 * time.Millisecond

func afterPause(now time.Duration) int64 {
	return int64(now + retryPause - rand.N(retryPause/2))
}

// now is the time since the store was made. It is never 0.
func (s *Store) now() time.Duration { return time.Since(s.made) + 1 }

func (s *Store) newEntry(f *store.Flag, epoch uint64) *entry {
	ttl := s.ttl
	if f == nil {
		ttl = min(ttl, s.missTTL)
	}
	now := s.now()
	e := &entry{flag: f, epoch: epoch, expires: now + ttl - rand.N(ttl/10+1)}
	e.known.Store(int64(now))
	return e
}

// isFresh reports whether an entry is an answer by itself. While the store below
// tells of every change, the clock is not looked at, which would take as long as
// all the rest: expire does that.
func (s *Store) isFresh(e *entry) bool {
	return !e.outdated.Load() && (s.trusted.Load() || s.now() < e.expires)
}

// age returns how long ago the entry was last known to be current.
func (s *Store) age(e *entry) time.Duration {
	if s.trusted.Load() && !e.outdated.Load() {
		return 0
	}
	return s.now() - time.Duration(e.known.Load())
}

// outdate has an entry read again when it is next asked for, whether that failed
// before or not.
func (s *Store) outdate(e *entry) {
	if s.trusted.Load() && !e.outdated.Load() {
		e.known.Store(int64(s.now()))
	}
	e.outdated.Store(true)
	e.retry.Store(0)
}
