// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"math/bits"
	"slices"

	"github.com/flipper-go/flipper/store"
)

const (
	// groupSize is the number of flags of a group, so that it is one cache line.
	groupSize = 7

	// shardGroups is the number of groups of a shard, and pageShards that of
	// shards of a page, both powers of two. A change copies one shard (1 KiB), one
	// page (½ KiB), and a pointer for each page.
	shardGroups = 16
	pageShards  = 64

	// shardLoad is the most flags that shards hold on average. The table doubles
	// its shards beyond it, and when one shard has more than shardMax.
	shardLoad = 72
	shardMax  = shardGroups * groupSize * 7 / 8
)

// A table is a hash table in shards. The highest bits of a name's hash choose the
// shard, others the group where the search begins, and the lowest are the tag.
type table struct {
	pages []*page
	shift uint8 // the hash shifted by it is the shard's number
	count int
}

// A page is a part of the list of shards. The last one may have some that are nil.
type page [pageShards]*shard

// A shard is a small hash table of groups. A flag is in the group where its search
// begins, or in one after it, to which all groups in between are full. One group at
// least is not full, where a search ends.
type shard [shardGroups]group

// A group is some flags, and in each byte of tags the tag of one of them, so that
// a search compares with all tags at once, and the name of hardly any other flag.
type group struct {
	tags  uint64 // a free place's is 0; the highest byte is not used
	flags [groupSize]*store.Flag
}

const (
	lowBits  = 0x01_01_01_01_01_01_01_01
	highBits = 0x80_80_80_80_80_80_80_80

	tagBits = 7
)

// tagOf returns the tag of a name's hash, which has the high bit.
func tagOf(hash uint64) uint64 { return hash&(1<<tagBits-1) | 1<<tagBits }

// find returns the flag of a name, or nil.
func (t *table) find(name string) *store.Flag {
	hash := hashName(name)
	n := hash >> t.shift
	if f := t.pages[n/pageShards][n%pageShards].place(hash, name); f != nil {
		return *f
	}
	return nil
}

// place returns where the flag of a name is, or nil.
func (s *shard) place(hash uint64, name string) **store.Flag {
	for i := hash >> tagBits; ; i++ {
		g := &s[i%shardGroups]
		// The bytes that are equal to the tag have their high bit set then. So may
		// a flag's byte above one: its name is compared in vain.
		x := g.tags ^ tagOf(hash)*lowBits
		for equal := (x - lowBits) &^ x & highBits; equal != 0; equal &= equal - 1 {
			if f := &g.flags[bits.TrailingZeros64(equal)/8]; (*f).Name == name {
				return f
			}
		}
		if g.len() < groupSize {
			return nil
		}
	}
}

func (g *group) len() int { return bits.OnesCount64(g.tags & highBits) }

func (s *shard) len() (n int) {
	for i := range s {
		n += s[i].len()
	}
	return n
}

// add puts in a flag whose name the shard does not have.
func (s *shard) add(hash uint64, f *store.Flag) {
	for i := hash >> tagBits; ; i++ {
		g := &s[i%shardGroups]
		if n := g.len(); n < groupSize {
			g.flags[n] = f
			g.tags |= tagOf(hash) << (8 * n)
			return
		}
	}
}

// all returns the flags of the table, in no order.
func (t *table) all(yield func(*store.Flag) bool) {
	for _, p := range t.pages {
		for _, s := range p {
			if s == nil {
				return
			}
			for g := range s {
				for _, f := range s[g].flags[:s[g].len()] {
					if !yield(f) {
						return
					}
				}
			}
		}
	}
}

// newTable returns a table with room for count flags.
func newTable(count int) table {
	return newShards(bits.Len(uint(max(count-1, 0) / shardLoad)))
}

// newShards returns a table of 1 << n empty shards.
func newShards(n int) table {
	t := table{pages: make([]*page, max(1<<n/pageShards, 1)), shift: uint8(64 - n)}
	for i := range t.pages {
		t.pages[i] = new(page)
		for j := range min(pageShards, 1<<n) {
			t.pages[i][j] = new(shard)
		}
	}
	return t
}

func (t *table) shards() int { return 1 << (64 - t.shift) }

// shard returns where the table has the shard of a hash.
func (t *table) shard(hash uint64) **shard {
	n := hash >> t.shift
	return &t.pages[n/pageShards][n%pageShards]
}

// own makes the way to the shard of a hash the table's own, so that the shard can
// be replaced and nobody else sees it.
func (t *table) own(hash uint64) {
	t.pages = slices.Clone(t.pages)
	p := &t.pages[hash>>t.shift/pageShards]
	owned := **p
	*p = &owned
}

// with returns a table that has the flag too. It leaves t as it is.
func (t table) with(f *store.Flag) table {
	hash := hashName(f.Name)
	t.own(hash)
	s := t.shard(hash)
	owned := **s
	*s = &owned
	t.insert(hash, f)
	return t
}

// without returns a table that has no flag of the name. It leaves t as it is.
func (t table) without(name string) table {
	if t.find(name) == nil {
		return t
	}
	hash := hashName(name)
	t.own(hash)
	t.count--
	// Others may have been put behind it, so the shard is made anew.
	s := t.shard(hash)
	rest := new(shard)
	for g := range *s {
		for _, f := range (*s)[g].flags[:(*s)[g].len()] {
			if f.Name != name {
				rest.add(hashName(f.Name), f)
			}
		}
	}
	*s = rest
	return t
}

// insert puts the flag into t in place, so only while nobody else has its shard.
func (t *table) insert(hash uint64, f *store.Flag) {
	s := *t.shard(hash)
	if place := s.place(hash, f.Name); place != nil {
		*place = f
		return
	}
	s.add(hash, f)
	t.count++
	for t.count > shardLoad*t.shards() || (*t.shard(hash)).len() > shardMax {
		t.double()
	}
}

// double shares out the flags to twice as many shards, all of them new.
func (t *table) double() {
	next := newShards(int(64-t.shift) + 1)
	next.count = t.count
	for f := range t.all {
		hash := hashName(f.Name)
		(*next.shard(hash)).add(hash, f)
	}
	*t = next
}
