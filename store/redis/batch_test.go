// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package redis

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"github.com/flipper-go/flipper/internal/faultproxy"
	"github.com/flipper-go/flipper/internal/redistest"
	"github.com/flipper-go/flipper/store"
)

// gate is a hook that holds back GETs until it is opened.
type gate struct {
	gone    chan struct{} // closed when the gate is open
	open    func()
	alone   atomic.Int64 // GETs that were sent by themselves
	batches atomic.Int64
	batched atomic.Int64 // GETs that were sent in batches
}

func newGate() *gate {
	gone := make(chan struct{})
	return &gate{gone: gone, open: sync.OnceFunc(func() { close(gone) })}
}

func (g *gate) DialHook(next redis.DialHook) redis.DialHook { return next }

func (g *gate) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if cmd.Name() == "get" {
			g.alone.Add(1)
			<-g.gone
		}
		return next(ctx, cmd)
	}
}

func (g *gate) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if cmds[0].Name() == "get" {
			g.batches.Add(1)
			g.batched.Add(int64(len(cmds)))
			<-g.gone
		}
		return next(ctx, cmds)
	}
}

// gatedStore makes a store whose reads wait for a gate.
func gatedStore(t *testing.T) (*Store, *redis.Client, *gate) {
	t.Helper()
	server := redistest.Start(t)
	g := newGate()
	s := newStore(t, server.Client(t), WithReadHooks(func(c *redis.Client) { c.AddHook(g) }))
	t.Cleanup(g.open)
	return s, server.Client(t), g
}

// waitingKeys tells how many keys wait for a batch.
func (b *batcher) waitingKeys() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.waiting)
}

// occupy has a store's reads of its own goroutines and of batches all under way,
// behind the gate. The caller waits for the group after it opened the gate.
func occupy(t *testing.T, s *Store, g *gate) *errgroup.Group {
	t.Helper()
	var group errgroup.Group
	get := func() error {
		_, err := s.Get(context.Background(), "FLAG0")
		return err
	}
	for range aloneAtOnce {
		group.Go(get)
	}
	eventually(t, "reads are under way", func(context.Context) error {
		if n := g.alone.Load(); n != aloneAtOnce {
			return fmt.Errorf("%d", n)
		}
		return nil
	})
	for i := range int64(batchesAtOnce) {
		group.Go(get)
		eventually(t, "batches are under way", func(context.Context) error {
			if n := g.batches.Load(); n != i+1 {
				return fmt.Errorf("%d", n)
			}
			return nil
		})
	}
	return &group
}

func TestManyReadersShareBatches(t *testing.T) {
	t.Parallel()
	const flags, callersEach = 200, 20
	s, direct, g := gatedStore(t)
	setItems(t, direct, s, flags, 7)
	if err := direct.Del(t.Context(), s.key("FLAG1")).Err(); err != nil {
		t.Fatal(err)
	}
	for key, command := range map[string][]any{"FLAG2": {"lpush"}, "FLAG3": {"set"}} {
		if err := direct.Del(t.Context(), s.key(key)).Err(); err != nil {
			t.Fatal(err)
		}
		if err := direct.Do(t.Context(), append(command, s.key(key), "no flag")...).Err(); err != nil {
			t.Fatal(err)
		}
	}
	group := occupy(t, s, g)

	for i := range flags * callersEach {
		name := fmt.Sprint("FLAG", i%flags)
		group.Go(func() error {
			f, err := s.Get(t.Context(), name)
			switch {
			case name == "FLAG1":
				if !errors.Is(err, store.ErrNotFound) {
					return fmt.Errorf("%s, which does not exist: %w", name, err)
				}
			case name == "FLAG2" || name == "FLAG3":
				if !errors.Is(err, store.ErrUnreadable) {
					return fmt.Errorf("%s, which is unreadable: %w", name, err)
				}
			case err != nil:
				return fmt.Errorf("%s: %w", name, err)
			case f.Name != name || f.ClientData != `{"n": 7}`:
				return fmt.Errorf("%s: got %s with %s", name, f.Name, f.ClientData)
			}
			return nil
		})
	}
	eventually(t, "all wait", func(context.Context) error {
		if n := s.batcher(s.single).waitingKeys(); n != flags {
			return fmt.Errorf("%d keys wait", n)
		}
		return nil
	})
	g.open()
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
	// A caller that is late finds its key's batch gone, so there can be more keys
	// than flags; by far not as many as callers.
	t.Logf("%d callers: %d keys in %d batches, %d alone", flags*callersEach, g.batched.Load(), g.batches.Load(), g.alone.Load())
	if n := g.batched.Load() + g.alone.Load(); n > flags*callersEach/2 {
		t.Errorf("%d reads for %d callers", n, flags*callersEach)
	}
}

func TestReaderLeavesBatch(t *testing.T) {
	t.Parallel()
	s, direct, g := gatedStore(t)
	setItems(t, direct, s, 2, 0)
	group := occupy(t, s, g)
	b := s.batcher(s.single)

	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan error)
	go func() {
		_, err := s.Get(ctx, "FLAG1")
		left <- err
	}()
	group.Go(func() error {
		_, err := s.Get(t.Context(), "FLAG1")
		return err
	})
	eventually(t, "it waits", func(context.Context) error {
		if b.waitingKeys() == 0 {
			return errors.New("not yet")
		}
		return nil
	})
	cancel()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("the caller that left: %v", err)
	}
	g.open()
	if err := group.Wait(); err != nil {
		t.Errorf("a caller that stayed: %v", err)
	}
}

