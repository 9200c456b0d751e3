// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package redis

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/flipper-go/flipper/store"
)

const (
	// scanCount is how many keys one SCAN looks at: it keeps the server busy for
	// half a millisecond, and takes 0.6 seconds in all for a million keys.
	scanCount = 1000

	scansAtMost = 3
)

// List implements [store.Store]. It looks at every key of the database, so
// it takes a time in proportion to them; values are read as the loop goes on, a
// few thousand flags ahead of it.
func (s *Store) List(ctx context.Context) iter.Seq2[*store.Flag, error] {
	return func(yield func(*store.Flag, error) bool) {
		if err := s.check(ctx); err != nil {
			yield(nil, err)
			return
		}
		names, err := ask(ctx, s, s.names)
		if err != nil {
			yield(nil, s.failed(ctx, "list", err))
			return
		}
		for entries, err := range s.pages(ctx, names) {
			if err != nil {
				yield(nil, s.failed(ctx, "list", err))
				return
			}
			for _, e := range entries {
				if errors.Is(e.err, store.ErrNotFound) {
					continue // it was deleted since
				}
				if err := s.check(ctx); err != nil {
					yield(nil, err)
					return
				}
				if !yield(e.flag, e.err) {
					return
				}
			}
		}
	}
}

// names returns the names of all flags, sorted, and possibly of some that were
// deleted meanwhile.
//
// A key that moves from one node of a cluster to another while they are scanned
// can escape both scans. So the nodes are scanned again if slots moved
// meanwhile: to escape that too, the key would have to move once more.
func (s *Store) names(ctx context.Context) ([]string, error) {
	var names []string
	before := s.layout(ctx)
	for range scansAtMost {
		scanned, err := s.scan(ctx)
		if err != nil {
			return nil, err
		}
		names = append(names, scanned...)
		after := s.layout(ctx)
		if after == before && !strings.Contains(after, "[") { // a slot that moves
			break
		}
		before = after
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// scan returns the names of the flags that the masters have, some more than once.
func (s *Store) scan(ctx context.Context) (names []string, err error) {
	var mu sync.Mutex
	err = s.eachMaster(ctx, func(ctx context.Context, master *redis.Client) error {
		for cursor := uint64(0); ; {
			if err := s.check(ctx); err != nil {
				return err
			}
			keys, next, err := master.Scan(ctx, cursor, escapeGlob(s.prefix)+"*", scanCount).Result()
			if err != nil {
				return err
			}
			mu.Lock()
			for _, key := range keys {
				names = append(names, strings.TrimPrefix(key, s.prefix))
			}
			mu.Unlock()
			if next == 0 {
				return nil
			}
			cursor = next
		}
	})
	return names, err
}

// eachMaster calls f for the server, or for each master of the cluster, several
// at a time.
func (s *Store) eachMaster(ctx context.Context, f func(context.Context, *redis.Client) error) error {
	if s.single != nil {
		return f(ctx, s.single)
	}
	return s.cluster.ForEachMaster(ctx, f)
}

// layout describes which slots the nodes of a cluster have, with a bracket where
// one moves. If it cannot be learned, it is a bracket.
func (s *Store) layout(ctx context.Context) string {
	if s.cluster == nil {
		return ""
	}
	var mu sync.Mutex
	var nodes []string
	err := s.eachMaster(ctx, func(ctx context.Context, master *redis.Client) error {
		text, err := master.ClusterNodes(ctx).Result()
		if err != nil {
			return err
		}
		for line := range strings.Lines(text) {
			// id, address, flags, master, ping, pong, epoch, link, slots. Only
			// the node itself says which of its slots move.
			fields := strings.Fields(line)
			if len(fields) >= 8 && strings.Contains(fields[2], "myself") {
				mu.Lock()
				nodes = append(nodes, fields[0]+" "+strings.Join(fields[8:], " "))
				mu.Unlock()
			}
		}
		return nil
	})
	if err != nil {
		return "["
	}
	slices.Sort(nodes)
	return strings.Join(nodes, "\n")
}

// values returns what there is under each name.
func (s *Store) values(ctx context.Context, names []string) ([]value, error) {
	values := make([]value, len(names))
	var unclear []int // indexes into both
	if s.cluster != nil {
		for i := range names {
			unclear = append(unclear, i)
		}
	} else {
		args := make([]any, 1, 1+len(names))
		args[0] = "mget"
		for key := range s.keys(names) {
			args = append(args, key)
		}
		// Unlike the client's MGet, this makes no allocation for each text.
		texts := redis.NewStringSliceCmd(ctx, args...)
		if err := s.client.Process(ctx, texts); err != nil {
			return nil, err
		}
		if len(texts.Val()) != len(names) {
			return nil, fmt.Errorf("mget of %d keys: %d values", len(names), len(texts.Val()))
		}
		for i, text := range texts.Val() {
			values[i].text = text
			if text == "" { // gone, empty, or of another type
				unclear = append(unclear, i)
			}
		}
	}
	if len(unclear) == 0 {
		return values, nil
	}
	commands := make([]*redis.StringCmd, len(unclear))
	_, err := s.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, index := range unclear {
			commands[i] = p.Get(ctx, s.key(names[index]))
		}
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) && !isOtherType(err) {
		return nil, err
	}
	for i, index := range unclear { // the error is that of the first that has one
		if values[index], err = valueOf(commands[i]); err != nil {
			return nil, err
		}
	}
	return values, nil
}

// keys returns the keys of the flags of these names, all in one allocation.
func (s *Store) keys(names []string) iter.Seq[string] {
	return func(yield func(string) bool) {
		size := len(names) * len(s.prefix)
		for _, name := range names {
			size += len(name)
		}
		var all strings.Builder
		all.Grow(size)
		for _, name := range names {
			start := all.Len()
			all.WriteString(s.prefix)
			all.WriteString(name)
			if !yield(all.String()[start:]) {
				return
			}
		}
	}
}

var globEscaper = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`, `^`, `\^`)

// escapeGlob returns the pattern that matches just the text.
func escapeGlob(text string) string { return globEscaper.Replace(text) }
