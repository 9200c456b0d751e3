// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package redis

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/redis/go-redis/v9"
)

// batchers has a batcher for each server that is read from.
type batchers struct {
	mu           sync.Mutex  // held to add one
	byClient     sync.Map    // *redis.Client to *batcher
	knowsCluster atomic.Bool // the client knows where keys are, so that to ask it does not block
}

// read returns what there is at a key.
func (s *Store) read(ctx context.Context, key string) (value, error) {
	switch {
	case s.single != nil:
		return s.batcher(s.single).read(ctx, key)
	case s.batchers.knowsCluster.Load():
		if master, err := s.cluster.MasterForKey(ctx, key); err == nil {
			return s.batcher(master).read(ctx, key)
		}
	}
	v, err := s.readSlowly(ctx, key)
	if err == nil {
		s.batchers.knowsCluster.Store(true)
	}
	return v, err
}

// readSlowly reads with the user's client: its time limits, its retries, and in a
// cluster its search for the right node.
func (s *Store) readSlowly(ctx context.Context, key string) (value, error) {
	return ask(ctx, s, func(ctx context.Context) (value, error) { return valueOf(s.client.Get(ctx, key)) })
}

// batcher returns the batcher for the server of a client.
func (s *Store) batcher(client *redis.Client) *batcher {
	if b, ok := s.batchers.byClient.Load(client); ok {
		return b.(*batcher)
	}
	s.batchers.mu.Lock()
	defer s.batchers.mu.Unlock()
	if b, ok := s.batchers.byClient.Load(client); ok {
		return b.(*batcher)
	}
	// It is a new node, or the first. The clients of nodes that are gone are
	// closed.
	s.batchers.byClient.Range(func(client, _ any) bool {
		if isClosed(client.(*redis.Client)) {
			s.batchers.byClient.Delete(client)
		}
		return true
	})
	b := newBatcher(s, client)
	s.batchers.byClient.Store(client, b)
	return b
}

// isClosed reports whether a client is closed. With a context that has ended
// nothing is sent, and a closed client says that it is.
func isClosed(client redis.Cmdable) bool {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	return errors.Is(client.Get(ended, "").Err(), redis.ErrClosed)
}
