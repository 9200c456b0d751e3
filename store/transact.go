// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"
)

// A Batcher is a Store that can make several writes as one.
type Batcher interface {
	Store

	// Batch makes all writes, or none of them if the error is not nil. It returns the
	// flags as stored, in the order of the writes, nil for those that are deleted. No
	// two writes are of the same flag.
	//
	// Each write is refused as Put and Delete refuse it. A write that deletes a
	// revision that is not the stored one is refused with [ErrConflict]. A layer over a
	// store that is no Batcher returns an error that matches [errors.ErrUnsupported].
	Batch(ctx context.Context, writes []Write) ([]*Flag, error)
}

// A Write stores or deletes one flag.
type Write struct {
	// Name is the flag's.
	Name string
	// Revision is the one that is replaced or deleted. Empty, it says of a flag that is
	// stored that there is none yet, and of one that is deleted that any will do.
	Revision string
	// Flag is what to store, nil to delete the flag.
	Flag *Flag
}

// A Written is what [Transact] did to one flag.
type Written struct {
	// Name is the flag's.
	Name string
	// Before is the flag that was replaced or deleted, nil if there was none, or if it
	// was unreadable.
	Before *Flag
	// After is the flag as stored, nil if it was deleted.
	After *Flag
}

// Transact makes all changes that change makes to a draft of a store, or none of them.
// The draft shows the flags of the store with the changes so far; it is for change
// alone, and ends with it. It returns what was written, sorted by name; a flag that is
// as it was is not.
//
// If a flag that is to be written was changed meanwhile, it begins anew: change may be
// called several times. An error from change ends Transact, which returns it as it is,
// with nothing stored. What change only reads may be changed by others before the
// writes are made.
//
// Changes of several flags need a [Batcher]; for other stores the error matches
// [errors.ErrUnsupported], and nothing is changed. To delete the very revision that
// change has seen needs one too: other stores delete what is there.
func Transact(ctx context.Context, s Store, change func(draft Store) error) ([]Written, error) {
	for attempt := 0; ; attempt++ {
		began := time.Now()
		d := &draft{store: s, flags: make(map[string]*drafted)}
		if err := change(d); err != nil {
			return nil, err
		}
		written, err := d.commit(ctx)
		if !errors.Is(err, ErrConflict) && !errors.Is(err, ErrExists) && !errors.Is(err, ErrNotFound) {
			return written, err
		}
		if err := sleep(ctx, updatePause(attempt, time.Since(began))); err != nil {
			return nil, err
		}
	}
}

// A draft collects writes.
type draft struct {
	store Store
	flags map[string]*drafted // that were written
	count int                 // of writes
}

// A drafted is a flag that was written to a draft.
type drafted struct {
	existed  bool
	readable bool
	before   *Flag // nil if it did not exist, or was unreadable
	now      *Flag // nil if it was deleted
}

func (d *draft) Get(ctx context.Context, name string) (*Flag, error) {
	if f, ok := d.flags[name]; ok {
		if f.now == nil {
			return nil, ErrNotFound
		}
		return f.now, ctx.Err()
	}
	return d.store.Get(ctx, name)
}

// look returns a flag to write to.
func (d *draft) look(ctx context.Context, name string) (*drafted, error) {
	if f, ok := d.flags[name]; ok {
		return f, ctx.Err()
	}
	before, err := d.store.Get(ctx, name)
	switch {
	case err == nil && d.isStale(name):
		// What is held here may never have been stored.
		return &drafted{now: nil}, nil
	case err == nil:
		return &drafted{existed: true, readable: true, before: before, now: before}, nil
	case errors.Is(err, ErrUnreadable):
		return &drafted{existed: true}, nil
	case errors.Is(err, ErrNotFound):
		return &drafted{}, nil
	}
	return nil, err
}

func (d *draft) isStale(name string) bool {
	dated, ok := d.store.(Dated)
	if !ok {
		return false
	}
	_, stale := dated.Age(name)
	return stale
}

