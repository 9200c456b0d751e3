// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package redis

import (
	"context"
	"errors"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/flipper-go/flipper/internal/faultproxy"
	"github.com/flipper-go/flipper/internal/redistest"
	"github.com/flipper-go/flipper/store"
)

// TestLostReply loses the reply to a write that was done. The client has its
// default retries: a write that was sent twice would find its own outcome, and
// fail as if it were somebody else's.
func TestLostReply(t *testing.T) {
	for what, change := range map[string]func(*Store){
		"Script":      func(*Store) {},
		"Transaction": func(s *Store) { s.noScripts.Store(true) },
	} {
		t.Run(what, func(t *testing.T) {
			server := redistest.StartTCP(t)
			proxy := faultproxy.New(t, server.Addr())
			client := redis.NewClient(&redis.Options{Addr: proxy.Addr(), Protocol: 2, PoolSize: 1})
			t.Cleanup(func() { _ = client.Close() })
			s := newStore(t, client)
			change(s)
			testLostReply(t, s, proxy)
		})
	}
	t.Run("Cluster", func(t *testing.T) {
		server := redistest.StartTCP(t, "--cluster-enabled", "yes")
		direct := server.Client(t)
		if err := direct.ClusterAddSlotsRange(t.Context(), 0, 16383).Err(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the cluster stands", func(ctx context.Context) error { return direct.Set(ctx, "x", "", 0).Err() })
		proxy := faultproxy.New(t, server.Addr())
		client := redis.NewClusterClient(&redis.ClusterOptions{
			Addrs: []string{proxy.Addr()},
			ClusterSlots: func(context.Context) ([]redis.ClusterSlot, error) {
				return []redis.ClusterSlot{{Start: 0, End: 16383, Nodes: []redis.ClusterNode{{Addr: proxy.Addr()}}}}, nil
			},
		})
		t.Cleanup(func() { _ = client.Close() })
		testLostReply(t, newStore(t, client), proxy)
	})
}

func testLostReply(t *testing.T, s *Store, proxy *faultproxy.Proxy) {
	lossy := &loseWrites{proxy: proxy}
	s.client.AddHook(lossy)
	ctx := t.Context()
	if _, err := s.Put(ctx, &store.Flag{Name: "WARM"}); err != nil { // the connection, and the script
		t.Fatal(err)
	}
	lose := func(what string, call func() error) {
		t.Helper()
		if _, err := s.Get(ctx, "WARM"); err != nil {
			t.Fatal(err)
		}
		lossy.lost, lossy.armed = nil, true
		err := call()
		<-lossy.lost
		if !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s, with the reply lost: %v, want ErrUnavailable", what, err)
		}
	}
	created := &store.Flag{Name: "FLAG", ClientData: `{"n": 1}`}
	lose("create", func() error { _, err := s.Put(ctx, created); return err })
	f, err := s.Get(ctx, "FLAG")
	if err != nil || f.ClientData != created.ClientData {
		t.Errorf("it was not done: %v, %v", f, err)
	}
	next := f.Clone()
	next.Enabled = !next.Enabled
	lose("put", func() error { _, err := s.Put(ctx, next); return err })
	if f, err = s.Get(ctx, "FLAG"); err != nil || f.Enabled != next.Enabled {
		t.Errorf("it was not done: %v, %v", f, err)
	}
	lose("delete", func() error { return s.Delete(ctx, "FLAG") })
	if _, err := s.Get(ctx, "FLAG"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("it was not done: %v", err)
	}
	// What is lost of a question is asked again.
	lost := proxy.LoseReply()
	if _, err := s.Get(ctx, "WARM"); err != nil {
		t.Errorf("get, with the reply lost: %v", err)
	}
	<-lost
}

// loseWrites loses the reply to the next script or transaction.
type loseWrites struct {
	proxy *faultproxy.Proxy
	armed bool
	lost  <-chan struct{}
}

func (l *loseWrites) arm(is bool) {
	if l.armed && is {
		l.armed, l.lost = false, l.proxy.LoseReply()
	}
}

func (l *loseWrites) DialHook(next redis.DialHook) redis.DialHook { return next }

func (l *loseWrites) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		l.arm(cmd.Name() == "evalsha")
		return next(ctx, cmd)
	}
}

func (l *loseWrites) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		l.arm(true)
		return next(ctx, cmds)
	}
}

// TestRevisionIsNoPattern has revisions that mean something elsewhere.
func TestRevisionIsNoPattern(t *testing.T) {
	client := redistest.Start(t).Client(t)
	for _, scripts := range []bool{true, false} {
		s := newStore(t, client, WithBaseKey(newBase()))
		s.noScripts.Store(!scripts)
		ctx := t.Context()
		if _, err := s.Put(ctx, &store.Flag{Name: "FLAG"}); err != nil {
			t.Fatal(err)
		}
		if err := client.RPush(ctx, s.key("LIST"), "1").Err(); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"FLAG", "LIST"} {
			if _, err := s.Put(ctx, &store.Flag{Name: name}); !errors.Is(err, store.ErrExists) {
				t.Errorf("create %s: %v", name, err)
			}
			for _, revision := range []string{"*", "1", "false", "true", "another type", "nil", revision("")} {
				if _, err := s.Put(ctx, &store.Flag{Name: name, Revision: revision}); !errors.Is(err, store.ErrConflict) {
					t.Errorf("put %s over revision %q: %v", name, revision, err)
				}
			}
			if err := s.Delete(ctx, name); err != nil {
				t.Errorf("delete %s: %v", name, err)
			}
			if err := s.Delete(ctx, name); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("delete %s again: %v", name, err)
			}
		}
		// An empty value is no flag.
		if err := client.Set(ctx, s.key("EMPTY"), "", 0).Err(); err != nil {
			t.Fatal(err)
		}
		if err := s.Delete(ctx, "EMPTY"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("delete of an empty value: %v", err)
		}
		if _, err := s.Put(ctx, &store.Flag{Name: "EMPTY", Revision: revision("")}); !errors.Is(err, store.ErrConflict) {
			t.Errorf("put over an empty value: %v", err)
		}
		if _, err := s.Put(ctx, &store.Flag{Name: "EMPTY"}); err != nil {
			t.Errorf("create over an empty value: %v", err)
		}
	}
}
