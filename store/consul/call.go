// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package consul

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/flipper-go/flipper/store"
)

// A call is one call of a method that asks the server.
type call struct {
	s      *Store
	what   string
	caller context.Context
	ctx    context.Context // of the requests; it also ends with the store and the time-out
	epoch  uint64          // when the call began; see Store.epoch
	end    func()
}

// begin begins a call. The caller calls end.
func (s *Store) begin(ctx context.Context, what string) (*call, error) {
	if err := ctx.Err(); err != nil {
		return nil, contextError(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed.Load() {
		return nil, store.ErrClosed
	}
	s.goroutines.Add(1)
	c := &call{s: s, what: what, caller: ctx, epoch: s.epoch}
	var cancel context.CancelFunc
	if _, ok := ctx.Deadline(); ok {
		c.ctx, cancel = context.WithCancel(ctx)
	} else {
		c.ctx, cancel = context.WithTimeout(ctx, s.timeout)
	}
	stop := context.AfterFunc(s.life, cancel)
	c.end = func() {
		stop()
		cancel()
		s.goroutines.Done()
	}
	return c, nil
}

// fail makes the call's error of that of a request.
func (c *call) fail(err error) error {
	switch {
	case c.s.closed.Load():
		return store.ErrClosed
	case errors.Is(c.caller.Err(), context.Canceled):
		return fmt.Errorf("consul: %s: %w", c.what, contextError(c.caller))
	case c.caller.Err() != nil: // the time was up, and the server is why
		return fmt.Errorf("consul: %s: %w: %w: %w", c.what, store.ErrUnavailable, contextError(c.caller), err)
	}
	return fmt.Errorf("consul: %s: %w", c.what, c.s.unavailable(err))
}

// unavailable says why the server did not answer, and what to do.
func (s *Store) unavailable(err error) error {
	hint := ""
	switch {
	case isForbidden(err):
		hint = fmt.Sprintf(" (does the client's token have read and write on key_prefix %q?)", s.prefix)
	case errors.Is(err, context.DeadlineExceeded):
		hint = " (is Consul there, does the cluster have a leader, and is WithTimeout long enough?)"
	}
	return fmt.Errorf("%w: %w%s", store.ErrUnavailable, err, hint)
}

// contextError returns why a context ended, matching both its error and its cause.
func contextError(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if errors.Is(cause, err) {
		return cause
	}
	return fmt.Errorf("%w: %w", err, cause)
}

// isForbidden reports whether the server said that the token may not do that. It
// says so in a status, or, about transactions, in a text only.
func isForbidden(err error) bool {
	if e, ok := errors.AsType[api.StatusError](err); ok {
		return e.Code == http.StatusForbidden
	}
	text := err.Error()
	return strings.Contains(text, "Permission denied") || strings.Contains(text, "ACL not found")
}

// isTooLarge reports whether the server said that a value is larger than it is
// configured to take.
func isTooLarge(err error) bool {
	if e, ok := errors.AsType[api.StatusError](err); ok {
		return e.Code == http.StatusRequestEntityTooLarge
	}
	return strings.Contains(err.Error(), "too large")
}

// query returns the options of a read. Reads are consistent: what they show
// includes every change that was acknowledged before they began. It costs the
// leader a round of heartbeats.
func (s *Store) query(ctx context.Context) *api.QueryOptions {
	q := &api.QueryOptions{Namespace: s.namespace, Partition: s.partition, RequireConsistent: true}
	return q.WithContext(ctx)
}

// read reads one key. The pair is nil if there is none; the index is one that
// every later state of the key is above.
func (s *Store) read(ctx context.Context, name string) (*api.KVPair, uint64, error) {
	pair, meta, err := s.client.KV().Get(s.key(name), s.query(ctx))
	if err != nil {
		return nil, 0, err
	}
	return pair, meta.LastIndex, nil
}

// fetch reads all keys.
func (s *Store) fetch(ctx context.Context) (api.KVPairs, uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	pairs, meta, err := s.client.KV().List(s.prefix, s.query(ctx))
	if err != nil {
		return nil, 0, err
	}
	if len(pairs) == 0 {
		// A token that may not read gets an empty list. About a single key it is
		// told.
		if _, _, err := s.client.KV().Get(s.prefix, s.query(ctx)); err != nil {
			return nil, 0, err
		}
	}
	return pairs, meta.LastIndex, nil
}

// keys asks what lies at the base key, and waits for a change after an index if
// that is not 0. The answer is small however many flags there are.
func (s *Store) keys(ctx context.Context, index uint64) (some bool, next uint64, err error) {
	timeout := answerPatience
	if index > 0 {
		timeout += s.wait + s.wait/16
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	q := s.query(ctx)
	q.RequireConsistent = false // of no use for waiting
	q.WaitIndex, q.WaitTime = index, s.wait
	// Without the final slash, so that all flags are folded into one entry.
	keys, meta, err := s.client.KV().Keys(strings.TrimSuffix(s.prefix, "/"), "/", q)
	if err != nil {
		return false, 0, err
	}
	for _, key := range keys {
		some = some || key == s.prefix
	}
	return some, meta.LastIndex, nil
}

// answerPatience is how long a small answer may take, when the wait at the server
// is over.
const answerPatience = 2 * time.Second
