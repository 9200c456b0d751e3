// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipper

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"time"

	"github.com/flipper-go/flipper/store"
)

// A FlagChange is what became of a flag, whoever changed it: this client, another
// process, or another program.
type FlagChange struct {
	// Name is the flag's.
	Name string
	// Before is the flag as it was last seen, nil if there was none.
	Before *store.Flag
	// After is the flag as it is now, nil if it was destroyed.
	After *store.Flag
}

// ErrChangesResumed is what the loop over [FeatureFlagClient.Changes] yields when the
// store can be followed again, after it has yielded that it cannot. All changes that were
// missed have been yielded before it.
var ErrChangesResumed = errors.New("changes of flags are seen again")

// Pauses between attempts to read flags that could not be read.
const (
	changesPauseMin = 50 * time.Millisecond
	changesPauseMax = 2 * time.Second
)

// Changes yields every change of a flag, from when the loop begins until ctx ends:
// what was changed before it began is not a change. It is for what an application
// has to do when a flag changes; to be told of the changes that this client makes,
// before they are made, see [Events].
//
//	go func() {
//		for change, err := range features.Changes(ctx) {
//			if err != nil {
//				log.Print(err)
//				continue
//			}
//			log.Print(change) // NEW_SEARCH: switched on
//		}
//	}()
//
// Changes that follow each other quickly may come as one, and what was changed and
// changed back may not come at all: Before and After are always different, and the
// After of one change is the Before of the flag's next.
//
// When the store cannot be followed any more the loop yields one error that matches
// [store.ErrUnavailable], however long that lasts and however often the connection is
// tried. When it can be followed again, the loop yields the changes that were missed,
// and then [ErrChangesResumed]. A flag that becomes unreadable yields an error that
// matches [store.ErrUnreadable], and the flag counts as unchanged until it is
// readable again. The sequence ends without an error when ctx ends, and with
// [store.ErrClosed] when the store is closed.
//
// The store must be a [store.Watcher]. For others, the one thing that the loop
// yields is an error that matches [errors.ErrUnsupported]; package mirror makes
// watchers of them. The loop holds all flags in memory.
func (c *FeatureFlagClient) Changes(ctx context.Context) iter.Seq2[FlagChange, error] {
	return func(yield func(FlagChange, error) bool) {
		watcher, ok := c.store.(store.Watcher)
		if !ok {
			yield(FlagChange{}, fmt.Errorf("watch flags: %w: a %T tells of no changes (put package mirror around it)", errors.ErrUnsupported, c.store))
			return
		}
		follower := &follower{store: watcher, yield: yield}
		for change, err := range watcher.Watch(ctx) {
			switch {
			case errors.Is(err, store.ErrClosed), errors.Is(err, errors.ErrUnsupported):
				if !yield(FlagChange{}, fmt.Errorf("watch flags: %w", err)) {
					return
				}
			case err != nil:
				follower.deaf = true
				if !follower.lose(err) {
					return
				}
			case !follower.follow(ctx, change):
				return
			}
		}
	}
}

// A follower finds out what the changes are that a store tells of.
type follower struct {
	store store.Store
	yield func(FlagChange, error) bool
	flags map[string]*store.Flag // as they were last seen; nil before the first read

	deaf bool // the store tells of no changes, or not of all
	lost bool // the reader was told that changes may be missed
}

// lose tells the reader that changes may be missed, unless it was told already. It
// reports whether to go on.
func (w *follower) lose(err error) bool {
	if w.lost {
		return true
	}
	w.lost = true
	return w.yield(FlagChange{}, fmt.Errorf("watch flags: %w", err))
}

// resume tells the reader that no change is missed, if it was told the opposite. It
// reports whether to go on.
func (w *follower) resume() bool {
	if !w.lost || w.deaf {
		return true
	}
	w.lost = false
	return w.yield(FlagChange{}, fmt.Errorf("watch flags: %w", ErrChangesResumed))
}

// follow reads what may have changed and yields what has. It reports whether to
// go on.
func (w *follower) follow(ctx context.Context, change store.Change) bool {
	if change.All {
		w.deaf = false
	}
	for attempt := 0; ; attempt++ {
		var err error
		var more bool
		if change.All {
			more, err = w.readAll(ctx)
		} else {
			change.Names, more, err = w.read(ctx, change.Names)
		}
		switch {
		case !more || ctx.Err() != nil:
			return false
		case err == nil:
			return w.resume()
		case errors.Is(err, store.ErrClosed):
			w.yield(FlagChange{}, fmt.Errorf("watch flags: %w", err))
			return false
		case !w.lose(err):
			return false
		}
		// Nobody tells of these changes again, so they are not let go.
		select {
		case <-ctx.Done():
			return false
		case <-time.After(rand.N(min(changesPauseMin<<min(attempt, 10), changesPauseMax))):
		}
	}
}

// readAll compares everything. An error is one of the store as a whole.
func (w *follower) readAll(ctx context.Context) (more bool, err error) {
	first := w.flags == nil
	flags := make(map[string]*store.Flag)
	var unreadable []error
	for f, err := range w.store.List(ctx) {
		if e, ok := errors.AsType[*store.UnreadableError](err); ok {
			unreadable = append(unreadable, err)
			if before := w.flags[e.Name]; before != nil {
				flags[e.Name] = before
			}
			continue
		}
		if err != nil {
			return true, err
		}
		flags[f.Name] = f
	}
	if first {
		w.flags = flags
	}
	for name, f := range flags {
		if more := w.note(name, f); !more {
			return false, nil
		}
	}
	for name := range w.flags {
		if flags[name] == nil && !w.note(name, nil) {
			return false, nil
		}
	}
	for _, err := range unreadable {
		if !w.yield(FlagChange{}, err) {
			return false, nil
		}
	}
	return true, nil
}

// read compares some flags. With an error it returns those that are still to be
// read.
func (w *follower) read(ctx context.Context, names []string) (rest []string, more bool, err error) {
	for i, name := range names {
		f, err := w.store.Get(ctx, name)
		switch {
		case err == nil, errors.Is(err, store.ErrNotFound):
			more = w.note(name, f)
		case errors.Is(err, store.ErrUnreadable):
			more = w.yield(FlagChange{}, err)
		default:
			return names[i:], true, err
		}
		if !more {
			return nil, false, nil
		}
	}
	return nil, true, nil
}

// note takes what a flag is now, nil if there is none, and yields the change if it
// is one.
func (w *follower) note(name string, f *store.Flag) (more bool) {
	before := w.flags[name]
	if f == nil {
		delete(w.flags, name)
	} else {
		w.flags[name] = f
	}
	if before == f || before != nil && f != nil && sameStored(before, f) {
		return true
	}
	return w.yield(FlagChange{name, before, f}, nil)
}

// sameStored reports whether two flags, both as they were read, have the same
// stored form: their revisions may differ nevertheless.
func sameStored(a, b *store.Flag) bool {
	x, errX := store.Encode(a)
	y, errY := store.Encode(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}
