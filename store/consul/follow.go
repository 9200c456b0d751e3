// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package consul

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	// The pauses before a server that failed is asked again. They are short:
	// what is asked is small, and the agent is on the same machine as a rule.
	pauseMin = 50 * time.Millisecond
	pauseMax = 500 * time.Millisecond

	// fetchShare is how many times longer than a fetch of all flags takes is
	// waited before the next one. What counts is the shorter of the last two, and
	// the pause has a limit: they may have taken long because the server was
	// hanging, or the machine busy.
	fetchShare    = 3
	fetchPauseMax = 500 * time.Millisecond

	// idlePauseMax is the longest pause after fetches that brought nothing: a
	// prefix without flags, and one with busy neighbours, wake us for changes of
	// others.
	idlePauseMax = 250 * time.Millisecond
)

// A follower keeps the store's flags as the server has them. It is the goroutine
// that does so.
type follower struct {
	s         *Store
	index     uint64            // what the server has told; 0 to ask for everything
	known     map[string]*state // what the last fetch gave
	unsettled bool              // the last fetch was overtaken by our own calls
	notBefore time.Time         // when to fetch again, at the earliest
	took      time.Duration     // by the last fetch
	idlePause time.Duration     // grows with fetches that bring nothing
}

func (f *follower) run() {
	for failures := 0; f.s.life.Err() == nil; {
		err := f.next()
		if err == nil {
			failures = 0
			continue
		}
		if f.s.life.Err() != nil {
			return
		}
		// What the server tells next may be from one that has lost its data: an
		// index of before would wait for changes that do not come.
		f.index = 0
		f.s.lost(err)
		longest := min(pauseMin<<min(failures, 10), pauseMax)
		f.s.sleep(longest/2 + rand.N(longest/2))
		failures++
	}
}

// next waits for a change, and fetches all flags if there is one.
func (f *follower) next() error {
	begin := time.Now()
	since := f.index
	if f.unsettled {
		since = 0 // do not wait
	}
	some, index, err := f.s.keys(f.s.life, since)
	if err != nil {
		return err
	}
	held := len(f.known) > 0
	switch {
	case index < f.index || index == 0:
		// It went backwards: the server has lost data, or was restored. From 0
		// on, everything is read anew.
		f.index = 0
		f.s.advanceEpoch()
		f.s.sleep(pauseMin)
		if index == 0 {
			break // it may be that this server has no index; never wait for one
		}
		return nil
	case index == f.index && !f.unsettled && some == held:
		// Nothing has happened. (A token whose right to read was taken away gets
		// an empty answer, with the same index.)
		f.s.confirm(begin)
		if time.Since(begin) < pauseMin {
			f.s.sleep(pauseMin) // a server that does not wait must not keep us busy
		}
		return nil
	}
	return f.fetch(index)
}

// fetch fetches all flags, which lie at the server since an index at least.
func (f *follower) fetch(index uint64) error {
	f.s.sleep(time.Until(f.notBefore))
	began := f.s.now()
	begin := time.Now()
	pairs, fetched, err := f.s.fetch(f.s.life)
	if err != nil {
		return err
	}
	took := time.Since(begin)
	f.known = f.s.states(pairs, f.known)
	news, unsettled := f.s.merge(f.known, began, begin)
	f.index, f.unsettled = max(index, fetched), unsettled
	pause := max(f.s.interval, min(fetchShare*min(took, f.took), fetchPauseMax))
	f.took = took
	if news || unsettled || begin.Sub(f.notBefore) > idlePauseMax {
		f.idlePause = 0
	} else {
		f.idlePause = min(max(2*f.idlePause, pause), idlePauseMax)
	}
	f.notBefore = time.Now().Add(max(pause, f.idlePause))
	return nil
}

// sleep waits, or until the store is closed.
func (s *Store) sleep(d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-s.life.Done():
	case <-timer.C:
	}
}

// A status is what the store knows of the server. It is immutable.
type status struct {
	current   bool      // we would be told of every change
	confirmed time.Time // when we last knew that the flags are current
	losses    uint64    // how often that ended
	err       error     // why it did, the last time
}

// now returns the time of the store's clock, which our own calls advance.
func (s *Store) now() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.clock
}

// advanceEpoch notes that the server may be another one, or have lost data.
func (s *Store) advanceEpoch() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.epoch++
}

// confirm notes that what we have was current at a time.
func (s *Store) confirm(at time.Time) {
	next := *s.status.Load()
	next.confirmed = at
	s.status.Store(&next)
}

// lost notes that we are not told of changes any more.
func (s *Store) lost(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.epoch++
	next := *s.status.Load()
	if !next.current && next.losses > 0 {
		return // told already
	}
	next.current = false
	next.losses++
	next.err = s.unavailable(err)
	s.status.Store(&next)
	if s.loaded.Load() {
		s.logger.Warn("consul: cannot follow changes; flags are answered as they were",
			"base_key", s.baseKey, "age", time.Since(next.confirmed).Round(time.Millisecond), "err", err)
	} else {
		s.logger.Warn("consul: cannot read the flags yet", "base_key", s.baseKey, "err", err)
	}
	s.notifier.NotifyAll()
}

// found notes that we have all flags as they were at a time, and are told of
// changes. The caller holds s.mu.
func (s *Store) found(changed []string, at time.Time) {
	next := *s.status.Load()
	again := !next.current
	next.current, next.confirmed = true, at
	s.status.Store(&next)
	if !again {
		for _, name := range changed {
			s.notifier.Notify(name)
		}
		return
	}
	if next.losses > 0 {
		s.logger.Info("consul: following changes again", "base_key", s.baseKey)
	}
	s.notifier.NotifyAll()
}

// WaitReady waits until the store has all flags in memory, or ctx ends: then the
// error tells why. Nobody needs to call it: before, reads ask the server. It is
// for programs that would rather not start than start without flags. It has no
// time-out of its own.
func (s *Store) WaitReady(ctx context.Context) error {
	c, err := s.begin(ctx, "wait")
	if err != nil {
		return err
	}
	defer c.end()
	s.start()
	select {
	case <-s.ready:
		return nil
	case <-ctx.Done():
	case <-s.life.Done():
	}
	err = s.status.Load().err
	if err == nil {
		err = context.DeadlineExceeded
	}
	return c.fail(err)
}
