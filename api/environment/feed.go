// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package environment

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/flipper-go/flipper/store"
)

// feedSize is how many changes a feed remembers. A reader who is further behind is told
// to read everything anew.
const feedSize = 1024

// A Change is that a flag was changed, created or destroyed.
type Change struct {
	// Name is the flag's.
	Name string
	// Flag is what became of it, nil if there is none any more. It is the newest state
	// that the environment knows, so two changes in a row may show the same one.
	Flag *store.Flag
}

// A Feed tells any number of readers of the changes of an environment's flags. It holds
// them once, however many readers there are: a slow reader costs nothing and delays
// nobody, but may have to read everything anew.
type Feed struct {
	store store.Store
	epoch string // tells the positions of one feed from those of another

	mu      sync.Mutex
	ring    [feedSize]Change
	next    uint64        // the number of the next change
	resync  uint64        // changes before this number are not to be told
	ready   bool          // the store tells of every change from now on
	err     error         // why there will be no more changes
	wake    chan struct{} // closed when there is something new
	started bool

	cancel  context.CancelFunc
	ctx     context.Context
	running sync.WaitGroup
}

func newFeed(s store.Store) *Feed {
	f := &Feed{store: s, epoch: rand.Text()[:8], wake: make(chan struct{})}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	return f
}

// A Position is a place in a feed. The zero Position is that of a reader who has seen
// nothing.
type Position struct {
	epoch string
	next  uint64
}

// String returns the position as text, which [ParsePosition] reads.
func (p Position) String() string { return p.epoch + "-" + strconv.FormatUint(p.next, 10) }

// Before returns the position that is some changes before this one.
func (p Position) Before(changes int) Position { return Position{p.epoch, p.next - uint64(changes)} }

// ParsePosition reads a position, such as a client sends it. What is none is the zero
// Position.
func ParsePosition(text string) Position {
	epoch, number, ok := strings.Cut(text, "-")
	next, err := strconv.ParseUint(number, 10, 64)
	if !ok || err != nil {
		return Position{}
	}
	return Position{epoch, next}
}

// Next returns the changes since a position, and the position behind them. It waits
// until there are some, or ctx ends. If resync is set, changes were missed: read all
// flags after that, and go on from the position.
//
// The error matches [errors.ErrUnsupported] if the store tells of no changes, and
// [store.ErrClosed] when the environment is closed.
func (f *Feed) Next(ctx context.Context, since Position) (changes []Change, at Position, resync bool, err error) {
	for {
		changes, at, resync, wake, err := f.take(since)
		if err != nil || resync || len(changes) > 0 {
			return changes, at, resync, err
		}
		select {
		case <-wake:
		case <-ctx.Done():
			return nil, since, false, context.Cause(ctx)
		}
	}
}

func (f *Feed) take(since Position) (changes []Change, at Position, resync bool, wake <-chan struct{}, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.started && f.err == nil {
		f.started = true
		f.running.Go(f.follow)
	}
	at = Position{f.epoch, f.next}
	switch {
	case f.err != nil:
		return nil, since, false, nil, f.err
	case !f.ready:
		return nil, since, false, f.wake, nil
	case since.epoch != f.epoch || since.next > f.next || since.next < f.resync || f.next-since.next > feedSize:
		return nil, at, true, nil, nil
	}
	for n := since.next; n < f.next; n++ {
		changes = append(changes, f.ring[n%feedSize])
	}
	return changes, at, false, f.wake, nil
}

// follow reads what the store tells, until the feed is closed.
func (f *Feed) follow() {
	watcher, ok := f.store.(store.Watcher)
	if !ok {
		f.end(fmt.Errorf("%w: a %T tells of no changes", errors.ErrUnsupported, f.store))
		return
	}
	for change, err := range watcher.Watch(f.ctx) {
		switch {
		case errors.Is(err, errors.ErrUnsupported), errors.Is(err, store.ErrClosed):
			f.end(err)
			return
		case err != nil:
			// The store tries again, and tells that everything may have changed.
		case change.All:
			f.tellAll()
		default:
			f.tell(change.Names)
		}
	}
	f.end(store.ErrClosed)
}

func (f *Feed) tell(names []string) {
	changes := make([]Change, 0, len(names))
	for _, name := range names {
		flag, err := f.store.Get(f.ctx, name)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			f.tellAll() // what is there now cannot be said
			return
		}
		changes = append(changes, Change{name, flag})
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range changes {
		f.ring[f.next%feedSize] = c
		f.next++
	}
	f.signal()
}

// tellAll says that any flag may have changed.
func (f *Feed) tellAll() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ready = true
	f.next++
	f.resync = f.next
	f.signal()
}

func (f *Feed) end(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err = err
	}
	f.signal()
}

// signal wakes all readers. The lock is held.
func (f *Feed) signal() {
	close(f.wake)
	f.wake = make(chan struct{})
}

// close ends the feed, and waits for that.
func (f *Feed) close() {
	f.end(store.ErrClosed)
	f.cancel()
	f.running.Wait()
}
