// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package consul

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/flipper-go/flipper/internal/snapshot"
	"github.com/flipper-go/flipper/store"
)

// A Store is the flags in a Consul cluster. It is safe for concurrent use. See
// the package comment for what it does.
type Store struct {
	options
	client *api.Client
	prefix string // of all flags' keys

	flags    snapshot.Map // what entries say, for reading
	notifier store.Notifier
	status   atomic.Pointer[status] // the follower changes it
	loaded   atomic.Bool            // flags are all flags
	closed   atomic.Bool            // set with mu held
	ready    chan struct{}          // closed then

	life       context.Context // ends with Close
	end        context.CancelFunc
	goroutines sync.WaitGroup // the follower and calls under way

	mu      sync.Mutex
	started bool
	entries map[string]entry
	turns   map[string]*turn
	clock   uint64 // advances with each answer to a call of ours
	epoch   uint64 // advances with each failure: the server may be another one then
}

var (
	_ store.Watcher   = (*Store)(nil)
	_ store.Peeker    = (*Store)(nil)
	_ snapshot.Source = (*Store)(nil)
	_ store.Dated     = (*Store)(nil)
)

// New makes a store of the flags that a client reaches. Address, token, TLS and
// data centre are those of the client's configuration. The client remains the
// caller's, also after Close. It is an error if client is nil, or options make no
// sense.
//
// It does not dial. The store begins to follow the flags when it is first read,
// and goes on until Close.
func New(client *api.Client, opts ...Option) (*Store, error) {
	o, err := newOptions(opts)
	if client == nil {
		err = errors.New("the client is nil")
	}
	if err != nil {
		return nil, fmt.Errorf("consul: %w", err)
	}
	s := &Store{
		options: o,
		client:  client,
		prefix:  o.baseKey + "/",
		ready:   make(chan struct{}),
		entries: make(map[string]entry),
		turns:   make(map[string]*turn),
	}
	s.life, s.end = context.WithCancel(context.Background())
	s.status.Store(new(status))
	s.flags.Hide() // until all were fetched
	return s, nil
}

// start has the store follow the flags.
func (s *Store) start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started || s.closed.Load() {
		return
	}
	s.started = true
	f := &follower{s: s}
	s.goroutines.Go(f.run)
}

// Close ends the question for changes, fails calls under way, ends watches, both
// with [store.ErrClosed], and waits for all that. It is idempotent and returns
// nil. It leaves the client open.
func (s *Store) Close() error {
	s.mu.Lock()
	if !s.closed.Swap(true) {
		s.flags.Hide()
	}
	s.mu.Unlock()
	s.end()
	s.notifier.Close()
	s.goroutines.Wait()
	return nil
}

// check says why a read from memory is to do nothing.
func (s *Store) check(ctx context.Context) error {
	if ctx.Err() != nil {
		return contextError(ctx)
	}
	if s.closed.Load() {
		return store.ErrClosed
	}
	return nil
}

// Peek implements [store.Peeker]. It knows every flag once all were
// fetched; see [Store.WaitReady].
func (s *Store) Peek(name string) (f *store.Flag, known bool) { return s.flags.Load().Peek(name) }

// Snapshots lets the flag client read without a call in between. Only the
// client may use it, and it must not change the Map.
func (s *Store) Snapshots(asked store.Store) *snapshot.Map {
	if asked != store.Store(s) {
		return nil // a store around this one
	}
	return &s.flags
}

// Get implements [store.Store]. It answers from memory, and asks the server
// only until all flags were fetched.
func (s *Store) Get(ctx context.Context, name string) (*store.Flag, error) {
	if err := s.check(ctx); err != nil {
		return nil, err
	}
	if s.loaded.Load() {
		f, err := s.flags.Held().Get(name)
		if err == store.ErrNotFound { //nolint:errorlint // it is never wrapped there
			if err := s.checkName(name); err != nil {
				return nil, err
			}
		}
		return f, err
	}
	if err := s.checkName(name); err != nil {
		return nil, err
	}
	s.start()
	c, err := s.begin(ctx, fmt.Sprintf("get %q", name))
	if err != nil {
		return nil, err
	}
	defer c.end()
	pair, _, err := s.read(c.ctx, name)
	switch {
	case err != nil:
		return nil, c.fail(err)
	case pair == nil || len(pair.Value) == 0:
		return nil, store.ErrNotFound
	}
	return newState(name, pair).get()
}

// List implements [store.Store]. It returns the flags as they are when the
// loop begins, from memory, and asks the server only until all flags were
// fetched.
func (s *Store) List(ctx context.Context) iter.Seq2[*store.Flag, error] {
	return func(yield func(*store.Flag, error) bool) {
		if err := s.check(ctx); err != nil {
			yield(nil, err)
			return
		}
		if s.loaded.Load() {
			s.flags.Held().List(ctx)(yield)
			return
		}
		s.start()
		all, err := s.fetchStates(ctx)
		if err != nil {
			yield(nil, err)
			return
		}
		for f, err := range sortedFlags(all) {
			if ctx.Err() != nil {
				yield(nil, contextError(ctx))
				return
			}
			if !yield(f, err) {
				return
			}
		}
	}
}

func (s *Store) fetchStates(ctx context.Context) (map[string]*state, error) {
	c, err := s.begin(ctx, "list")
	if err != nil {
		return nil, err
	}
	defer c.end()
	pairs, _, err := s.fetch(c.ctx)
	if err != nil {
		return nil, c.fail(err)
	}
	return s.states(pairs, nil), nil
}

// Age implements [store.Dated]: 0 while the store is told of changes. While
// it is not, because the server cannot be reached or the cluster has no leader,
// the flags are stale, and the age is that of the last question that the server
// has answered. It is the same for all flags.
func (s *Store) Age(string) (age time.Duration, stale bool) {
	st := s.status.Load()
	if st.current || !s.loaded.Load() {
		return 0, false
	}
	return time.Since(st.confirmed), true
}
