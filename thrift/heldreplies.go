// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package thrift

import (
	"context"
	"hash/maphash"
	"sync"

	apache "github.com/apache/thrift/lib/go/thrift"

	"github.com/flipper-go/flipper/internal/featureflagstore"
	"github.com/flipper-go/flipper/store"
)

const (
	replyShards = 16

	// maxHeldReply is the largest reply that is held, without its header, and
	// maxHeldReplies how much is held of one method.
	maxHeldReply   = 8 << 10
	maxHeldReplies = 4 << 20

	// heldReplyCost is what a reply costs besides its bytes and its name, in bytes.
	heldReplyCost = 200
)

// A getMethod is a method that returns one flag.
type getMethod struct {
	name  string
	index int
	// result is what is replied.
	result func(*store.Flag) (apache.TStruct, error)
}

var getMethods = [...]getMethod{
	{"Get", 0, func(f *store.Flag) (apache.TStruct, error) {
		return &featureflagstore.FeatureFlagStoreGetResult{Success: item(f)}, nil
	}},
	{"GetStored", 1, func(f *store.Flag) (apache.TStruct, error) {
		flag, err := storedFlag(f)
		return &featureflagstore.FeatureFlagStoreGetStoredResult{Success: flag}, err
	}},
}

func getMethodOf(name []byte) *getMethod {
	for i := range getMethods {
		if m := &getMethods[i]; string(name) == m.name {
			return m
		}
	}
	return nil
}

// heldReplies are the replies about flags that the store has in memory, as they
// are sent in the binary protocol. A flag that a store returns never changes, so a
// reply is good for as long as the store returns the same one.
type heldReplies struct {
	store store.Peeker
	seed  maphash.Seed
	// Of each method, by name.
	shards [len(getMethods)][replyShards]replyShard
}

type replyShard struct {
	mu      sync.RWMutex
	replies map[string]*heldReply
	size    int
}

type heldReply struct {
	name string
	flag *store.Flag
	body []byte // nil if it is too large to be held
}

func newHeldReplies(s store.Peeker) *heldReplies {
	h := &heldReplies{store: s, seed: maphash.MakeSeed()}
	for i := range h.shards {
		for j := range h.shards[i] {
			h.shards[i][j].replies = make(map[string]*heldReply)
		}
	}
	return h
}

// body returns the reply about a flag without its header, or nil if only a call of
// the service can tell. Do not modify it.
func (h *heldReplies) body(m *getMethod, name []byte) []byte {
	shard := &h.shards[m.index][maphash.Bytes(h.seed, name)%replyShards]
	shard.mu.RLock()
	held := shard.replies[string(name)]
	shard.mu.RUnlock()
	if held == nil {
		held = &heldReply{name: string(name)}
	}
	flag, known := h.store.Peek(held.name)
	if flag == nil || !known {
		return nil
	}
	if flag != held.flag {
		held = newHeldReply(m, held.name, flag)
		shard.hold(held)
	}
	return held.body
}

func newHeldReply(m *getMethod, name string, f *store.Flag) *heldReply {
	held := &heldReply{name: name, flag: f}
	result, err := m.result(f)
	if err != nil {
		return held
	}
	buffer := apache.NewTMemoryBuffer()
	if err := result.Write(context.Background(), apache.NewTBinaryProtocolConf(buffer, nil)); err != nil {
		return held
	}
	if buffer.Len() <= maxHeldReply {
		held.body = buffer.Bytes()
	}
	return held
}

func (r *heldReply) cost() int { return heldReplyCost + len(r.name) + cap(r.body) }

// hold keeps a reply, and gives up others, whichever they are, if it has to.
func (s *replyShard) hold(r *heldReply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(r.name)
	for name := range s.replies {
		if s.size+r.cost() <= maxHeldReplies/replyShards {
			break
		}
		s.drop(name)
	}
	s.replies[r.name] = r
	s.size += r.cost()
}

func (s *replyShard) drop(name string) {
	if old := s.replies[name]; old != nil {
		s.size -= old.cost()
		delete(s.replies, name)
	}
}
