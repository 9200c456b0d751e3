// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package redis

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/flipper-go/flipper/store"
)

const (
	// checkInterval is how often a session's connection is tried, and how often
	// it is asked whether the masters are still the same.
	checkInterval = 500 * time.Millisecond

	// silence is how long a server may take to answer before it counts as lost.
	silence = 2 * time.Second
)

// A tracker learns of changes for one loop over Watch: from a session with each
// master, or by polling.
type tracker struct {
	s       *Store
	pending *pending

	mu    sync.Mutex
	nodes map[string]*node // by address
}

// A node is a master that is tracked.
type node struct {
	master *redis.Client
	cancel context.CancelFunc
	stands bool // there is a session
}

// refusal is why the server does not announce changes.
type refusal struct {
	err     error
	version string // of the server; empty if unknown
}

func (r *refusal) Error() string { return r.err.Error() }
func (r *refusal) Unwrap() error { return r.err }

// run tracks until ctx ends.
func (t *tracker) run(ctx context.Context) {
	for attempt := 0; ctx.Err() == nil; attempt++ {
		refused := t.listen(ctx)
		if refused == nil {
			return
		}
		t.s.tellPolling(refused)
		began := time.Now()
		t.poll(ctx)
		if time.Since(began) > pauseMax {
			attempt = 0
		}
		pause(ctx, attempt)
	}
}

// tellPolling says once that changes are learned late.
func (s *Store) tellPolling(r *refusal) {
	s.pollingTold.Do(func() {
		version := r.version
		if version == "" {
			version = "unknown"
		}
		s.logger.Warn("flags in Redis: the server does not announce changes, so we ask for them at intervals (it takes Redis 6, and the right to use client|tracking)",
			"interval", s.pollInterval, "server_version", version, "error", r.err)
	})
}

// listen keeps a session with each master. It returns nil when ctx ends, and the
// refusal if a server does not announce changes.
func (t *tracker) listen(ctx context.Context) *refusal {
	sessions, cancel := context.WithCancelCause(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel(nil)
	t.mu.Lock()
	t.nodes = nil
	t.mu.Unlock()
	for attempt := 0; sessions.Err() == nil; {
		masters, err := t.masters(sessions)
		switch {
		case err == nil:
			for _, n := range t.setMasters(sessions, masters) {
				running.Go(func() {
					if refused := t.keepSession(n.ctx, n.node); refused != nil {
						cancel(refused)
					}
				})
			}
			attempt = 0
			wait(sessions, checkInterval)
		case t.known():
			wait(sessions, checkInterval) // each session tells if its server is lost
		default:
			t.fail(sessions, nil, err)
			attempt++
			pause(sessions, attempt)
		}
	}
	if refused, ok := errors.AsType[*refusal](context.Cause(sessions)); ok && ctx.Err() == nil {
		return refused
	}
	return nil
}

// masters returns the clients of all masters by address. They are the caller's.
func (t *tracker) masters(ctx context.Context) (map[string]*redis.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, silence)
	defer cancel()
	return ask(ctx, t.s, func(ctx context.Context) (map[string]*redis.Client, error) {
		var mu sync.Mutex
		masters := make(map[string]*redis.Client)
		err := t.s.eachMaster(ctx, func(_ context.Context, master *redis.Client) error {
			mu.Lock()
			defer mu.Unlock()
			masters[master.Options().Addr] = master
			return nil
		})
		if err == nil && len(masters) == 0 {
			err = errors.New("the cluster has no masters")
		}
		return masters, err
	})
}

// A newNode is a node whose session is to be started.
type newNode struct {
	*node
	ctx context.Context
}

// setMasters takes what the masters are. It returns those that are new, and ends
// the sessions with those that are none any more.
func (t *tracker) setMasters(ctx context.Context, masters map[string]*redis.Client) (added []newNode) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.nodes == nil {
		t.nodes = make(map[string]*node)
	}
	gone := false
	for address, n := range t.nodes {
		if masters[address] != n.master {
			n.cancel()
			delete(t.nodes, address)
			gone = true
		}
	}
	for address, master := range masters {
		if t.nodes[address] == nil {
			ctx, cancel := context.WithCancel(ctx)
			n := &node{master: master, cancel: cancel}
			t.nodes[address] = n
			added = append(added, newNode{n, ctx})
		}
	}
	if gone {
		// If a new master took over from one that is gone, what was written to it
		// before its session stands is not announced: then All comes with that.
		t.announce()
	}
	return added
}

func (t *tracker) known() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.nodes) > 0
}

// announce tells the reader to read everything, if there is a session with every
// master. The caller holds mu.
func (t *tracker) announce() {
	for _, n := range t.nodes {
		if !n.stands {
			return
		}
	}
	t.pending.addAll()
}

// isUp notes that a session stands.
func (t *tracker) isUp(n *node) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n.stands = true
	if t.nodes[n.master.Options().Addr] == n {
		t.announce()
	}
}

// fail tells the reader of a failure, of a node or of all.
func (t *tracker) fail(ctx context.Context, n *node, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n != nil {
		n.stands = false
	}
	if ctx.Err() == nil {
		t.pending.fail(fmt.Errorf("flags in Redis: watch: %w: %w", store.ErrUnavailable, err))
	}
}

// keepSession has a session with a node, and another when that ends, until ctx
// ends or the server refuses.
func (t *tracker) keepSession(ctx context.Context, n *node) *refusal {
	defer n.cancel()
	protocol := n.master.Options().Protocol
	for attempt := 0; ctx.Err() == nil; attempt++ {
		pause(ctx, attempt)
		began := time.Now()
		err := t.session(ctx, n, protocol)
		if errors.Is(err, errNoRESP3) {
			protocol, attempt = 2, -1
			continue
		}
		if refused, ok := errors.AsType[*refusal](err); ok {
			return refused
		}
		t.fail(ctx, n, err)
		if time.Since(began) > silence {
			attempt = -1 // that one held for a while
		}
	}
	return nil
}

// changed takes what the server announces: keys, or nil for all.
func (t *tracker) changed(keys []string) {
	if keys == nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.announce() // or later, when all sessions stand
		return
	}
	names := make([]string, 0, len(keys))
	for _, key := range keys {
		if name, ok := strings.CutPrefix(key, t.s.prefix); ok {
			names = append(names, name)
		}
	}
	t.pending.add(names...)
}
