// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package mirror

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/flipper-go/flipper/internal/snapshot"
	"github.com/flipper-go/flipper/store"
)

const (
	// readers is how many flags are read at a time.
	readers = 8

	// startPatience is how long the mirror waits at the start for the watch to
	// stand, before it tries to do without, and for flags, before it takes the last
	// good or the initial ones.
	startPatience = 500 * time.Millisecond

	// After a read failed there is a pause, which grows. Its maximum bounds how
	// long the mirror is wrong after a fault, watch or no watch.
	retryPauseMin = 25 * time.Millisecond
	retryPauseMax = 500 * time.Millisecond

	// pollPauseMin is between full reads while the watch is lost, at first.
	pollPauseMin = time.Second
)

// around returns a duration up to a tenth off.
func around(d time.Duration) time.Duration { return d - d/10 + rand.N(d/5+1) }

// follow notes what the store below tells, until Close.
func (s *Store) follow() {
	for s.ctx.Err() == nil {
		err := s.followOnce()
		switch {
		case s.ctx.Err() != nil:
			return
		case errors.Is(err, store.ErrClosed):
			s.notifier.Close()
			return
		case errors.Is(err, errors.ErrUnsupported):
			return
		}
		s.watchFailed(fmt.Errorf("%w: the watch ended", store.ErrUnavailable))
		sleep(s.ctx, around(pollPauseMin), nil)
	}
}

// followOnce follows one watch, and returns its last error.
func (s *Store) followOnce() (last error) {
	for change, err := range s.inner.Watch(s.ctx) {
		last = err
		switch {
		case errors.Is(err, errors.ErrUnsupported):
			s.state.neverWatches()
			s.report(fmt.Sprintf("changes are seen within %v only", s.fullReadInterval), err)
		case err != nil:
			s.watchFailed(err)
		case change.All:
			s.state.watchStands()
			s.dirty.addAll()
			select {
			case s.stands <- struct{}{}:
			default:
			}
		default:
			s.dirty.add(change.Names...)
		}
	}
	return last
}

// watchFailed notes at once that what is held may be old, whatever update is
// doing, and has everything read.
func (s *Store) watchFailed(err error) {
	s.failed(err, true)
	s.notifier.NotifyError(err)
	s.dirty.addAll()
}

func (s *Store) failed(err error, watch bool) {
	if s.state.failed(err, watch) && s.ctx.Err() == nil {
		s.report("the store cannot be followed; old flags are used", err)
	}
}

// update reads what is dirty, until Close. It is the only one who reads lists.
func (s *Store) update() {
	next := time.NewTimer(startPatience)
	defer next.Stop()
	retry, poll := retryPauseMin, pollPauseMin
	for {
		due := false
		select {
		case <-s.ctx.Done():
			return
		case <-s.dirty.wake:
		case <-next.C:
			due = true
		}
		all, names := s.dirty.take()
		err := s.refresh(all || due, names)
		switch {
		case s.ctx.Err() != nil || errors.Is(err, store.ErrClosed):
			return
		case err != nil:
			s.failed(err, false)
			s.dirty.addAll() // only everything makes the copy current again
			s.startWithout()
			sleep(s.ctx, retry/2+rand.N(retry/2), s.stands)
			retry = min(2*retry, retryPauseMax)
			continue
		}
		retry = retryPauseMin
		if !all && !due {
			continue
		}
		if s.state.mustPoll() {
			next.Reset(around(min(poll, s.fullReadInterval)))
			poll = min(2*poll, s.fullReadInterval)
			continue
		}
		poll = pollPauseMin
		next.Reset(around(s.fullReadInterval))
	}
}

// sleep waits, until ctx ends or something comes through a channel.
func sleep(ctx context.Context, d time.Duration, interrupt <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	case <-interrupt:
	}
}

// refresh reads everything, or some names.
func (s *Store) refresh(all bool, names []string) error {
	if !all {
		return s.readNames(names)
	}
	began, gap, before := time.Now(), s.state.gap(), s.copy.flags.Held()
	if err := s.readList(); err != nil {
		return err
	}
	// What changed while the list was read.
	again, names := s.dirty.take()
	if again {
		s.dirty.addAll()
	}
	if err := s.readNames(names); err != nil {
		return err
	}
	back, news := s.state.readAll(began, gap)
	if news {
		s.notifier.NotifyAll()
	} else {
		s.notifyDifferences(before, s.copy.flags.Held())
	}
	if back {
		s.logger.Info("flag mirror: all flags were read again")
	}
	return nil
}

// readList reads all flags.
func (s *Store) readList() error {
	ctx, cancel := context.WithCancelCause(s.ctx)
	defer cancel(nil)
	late := fmt.Errorf("%w: nothing came within %v", store.ErrUnavailable, s.readTimeout)
	timer := time.AfterFunc(s.readTimeout, func() { cancel(late) })
	defer timer.Stop()
	ticket := s.copy.ticket()
	listed, err := collect(s.inner.List(ctx), func() { timer.Reset(s.readTimeout) })
	if err != nil {
		if errors.Is(context.Cause(ctx), late) {
			return late
		}
		return err
	}
	s.copy.setAll(ticket, listed)
	return nil
}

// readNames reads flags, several at a time.
func (s *Store) readNames(names []string) (failed error) {
	var mu sync.Mutex
	var all sync.WaitGroup
	next := make(chan string)
	for range min(readers, len(names)) {
		all.Go(func() {
			for name := range next {
				err := s.read(s.ctx, name)
				if err == nil {
					s.notifier.Notify(name)
					continue
				}
				mu.Lock()
				failed = err
				mu.Unlock()
			}
		})
	}
	for _, name := range names {
		next <- name
	}
	close(next)
	all.Wait()
	return failed
}

// read reads one flag.
func (s *Store) read(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, s.readTimeout)
	defer cancel()
	ticket := s.copy.ticket()
	f, err := s.inner.Get(ctx, name)
	return s.copy.set(ticket, name, f, err)
}

// notifyDifferences tells of the flags that are not the same in two views.
func (s *Store) notifyDifferences(before, after snapshot.View) {
	for _, name := range before.Names() {
		old, err := before.Get(name)
		f, newErr := after.Get(name)
		switch {
		case err == nil && newErr == nil && old.Revision == f.Revision:
		case err != nil && newErr != nil && err.Error() == newErr.Error():
		default:
			s.notifier.Notify(name)
		}
	}
	for _, name := range after.Names() {
		if _, err := before.Get(name); errors.Is(err, store.ErrNotFound) {
			s.notifier.Notify(name)
		}
	}
}
