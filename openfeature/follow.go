// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipperopenfeature

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/store"
)

// A follower follows the flags of a provider, from Init to Shutdown. One goroutine
// reads changes and another emits events, so that a slow listener delays nothing.
type follower struct {
	provider *Provider
	reporter reporter
	ctx      context.Context // ends with Shutdown
	cancel   context.CancelFunc
	done     chan struct{} // closed when both goroutines have ended

	ready     chan struct{} // closed when flags could be read
	readyOnce sync.Once
	closed    chan struct{} // closed when the store is
	reading   bool          // flags are being read that were told of; for the reading goroutine only

	mu        sync.Mutex
	watchLost error // the store tells of no changes at present
	readLost  error // a flag that it told of could not be read
}

func startFollower(p *Provider) *follower {
	f := &follower{
		provider: p,
		done:     make(chan struct{}),
		ready:    make(chan struct{}),
		closed:   make(chan struct{}),
	}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	f.reporter.init(p.events)
	var all sync.WaitGroup
	all.Go(f.read)
	all.Go(f.report)
	go func() {
		all.Wait()
		close(f.done)
	}()
	return f
}

// isOver reports whether the store was closed, so that there is nothing to follow.
func (f *follower) isOver() bool {
	select {
	case <-f.closed:
		return true
	default:
		return false
	}
}

// waitReady waits until flags could be read. The error is that of the context,
// with the last one of the store, or [store.ErrClosed].
func (f *follower) waitReady(ctx context.Context) error {
	select {
	case <-f.ready:
		return nil
	case <-f.closed:
		return store.ErrClosed
	case <-f.ctx.Done():
		if f.isOver() { // then another Init may have ended it
			return store.ErrClosed
		}
		return errors.New("provider was shut down")
	case <-ctx.Done():
	}
	if err := f.lost(); err != nil {
		return fmt.Errorf("%w (%w)", ctx.Err(), err)
	}
	return ctx.Err()
}

// initialized notes how Init ends, which the SDK tells.
func (f *follower) initialized(err error) {
	switch {
	case err == nil:
		f.reporter.sdkTells(stateReady)
	case errors.Is(err, store.ErrClosed):
		f.reporter.sdkTells(stateFatal)
	default:
		f.reporter.sdkTells(stateError)
	}
}

// read follows changes until Shutdown.
func (f *follower) read() {
	err := f.readChanges()
	if errors.Is(err, errors.ErrUnsupported) && f.ctx.Err() == nil {
		err = f.waitForStore()
	}
	if errors.Is(err, store.ErrClosed) {
		close(f.closed)
		f.reporter.state(stateFatal, err)
	}
}

// readChanges returns the error with which the changes end.
func (f *follower) readChanges() (last error) {
	watcher, ok := f.provider.store.(store.Watcher)
	if !ok {
		return errors.ErrUnsupported
	}
	client := flipper.New(tappedStore{watcher, f})
	for change, err := range client.Changes(f.ctx) {
		last = err
		switch {
		case errors.Is(err, flipper.ErrChangesResumed): // the tapped store has told
		case err == nil:
			if change.After == nil {
				f.provider.metadata.drop(change.Name)
			}
			f.reporter.changed(change.Name)
		case errors.Is(err, store.ErrUnreadable), errors.Is(err, errors.ErrUnsupported), errors.Is(err, store.ErrClosed):
		case f.reading:
			f.lose(&f.readLost, err)
		default:
			f.lose(&f.watchLost, err)
		}
	}
	return last
}

// A tappedStore lets a follower know when all was read that a change is about:
// only then flags are as good as they were before, and only then is one event made
// of all that has changed.
type tappedStore struct {
	store.Watcher
	follower *follower
}

// Watch is the store's own, with the follower told.
func (s tappedStore) Watch(ctx context.Context) iter.Seq2[store.Change, error] {
	return func(yield func(store.Change, error) bool) {
		for change, err := range s.Watcher.Watch(ctx) {
			s.follower.reading = err == nil
			if err == nil {
				s.follower.reporter.hold()
			}
			all := change.All // the reader owns change
			if !yield(change, err) {
				return
			}
			s.follower.reading = false
			if err == nil && ctx.Err() == nil {
				s.follower.found(all)
			}
		}
	}
}

// found notes that flags could be read, all of them if all is set.
func (f *follower) found(all bool) {
	f.mu.Lock()
	f.readLost = nil
	if all {
		f.watchLost = nil // else a store that polls has told of what it found
	}
	f.mu.Unlock()
	f.provider.reached.Store(true)
	f.readyOnce.Do(func() { close(f.ready) })
	f.judge()
	f.reporter.release()
}

// lose notes an error, until the opposite is found.
func (f *follower) lose(which *error, err error) {
	f.mu.Lock()
	*which = err
	f.mu.Unlock()
	f.judge()
}

// lost returns the error because of which changes may be missed, or nil.
func (f *follower) lost() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.watchLost != nil {
		return f.watchLost
	}
	return f.readLost
}

// judge tells the reporter how good the flags are.
func (f *follower) judge() {
	select {
	case <-f.ready:
	default:
		return
	}
	if err := f.lost(); err != nil {
		f.reporter.state(stateStale, err)
		return
	}
	if dated, ok := f.provider.store.(store.Dated); ok {
		if age, stale := dated.Age(""); stale {
			f.reporter.state(stateStale, fmt.Errorf("the flags are %v old, and cannot be read again", age.Round(time.Second)))
			return
		}
	}
	f.reporter.state(stateReady, nil)
}

// Pauses between attempts to reach a store that tells of nothing.
const (
	storePauseMin = 50 * time.Millisecond
	storePauseMax = 2 * time.Second
)

// waitForStore waits until a store that cannot tell of changes can be read.
func (f *follower) waitForStore() error {
	for attempt := 0; ; attempt++ {
		_, err := f.provider.lookup(f.ctx, "")
		switch {
		case f.ctx.Err() != nil:
			return f.ctx.Err()
		case errors.Is(err, store.ErrClosed):
			return err
		case err == nil, errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrInvalid), errors.Is(err, store.ErrUnreadable):
			f.found(true)
			return nil
		}
		f.lose(&f.readLost, err)
		select {
		case <-f.ctx.Done():
		case <-time.After(rand.N(min(storePauseMin<<min(attempt, 10), storePauseMax))):
		}
	}
}
