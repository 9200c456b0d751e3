// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package bolt

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strconv"

	"go.etcd.io/bbolt"

	"github.com/flipper-go/flipper/store"
)

// maxBatch bounds how many writes one commit takes.
const maxBatch = 256

// A write is a Put or Delete on its way to the writer.
type write struct {
	ctx  context.Context
	name string
	flag *store.Flag // nil to delete
	text []byte      // the flag's stored form
	over string      // the revision that is to be replaced or deleted
	with []*write    // are made together with this one, or not at all

	err     error
	damaged bool       // what the file has under the name is not what was stored
	done    chan error // has room for the one outcome
}

// do hands a write to the writer, and waits for the outcome or for the context.
// Disks can hang, and nothing calls back a write that has begun; so it is the
// writer that waits for the disk, not the caller.
func (s *Store) do(w *write) error {
	w.done = make(chan error, 1)
	select {
	case s.writes <- w:
	case <-w.ctx.Done():
		return w.ctx.Err()
	case <-s.closing:
		return store.ErrClosed
	}
	select {
	case err := <-w.done:
		return err
	case <-w.ctx.Done():
		return w.ctx.Err()
	}
}

// write is the one goroutine that changes the file. It commits the writes that
// came together with one sync.
func (s *Store) write() {
	for {
		select {
		case <-s.closing:
			return
		case w := <-s.writes:
			s.commit(s.gather(w))
		}
	}
}

// gather returns the write and those of other callers that wait already.
func (s *Store) gather(first *write) []*write {
	batch := []*write{first}
	for len(batch) < maxBatch {
		select {
		case w := <-s.writes:
			batch = append(batch, w)
		default:
			return batch
		}
	}
	return batch
}

// errNothing rolls back a transaction that changes nothing.
var errNothing = errors.New("nothing to commit")

// commit makes the writes durable, then visible, and then says so.
func (s *Store) commit(batch []*write) {
	err := s.lost
	if err == nil {
		err = guard(func() error { return s.db.Update(s.applyAll(batch)) })
	}
	if err != nil && !errors.Is(err, errNothing) {
		s.failed(batch, err)
	}
	s.reloadDamaged(batch)
	for _, w := range batch {
		if w.err == nil {
			for _, w := range w.all() {
				s.show(w)
			}
		}
		w.done <- w.err
	}
}

// all returns the write and those that are made together with it.
func (w *write) all() []*write { return append([]*write{w}, w.with...) }

// show makes a write visible.
func (s *Store) show(w *write) {
	if w.flag != nil {
		s.flags.Set(w.flag)
	} else {
		s.flags.Delete(w.name)
	}
	s.notifier.Notify(w.name)
}

// reloadDamaged makes flags unreadable that a write has found to be damaged since
// they were read. So whoever tries again learns why it fails.
func (s *Store) reloadDamaged(batch []*write) {
	for _, first := range batch {
		for _, w := range first.all() {
			if !w.damaged || s.lost != nil {
				continue
			}
			if err := s.reload(w.name); errors.Is(err, errPanicked) {
				s.lost = err
			}
			s.notifier.Notify(w.name)
		}
	}
}

// applyAll makes the writes within a transaction, in order.
func (s *Store) applyAll(batch []*write) func(tx *bbolt.Tx) error {
	return func(tx *bbolt.Tx) error {
		c, err := upgrade(tx)
		if err != nil {
			return err
		}
		changed := false
		for _, w := range batch {
			if w.err = s.apply(w, c); errors.Is(w.err, errHalf) {
				return w.err
			}
			changed = changed || w.err == nil
		}
		if !changed {
			return errNothing
		}
		return nil
	}
}

// apply makes a write, and those that are made together with it, within a transaction,
// after the writes before it.
func (s *Store) apply(w *write, c contents) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	for _, w := range w.all() {
		if err := s.compare(w, c); err != nil {
			return err
		}
	}
	for i, w := range w.all() {
		switch err := s.change(w, c); {
		case err != nil && i > 0:
			return fmt.Errorf("%w: %w", errHalf, err)
		case err != nil:
			return err
		}
	}
	return nil
}

// errHalf rolls back a transaction, because some of the writes that belong together were
// made, and another cannot be.
var errHalf = errors.New("not all of the writes could be made")

// compare says why a write cannot be made.
func (s *Store) compare(w *write, c contents) error {
	key := key(w.name)
	old, sum := c.get(key)
	exists := old != nil || sum != nil
	switch {
	case w.flag == nil && !exists:
		return store.ErrNotFound
	case w.flag == nil && w.over == "":
		return nil
	case w.over == "" && exists:
		return fmt.Errorf("put %q: %w", w.name, store.ErrExists)
	case w.over != "" && exists && c.intact(key, old, sum) != nil:
		w.damaged = true
		return fmt.Errorf("put %q: %w", w.name, store.ErrConflict)
	case w.over != "" && revisionOf(old) != w.over:
		return fmt.Errorf("put %q: %w", w.name, store.ErrConflict)
	}
	return nil
}

// change makes a write to which nothing is opposed.
func (s *Store) change(w *write, c contents) error {
	if w.flag == nil {
		return c.delete(key(w.name))
	}
	revision, err := s.nextRevision(c.features)
	if err != nil {
		return err
	}
	w.flag.Revision = strconv.FormatUint(revision, 10)
	return c.put(key(w.name), value(w.flag.Revision, w.text))
}

// nextRevision returns a revision that no flag ever had, even if the sequence of the
// bucket is damaged, of which there is no checksum.
func (s *Store) nextRevision(features *bbolt.Bucket) (uint64, error) {
	revision, err := features.NextSequence()
	if err == nil && revision <= s.highest {
		revision = s.highest + 1
		err = features.SetSequence(revision)
	}
	if err != nil {
		return 0, err
	}
	s.highest = revision
	return revision, nil
}

// failed is for a transaction that was not committed, or of which the file may
// have everything, though the disk did not say so. What is in the file counts.
func (s *Store) failed(batch []*write, err error) {
	var names []string
	for _, w := range batch {
		if w.err == nil {
			w.err = fmt.Errorf("%w: write %s: %w", store.ErrUnavailable, s.path, err)
			for _, w := range w.all() {
				names = append(names, w.name)
			}
		}
	}
	if !errors.Is(err, errPanicked) {
		err = s.reload(names...)
	}
	if errors.Is(err, errPanicked) {
		s.lost = err
		return
	}
	for _, name := range names {
		s.notifier.Notify(name)
	}
}

// errPanicked says that bbolt panicked. It may hold locks since then.
var errPanicked = fmt.Errorf("%w while it was open", ErrCorrupt)

// guard calls f, and turns it into an error if bbolt panics, or if a part of the
// file that is mapped into memory cannot be read: it was cut short by another
// program, or the disk fails.
func guard(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", errPanicked, p)
		}
	}()
	return f()
}

// abandon closes the file because of err, or for no reason. After a panic that
// would block, so the file stays open until the process ends.
func abandon(db *bbolt.DB, err error) error {
	if errors.Is(err, errPanicked) {
		return err
	}
	return errors.Join(err, db.Close())
}
