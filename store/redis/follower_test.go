// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package redis

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/flipper-go/flipper/internal/snapshot"
	"github.com/flipper-go/flipper/store"
)

const (
	// deadline is what each call of a follower has. The client's own limits are
	// many times that.
	deadline = 300 * time.Millisecond

	// slack is how much later a call may return, on a machine that is busy.
	slack = 2 * time.Second
)

// A follower keeps a copy of all flags, as an application does: it reads what
// Watch tells it of, and only that.
type follower struct {
	t     *testing.T
	s     *Store
	flags snapshot.Map
	end   func() // and wait

	mu       sync.Mutex
	all      int // how often Watch told of all
	errs     []error
	longest  time.Duration
	unwanted error // what must not have happened
}

// follow starts a follower that ends with the test.
func follow(t *testing.T, s *Store) *follower {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	f := &follower{t: t, s: s}
	var running sync.WaitGroup
	running.Go(func() {
		for change, err := range s.Watch(ctx) {
			f.take(ctx, change, err)
		}
	})
	f.end = func() {
		cancel()
		running.Wait()
	}
	t.Cleanup(func() {
		f.end()
		if f.unwanted != nil {
			t.Error(f.unwanted)
		}
	})
	eventually(t, "watch begins", func(context.Context) error {
		if f.alls() == 0 {
			return fmt.Errorf("nothing was told; errors: %v", f.errors())
		}
		return nil
	})
	return f
}

func (f *follower) take(ctx context.Context, change store.Change, err error) {
	if err != nil {
		f.mu.Lock()
		f.errs = append(f.errs, err)
		f.mu.Unlock()
		if !errors.Is(err, store.ErrUnavailable) {
			f.misbehaved("watch: %v", err)
		}
		return
	}
	if change.All {
		for f.call("list", func(ctx context.Context) error { return f.flags.Replace(f.s.List(ctx)) }) != nil && ctx.Err() == nil {
			wait(ctx, time.Millisecond)
		}
		f.mu.Lock()
		f.all++
		f.mu.Unlock()
	}
	for _, name := range change.Names {
		for f.read(name) != nil && ctx.Err() == nil {
			wait(ctx, time.Millisecond)
		}
	}
}

// read reads one flag anew.
func (f *follower) read(name string) error {
	return f.call("get", func(ctx context.Context) error {
		flag, err := f.s.Get(ctx, name)
		return f.flags.Refresh(name, flag, err)
	})
}

// call makes a call with the deadline, and checks that it keeps to it and fails
// as it should.
func (f *follower) call(what string, call func(context.Context) error) error {
	limit := deadline
	if what == "list" {
		limit *= 10 // it makes several questions
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	began := time.Now()
	err := call(ctx)
	took := time.Since(began)
	f.mu.Lock()
	if what != "list" {
		f.longest = max(f.longest, took)
	}
	f.mu.Unlock()
	if took > limit+slack {
		f.misbehaved("%s took %v, with %v allowed", what, took, limit)
	}
	if err != nil && !errors.Is(err, store.ErrUnavailable) && !errors.Is(err, context.DeadlineExceeded) {
		f.misbehaved("%s: %v", what, err)
	}
	return err
}

func (f *follower) misbehaved(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.unwanted = errors.Join(f.unwanted, fmt.Errorf(format, args...))
}

func (f *follower) alls() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.all
}

func (f *follower) errors() []error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.errs)
}

func (f *follower) longestCall() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.longest
}

// state returns what the follower holds: revisions by name, "unreadable" where that
// is so.
func (f *follower) state() map[string]string {
	view := f.flags.Load()
	state := map[string]string{}
	for _, name := range view.Names() {
		flag, err := view.Get(name)
		if err != nil {
			state[name] = "unreadable"
			continue
		}
		state[name] = flag.Revision
	}
	return state
}

// truth returns the same from the server, by plain commands.
func truth(ctx context.Context, client redis.UniversalClient, s *Store) (map[string]string, error) {
	state := map[string]string{}
	read := func(ctx context.Context, node *redis.Client) error {
		keys, err := node.Keys(ctx, escapeGlob(s.prefix)+"*").Result()
		if err != nil {
			return err
		}
		for _, key := range keys {
			name := strings.TrimPrefix(key, s.prefix)
			text, err := node.Get(ctx, key).Result()
			switch {
			case isOtherType(err):
				state[name] = "unreadable"
			case errors.Is(err, redis.Nil) || err == nil && text == "":
			case err != nil:
				return err
			default:
				state[name] = revision(text)
				if _, err := store.Decode(name, []byte(text)); err != nil {
					state[name] = "unreadable"
				}
			}
		}
		return nil
	}
	if single, ok := client.(*redis.Client); ok {
		return state, read(ctx, single)
	}
	cluster := client.(*redis.ClusterClient)
	var mu sync.Mutex
	return state, cluster.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error {
		mu.Lock()
		defer mu.Unlock()
		return read(ctx, node)
	})
}

// converge waits until the follower holds what the server has, and returns how long
// that took.
func (f *follower) converge(t *testing.T, client redis.UniversalClient) time.Duration {
	t.Helper()
	began := time.Now()
	eventually(t, "the follower has what the server has", func(ctx context.Context) error {
		want, err := truth(ctx, client, f.s)
		if err != nil {
			return err
		}
		if got := f.state(); !maps.Equal(got, want) {
			return fmt.Errorf("the follower has %d flags, the server %d; watch failed with %v", len(got), len(want), f.errors())
		}
		return nil
	})
	return time.Since(began)
}

// item returns a stored form as Python writes it. n tells states apart.
func item(name string, enabled bool, n int) string {
	return fmt.Sprintf(`{"feature_name": %q, "is_enabled": %t, "meta": {"client_data": {"n": %d}, "created_date": 1700000000, "conditions": [], "bucketer": {"type": "NoOpBucketer"}}}`, name, enabled, n)
}

// setItems writes n flags as Python does.
func setItems(t testing.TB, client redis.UniversalClient, s *Store, n, state int) {
	t.Helper()
	_, err := client.Pipelined(t.Context(), func(p redis.Pipeliner) error {
		for i := range n {
			name := "FLAG" + strconv.Itoa(i)
			p.Set(t.Context(), s.key(name), item(name, true, state), 0)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
