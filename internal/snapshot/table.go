// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"hash/maphash"
	"math/bits"

	"github.com/flipper-go/flipper/store"
)

const (
	// shardSize is the number of slots of a shard, a power of two. A change
	// copies one shard, 16 bytes a slot, and one pointer for each shard.
	shardSize = 64

	// shardLoad is the most flags that shards hold on average. The table doubles
	// its shards beyond it, and when one shard has more than shardMax.
	shardLoad = shardSize / 2
	shardMax  = shardSize * 7 / 8
)

var seed = maphash.MakeSeed()

// A table is a hash table in shards. The highest bits of a name's hash choose the
// shard, the lowest bits the slot where the search begins.
type table struct {
	shards []*shard // 1 << n of them
	shift  uint8    // 64 - n
	count  int
}

// A shard is a small open-addressing table with linear probing. One slot at
// least is free, where a search ends.
type shard [shardSize]slot

type slot struct {
	hash uint64
	flag *store.Flag // nil if the slot is free
}

// newTable gives a table with room for count flags.
func newTable(count int) table {
	n := bits.Len(uint(max(count-1, 0) / shardLoad))
	t := table{shards: make([]*shard, 1<<n), shift: uint8(64 - n)}
	for i := range t.shards {
		t.shards[i] = new(shard)
	}
	return t
}

// find gives the flag of a name, or nil.
func (t *table) find(name string) *store.Flag {
	hash := maphash.String(seed, name)
	s := t.shards[hash>>t.shift]
	for i := hash; ; i++ {
		slot := &s[i%shardSize]
		if slot.flag == nil {
			return nil
		}
		if slot.hash == hash && slot.flag.Name == name {
			return slot.flag
		}
	}
}

// with gives a table that has the flag too. It leaves t as it is.
func (t table) with(f *store.Flag) table {
	t.shards = append(make([]*shard, 0, len(t.shards)), t.shards...)
	i := maphash.String(seed, f.Name) >> t.shift
	s := *t.shards[i]
	t.shards[i] = &s
	t.insert(f)
	return t
}

// without gives a table that has no flag of the name. It leaves t as it is.
func (t table) without(name string) table {
	if t.find(name) == nil {
		return t
	}
	t.shards = append(make([]*shard, 0, len(t.shards)), t.shards...)
	i := maphash.String(seed, name) >> t.shift
	s := new(shard)
	for _, slot := range t.shards[i] {
		if slot.flag != nil && slot.flag.Name != name {
			s.put(slot.hash, slot.flag)
		}
	}
	t.shards[i] = s
	t.count--
	return t
}

// insert puts the flag into t in place, so only while nobody else has its shard.
func (t *table) insert(f *store.Flag) {
	hash := maphash.String(seed, f.Name)
	if !t.shards[hash>>t.shift].put(hash, f) {
		return
	}
	t.count++
	for t.count > shardLoad*len(t.shards) || t.shards[hash>>t.shift].len() > shardMax {
		t.double()
	}
}

// double shares out the flags to twice as many shards, all of them new.
func (t *table) double() {
	old := t.shards
	t.shift--
	t.shards = make([]*shard, 2*len(old))
	for i := range t.shards {
		t.shards[i] = new(shard)
	}
	for _, s := range old {
		for _, slot := range s {
			if slot.flag != nil {
				t.shards[slot.hash>>t.shift].put(slot.hash, slot.flag)
			}
		}
	}
}

// put reports whether the flag is one more, not in place of another.
func (s *shard) put(hash uint64, f *store.Flag) bool {
	for i := hash; ; i++ {
		slot := &s[i%shardSize]
		if slot.flag == nil {
			slot.hash, slot.flag = hash, f
			return true
		}
		if slot.hash == hash && slot.flag.Name == f.Name {
			slot.flag = f
			return false
		}
	}
}

func (s *shard) len() (n int) {
	for i := range s {
		if s[i].flag != nil {
			n++
		}
	}
	return n
}
