// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package cached

import (
	"hash/maphash"
	"sync"

	"github.com/flipper-go/flipper/store"
)

// shards is how many groups the names are in. A change of one name makes loads
// under way of its group's other names not be kept, so there are many.
const shards = 256

// A shard is a group of names. Its epoch grows when one of them changes or may
// have: what was read in one epoch is not kept in another. Entries of its names
// are added and removed with mu held; golang-lru has a lock of its own, so that
// what it evicts to make room needs no shard.
type shard struct {
	mu    sync.Mutex
	epoch uint64
}

func (s *Store) shard(name string) *shard {
	return &s.shards[maphash.String(s.seed, name)%shards]
}

func (sh *shard) now() uint64 {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	return sh.epoch
}

// keep holds the result of a read that began in an epoch. If that epoch is over, the
// result is no answer any more. It still replaces what is older, for when reading
// fails, so that nobody sees the flag go back.
func (s *Store) keep(name string, f *store.Flag, epoch uint64) {
	sh := s.shard(name)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	e := s.newEntry(f, epoch)
	if sh.epoch != epoch {
		old, ok := s.entries.Peek(name)
		if !ok || old.epoch >= epoch {
			return
		}
		e.outdated.Store(true)
	}
	s.entries.Add(name, e)
}

// drop forgets a name, unless the epoch is over.
func (s *Store) drop(name string, epoch uint64) {
	sh := s.shard(name)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.epoch == epoch {
		s.entries.Remove(name)
	}
}

// invalidate has a name read again when it is next asked for. The old flag stays
// for when that fails.
func (s *Store) invalidate(name string) {
	sh := s.shard(name)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.epoch++
	if e, ok := s.entries.Peek(name); ok {
		s.outdate(e)
	}
}

// invalidateAll has all names read again.
func (s *Store) invalidateAll() {
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		sh.epoch++
		sh.mu.Unlock()
	}
	for _, e := range s.entries.Values() {
		s.outdate(e)
	}
}

// A write is one under way through this store.
type write struct {
	s     *Store
	name  string
	epoch uint64
}

// write begins a write: the results of reads that began before it are not kept.
func (s *Store) write(name string) write {
	sh := s.shard(name)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.epoch++
	return write{s, name, sh.epoch}
}

// done ends a write. What it stored is held if nothing happened meanwhile. If
// something did, perhaps only that the write itself was told, nobody knows which
// came last, and the flag is read again.
func (w write) done(f *store.Flag, err error) {
	if err != nil {
		w.s.invalidate(w.name) // it may be done, or another's was
		return
	}
	sh := w.s.shard(w.name)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	alone := sh.epoch == w.epoch
	sh.epoch++
	old, ok := w.s.entries.Peek(w.name)
	switch {
	case alone:
		w.s.entries.Add(w.name, w.s.newEntry(f, sh.epoch))
	case ok && old.epoch < w.epoch:
		// Should reading fail, the writer must not see what was before.
		e := w.s.newEntry(f, sh.epoch)
		e.outdated.Store(true)
		w.s.entries.Add(w.name, e)
	case ok:
		w.s.entries.Remove(w.name)
	}
}