func (d *draft) Put(ctx context.Context, f *Flag) (*Flag, error) {
	next, err := Normalize(f)
	if err != nil {
		return nil, err
	}
	at, err := d.look(ctx, f.Name)
	if err != nil {
		return nil, err
	}
	switch there := at.now != nil || at.existed && !at.readable && d.flags[f.Name] == nil; {
	case f.Revision == "" && there:
		return nil, fmt.Errorf("put %q: %w", f.Name, ErrExists)
	case f.Revision != "" && (at.now == nil || at.now.Revision != f.Revision):
		return nil, fmt.Errorf("put %q: %w", f.Name, ErrConflict)
	}
	d.count++
	next.Revision = fmt.Sprintf("draft %d", d.count)
	at.now = next
	d.flags[f.Name] = at
	return next, nil
}

func (d *draft) Delete(ctx context.Context, name string) error {
	at, err := d.look(ctx, name)
	if err != nil {
		return err
	}
	if at.now == nil && (!at.existed || d.flags[name] != nil) {
		return ErrNotFound
	}
	at.now = nil
	d.flags[name] = at
	return nil
}

func (d *draft) List(ctx context.Context) iter.Seq2[*Flag, error] {
	return func(yield func(*Flag, error) bool) {
		written := slices.Sorted(maps.Keys(d.flags))
		// upTo yields the written flags before a name, or all.
		upTo := func(name string, all bool) bool {
			for len(written) > 0 && (all || written[0] < name) {
				f := d.flags[written[0]].now
				written = written[1:]
				if f != nil && !yield(f, nil) {
					return false
				}
			}
			return true
		}
		for f, err := range d.store.List(ctx) {
			unreadable, ok := errors.AsType[*UnreadableError](err)
			if err != nil && !ok {
				yield(nil, err)
				return
			}
			var name string
			if ok {
				name = unreadable.Name
			} else {
				name = f.Name
			}
			if !upTo(name, false) {
				return
			}
			if _, ok := d.flags[name]; !ok && !yield(f, err) {
				return
			}
		}
		upTo("", true)
	}
}

// commit makes the writes.
func (d *draft) commit(ctx context.Context) ([]Written, error) {
	var writes []Write
	var written []Written
	for _, name := range slices.Sorted(maps.Keys(d.flags)) {
		f := d.flags[name]
		if f.now == nil && !f.existed || f.before != nil && f.now != nil && sameText(f.before, f.now) {
			continue
		}
		w := Write{Name: name}
		if f.before != nil {
			w.Revision = f.before.Revision
		}
		if f.now != nil {
			w.Flag = f.now.Clone()
			w.Flag.Revision = w.Revision
		}
		writes = append(writes, w)
		written = append(written, Written{Name: name, Before: f.before, After: f.now})
	}
	after, err := writeAll(ctx, d.store, writes)
	if err != nil {
		return nil, err
	}
	for i := range written {
		written[i].After = after[i]
	}
	return written, nil
}

func sameText(a, b *Flag) bool {
	x, errX := Encode(a)
	y, errY := Encode(b)
	return errX == nil && errY == nil && string(x) == string(y)
}

// writeAll makes writes as one.
func writeAll(ctx context.Context, s Store, writes []Write) ([]*Flag, error) {
	if len(writes) == 0 {
		return nil, ctx.Err()
	}
	if len(writes) == 1 && writes[0].Flag != nil {
		f, err := s.Put(ctx, writes[0].Flag)
		return []*Flag{f}, err
	}
	if b, ok := s.(Batcher); ok {
		after, err := b.Batch(ctx, writes)
		if !errors.Is(err, errors.ErrUnsupported) {
			return after, err
		}
	}
	if len(writes) == 1 {
		return []*Flag{nil}, s.Delete(ctx, writes[0].Name)
	}
	return nil, fmt.Errorf("%w: this store cannot change %d flags as one: change one at a time", errors.ErrUnsupported, len(writes))
}
