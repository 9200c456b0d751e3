// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package mirror

import (
	"errors"
	"iter"
	"maps"
	"sync"

	"github.com/flipper-go/flipper/internal/snapshot"
	"github.com/flipper-go/flipper/store"
)

// copied is the mirror's copy of all flags. Several reads may be under way at a
// time, and end in any order. Each takes a ticket when it begins, and its result never
// replaces the result of a read with a later ticket. So whoever writes and then reads
// back never sees an older state again: every read that could return one began before.
//
// Of two reads that overlap, the later ticket may have the older state. But then
// the flag changed after that was read, which the store below tells, and it is
// read again.
type copied struct {
	flags snapshot.Map

	mu    sync.Mutex
	last  uint64            // the last ticket given
	all   uint64            // the ticket of the last list
	named map[string]uint64 // of the last read of a name, if after that
}

func (c *copied) ticket() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last++
	return c.last
}

// set takes the result of a read. It returns an error that is not about the flag.
func (c *copied) set(ticket uint64, name string, f *store.Flag, err error) error {
	if errors.Is(err, store.ErrInvalidName) {
		err = store.ErrNotFound // so there cannot be a flag
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if ticket <= c.all || ticket <= c.named[name] {
		if err == nil || errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrUnreadable) {
			return nil
		}
		return err
	}
	if err := c.flags.Refresh(name, f, err); err != nil {
		return err
	}
	if c.named == nil {
		c.named = make(map[string]uint64)
	}
	c.named[name] = ticket
	return nil
}

// setAll takes the result of a list. The ticket 0 is for flags from elsewhere: whatever
// was read is newer.
func (c *copied) setAll(ticket uint64, listed []listed) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ticket < c.all {
		return
	}
	maps.DeleteFunc(c.named, func(_ string, t uint64) bool { return t < ticket })
	now := c.flags.Held()
	_ = c.flags.Replace(func(yield func(*store.Flag, error) bool) {
		for _, l := range listed {
			if _, later := c.named[l.name]; !later && !yield(l.flag, l.err) {
				return
			}
		}
		for name := range c.named {
			f, err := now.Get(name)
			if !errors.Is(err, store.ErrNotFound) && !yield(f, err) {
				return
			}
		}
	})
	c.all = ticket
}

// replace puts a flag in the place of what has a revision, or if that is empty,
// of nothing.
func (c *copied) replace(name, revision string, f *store.Flag) {
	c.mu.Lock()
	defer c.mu.Unlock()
	old, err := c.flags.Held().Get(name)
	if err == nil && old.Revision == revision || errors.Is(err, store.ErrNotFound) && revision == "" {
		c.written(name)
		c.flags.Set(f)
	}
}

func (c *copied) delete(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.written(name)
	c.flags.Delete(name)
}

// written makes all reads under way not count for a name.
func (c *copied) written(name string) {
	c.last++
	if c.named == nil {
		c.named = make(map[string]uint64)
	}
	c.named[name] = c.last
}

// A listed is one element of a list: a flag, or an unreadable one.
type listed struct {
	name string
	flag *store.Flag
	err  error
}

// collect reads a list, which ends with an error that is not about one flag.
func collect(all iter.Seq2[*store.Flag, error], progress func()) (l []listed, err error) {
	for f, err := range all {
		progress()
		unreadable, ok := errors.AsType[*store.UnreadableError](err)
		switch {
		case err == nil:
			l = append(l, listed{f.Name, f, nil})
		case ok:
			l = append(l, listed{unreadable.Name, nil, unreadable})
		default:
			return nil, err
		}
	}
	return l, nil
}