// TestNearDeadline has a caller whose deadline is nearer than the quick limit: it
// may not read on its own goroutine.
func TestNearDeadline(t *testing.T) {
	t.Parallel()
	s, direct, g := gatedStore(t)
	setItems(t, direct, s, 1, 0)
	ctx, cancel := context.WithTimeout(t.Context(), quickTimeout/2)
	defer cancel()
	if _, err := s.Get(ctx, "FLAG0"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	g.open()
}

func TestCloseEndsBatches(t *testing.T) {
	t.Parallel()
	s, direct, g := gatedStore(t)
	setItems(t, direct, s, 2, 0)
	group := occupy(t, s, g)
	waits := make(chan error)
	go func() {
		_, err := s.Get(t.Context(), "FLAG1")
		waits <- err
	}()
	eventually(t, "it waits", func(context.Context) error {
		if s.batcher(s.single).waitingKeys() == 0 {
			return errors.New("not yet")
		}
		return nil
	})
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := <-waits; !errors.Is(err, store.ErrClosed) {
		t.Errorf("a caller that waits for a batch: %v", err)
	}
	select {
	case <-closed:
		t.Error("Close did not wait for the batches")
	default:
	}
	g.open()
	<-closed
	_ = group.Wait()
}

// TestReadersSeeWrites checks that nobody gets what was read before it asked.
func TestReadersSeeWrites(t *testing.T) {
	t.Parallel()
	for what, newClient := range map[string]func(*testing.T) redis.UniversalClient{
		"Standalone": func(t *testing.T) redis.UniversalClient { return redistest.Start(t).Client(t) },
		"Cluster":    func(t *testing.T) redis.UniversalClient { return redistest.StartCluster(t).Client(t) },
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			const flags, readers, writes = 3, 60, 400
			client := newClient(t)
			s := newStore(t, client)
			var written [flags]atomic.Int64
			set := func(flag, n int) error {
				name := fmt.Sprint("FLAG", flag)
				err := client.Set(t.Context(), s.key(name), item(name, true, n), 0).Err()
				written[flag].Store(int64(n))
				return err
			}
			for flag := range flags {
				if err := set(flag, 0); err != nil {
					t.Fatal(err)
				}
			}
			var writing, reading errgroup.Group
			for flag := range flags {
				writing.Go(func() error {
					for n := range writes {
						if err := set(flag, n); err != nil {
							return err
						}
					}
					return nil
				})
			}
			var done atomic.Bool
			for i := range readers {
				reading.Go(func() error {
					for !done.Load() {
						flag := i % flags
						atLeast := written[flag].Load()
						f, err := s.Get(t.Context(), fmt.Sprint("FLAG", flag))
						if err != nil {
							return err
						}
						var n int64
						if _, err := fmt.Sscanf(string(f.ClientData), `{"n": %d}`, &n); err != nil {
							return err
						}
						if n < atLeast {
							return fmt.Errorf("FLAG%d: got %d, though %d had been written", flag, n, atLeast)
						}
					}
					return nil
				})
			}
			if err := writing.Wait(); err != nil {
				t.Error(err)
			}
			done.Store(true)
			if err := reading.Wait(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestHangingServerHoldsNobody has a server hang for callers who wait without a
// deadline, and are canceled. The client would wait for a minute.
func TestHangingServerHoldsNobody(t *testing.T) {
	t.Parallel()
	server := redistest.StartTCP(t)
	proxy := faultproxy.New(t, server.Addr())
	client := redis.NewClient(&redis.Options{Addr: proxy.Addr(), ReadTimeout: time.Minute, WriteTimeout: time.Minute})
	s := newStore(t, client)
	t.Cleanup(func() { _ = client.Close() })
	direct := server.Client(t)
	setItems(t, direct, s, 20, 0)
	b := s.batcher(s.single)

	getAll := func(ctx context.Context) {
		var group sync.WaitGroup
		for i := range 200 {
			group.Go(func() { _, _ = s.Get(ctx, "FLAG"+strconv.Itoa(i%20)) })
		}
		group.Wait()
	}
	getAll(t.Context())
	proxy.Stall(faultproxy.Both)
	for range 2 { // quickly, then slowly
		ctx, cancel := context.WithCancel(t.Context())
		canceled := time.AfterFunc(20*time.Millisecond, cancel)
		began := time.Now()
		getAll(ctx)
		canceled.Stop()
		cancel()
		if took := time.Since(began); took > patience {
			t.Errorf("canceled callers were held for %v", took)
		}
		eventually(t, "the store notices that the server hangs", func(context.Context) error {
			if !b.slow.Load() {
				return errors.New("not yet")
			}
			return nil
		})
	}
	proxy.Heal()
	eventually(t, "reads are quick again", func(ctx context.Context) error {
		if _, err := s.Get(ctx, "FLAG0"); err != nil {
			return err
		}
		if b.slow.Load() {
			return errors.New("not yet")
		}
		return nil
	})
}

// TestForgetsNodesThatAreGone checks that replaced nodes leave nothing behind.
func TestForgetsNodesThatAreGone(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s := newStore(t, server.Client(t))
	options := *server.Client(t).Options()
	gone := redis.NewClient(&options)
	s.batcher(gone)
	if err := gone.Close(); err != nil {
		t.Fatal(err)
	}
	s.batcher(s.single)
	if _, ok := s.batchers.byClient.Load(gone); ok {
		t.Error("the client of a node that is gone is remembered")
	}
	if _, ok := s.batchers.byClient.Load(s.single); !ok {
		t.Error("the client of the node that is there is not remembered")
	}
}
