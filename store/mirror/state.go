// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package mirror

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/flipper-go/flipper/internal/snapshot"
)

// state is what the mirror knows about how good its copy is.
type state struct {
	flags     *snapshot.Map // the copy, which is hidden until there is one
	ready     chan struct{} // closed when there is a copy
	loaded    atomic.Bool   // the same, for readers
	freshness atomic.Pointer[freshness]

	mu        sync.Mutex
	gaps      uint64 // how often the watch was lost
	watching  bool   // the store below tells of changes
	polling   bool   // it never will
	elsewhere bool   // the copy is not from the store below
	lost      bool   // that the connection is lost was reported
	err       error  // the last one
}

// freshness is what Age tells.
type freshness struct {
	current bool      // the store below tells of all changes
	known   time.Time // if not, when the copy was last known to be current
	stale   bool
}

// init makes the state of a copy, of which there is none yet.
func (s *state) init(flags *snapshot.Map) {
	s.flags = flags
	s.flags.Hide()
	s.ready = make(chan struct{})
}

func (s *state) isReady() bool { return s.loaded.Load() }

func (s *state) age() (time.Duration, bool) {
	f := s.freshness.Load()
	if f == nil || f.current {
		return 0, false
	}
	return max(time.Since(f.known), 1), f.stale
}

func (s *state) lastError() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// gap returns a number that changes when the watch is lost.
func (s *state) gap() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gaps
}

// watchStands notes that the store below tells of all changes from now on.
func (s *state) watchStands() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watching = true
}

// failed notes that the watch, or a read, failed. It reports whether that is the
// begin of an outage.
func (s *state) failed(err error, watch bool) (first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
	if watch {
		s.watching = false
		s.gaps++
	}
	if f := s.freshness.Load(); f != nil && (f.current || !f.stale) {
		known := f.known
		if f.current {
			known = time.Now()
		}
		s.freshness.Store(&freshness{known: known, stale: true})
	}
	first, s.lost = !s.lost, true
	return first
}

// neverWatches notes that the store below cannot tell of changes.
func (s *state) neverWatches() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watching, s.polling = false, true
	s.gaps++
	if f := s.freshness.Load(); f != nil && f.current {
		s.freshness.Store(&freshness{known: time.Now()})
	}
}

// readAll notes that everything was read, from a time on, when the gap was such.
// back says that an outage is over, news that the copy was not current before.
func (s *state) readAll(began time.Time, gap uint64) (back, news bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.freshness.Load()
	f := &freshness{known: began, stale: !s.polling}
	if s.watching && s.gaps == gap {
		f = &freshness{current: true}
	}
	s.elsewhere = false
	s.become(f)
	if f.current || s.polling {
		back, s.lost = s.lost, false
		s.err = nil
	}
	return back, f.current && (before == nil || !before.current)
}

// readElsewhere notes that the copy is not from the store below, and was current at
// some time, unless everything was read from there meanwhile.
func (s *state) readElsewhere(known time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isReady() {
		return
	}
	s.elsewhere = true
	s.become(&freshness{known: known, stale: true})
}

// become changes the freshness. There is a copy now.
func (s *state) become(f *freshness) {
	s.freshness.Store(f)
	if !s.loaded.Swap(true) {
		s.flags.Show()
		close(s.ready)
	}
}

func (s *state) isFromElsewhere() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.elsewhere
}

// mustPoll reports whether changes may happen that are not told, but will be.
func (s *state) mustPoll() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.watching && !s.polling
}
