// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package redis

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/flipper-go/flipper/internal/redistest"
	"github.com/flipper-go/flipper/store"
)

func TestNewErrors(t *testing.T) {
	open := func(client redis.UniversalClient) redis.UniversalClient {
		t.Cleanup(func() { _ = client.Close() })
		return client
	}
	closed := redis.NewClient(&redis.Options{})
	closedCluster := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{"127.0.0.1:1"}})
	for _, client := range []redis.UniversalClient{closed, closedCluster} {
		if err := client.Close(); err != nil {
			t.Fatal(err)
		}
	}
	fine := open(redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"}))
	for what, c := range map[string]struct {
		client redis.UniversalClient
		option Option
		says   string
	}{
		"no client":           {client: nil, says: "client is nil"},
		"a nil client":        {client: (*redis.Client)(nil), says: "client is nil"},
		"a nil cluster":       {client: (*redis.ClusterClient)(nil), says: "client is nil"},
		"a closed client":     {client: closed, says: "client is closed"},
		"a closed cluster":    {client: closedCluster, says: "client is closed"},
		"a ring":              {client: open(redis.NewRing(&redis.RingOptions{})), says: "*redis.Ring"},
		"replicas":            {client: open(redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{"127.0.0.1:1"}, RouteRandomly: true})), says: "replicas"},
		"a client-side cache": {client: open(redis.NewClient(&redis.Options{ClientSideCacheConfig: &redis.ClientSideCacheConfig{}})), says: "client-side cache"},
		"no base key":         {client: fine, option: WithBaseKey(""), says: "empty"},
		"a long base key":     {client: fine, option: WithBaseKey(strings.Repeat("x", 1025)), says: "1025 bytes"},
		"a binary base key":   {client: fine, option: WithBaseKey("\xff"), says: "UTF-8"},
	} {
		option := c.option
		if option == nil {
			option = func(*options) {}
		}
		began := time.Now()
		s, err := New(c.client, option)
		if s != nil || err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, %v; want an error with %q", what, s, err, c.says)
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("%s: New took %v", what, took)
		}
	}
	if s, err := New(fine, WithLogger(nil), WithPollInterval(-1)); err != nil || s.Close() != nil {
		t.Errorf("a client of a server that is not there: %v", err)
	}
}

// TestCloseLeavesNothing closes a store while it is watched, and then the client.
func TestCloseLeavesNothing(t *testing.T) {
	server := redistest.Start(t)
	admin := server.Client(t)
	client := server.Client(t)
	s := newStore(t, client)
	f, g := follow(t, s), follow(t, s)
	_ = f.call("list", func(ctx context.Context) error { return f.flags.Replace(s.List(ctx)) })
	for range 2 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, f := range []*follower{f, g} {
		f.end()
		errs := f.errors()
		if len(errs) != 1 || !errors.Is(errs[0], store.ErrClosed) {
			t.Errorf("watch ended with %v", errs)
		}
		f.unwanted = nil // which is that error
	}
	wantNoTracking(t, admin)
	if err := client.Ping(t.Context()).Err(); err != nil {
		t.Errorf("the client does not work any more: %v", err)
	}
	if err := client.Close(); err != nil {
		t.Error(err)
	}
	eventually(t, "only the observer is connected", func(ctx context.Context) error {
		list, err := admin.ClientList(ctx).Result()
		if err == nil && strings.Count(list, "\n") != 1 {
			err = errors.New(list)
		}
		return err
	})
}

// TestClosedClient closes the client first, which is the wrong order.
func TestClosedClient(t *testing.T) {
	server := redistest.Start(t)
	client := server.Client(t)
	s := newStore(t, client)
	f := follow(t, s)
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := s.Get(t.Context(), "FLAG")
	if !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, redis.ErrClosed) {
		t.Errorf("get: %v", err)
	}
	eventually(t, "watch tells of it", func(context.Context) error {
		if len(f.errors()) == 0 {
			return errors.New("not yet")
		}
		return nil
	})
}

// TestBaseKeys has base keys with characters that mean something in patterns, and
// keys that the patterns would match.
func TestBaseKeys(t *testing.T) {
	client := redistest.Start(t).Client(t)
	for _, base := range []string{"x[ab]", "xa", "*", "x*", "x?", `back\slash`, `\`, "x[^a]", "[", "a/b", "{tag}", " ", "é", "x\x00y", "features"} {
		s := newStore(t, client, WithBaseKey(base))
		f := follow(t, s)
		if _, err := s.Put(t.Context(), &store.Flag{Name: "of " + base}); err != nil {
			t.Errorf("%q: %v", base, err)
		}
		f.converge(t, client)
		var names []string
		for flag, err := range s.List(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, flag.Name)
		}
		if !slices.Equal(names, []string{"of " + base}) {
			t.Errorf("base key %q has the flags %q", base, names)
		}
		f.end()
	}
}

// TestDeadline asks a server that hangs. The client has its default limits, which
// are longer, and does not mind contexts.
func TestDeadline(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	client := server.Client(t)
	s := newStore(t, client)
	if _, err := s.Put(t.Context(), &store.Flag{Name: "FLAG"}); err != nil {
		t.Fatal(err)
	}
	server.Stop()
	defer server.Continue()
	for what, call := range map[string]func(context.Context) error{
		"get":    func(ctx context.Context) error { _, err := s.Get(ctx, "FLAG"); return err },
		"put":    func(ctx context.Context) error { _, err := s.Put(ctx, &store.Flag{Name: "X"}); return err },
		"delete": func(ctx context.Context) error { return s.Delete(ctx, "FLAG") },
		"list": func(ctx context.Context) error {
			for _, err := range s.List(ctx) {
				return err
			}
			return nil
		},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		began := time.Now()
		err := call(ctx)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s: %v", what, err)
		}
		if took := time.Since(began); took > slack {
			t.Errorf("%s took %v", what, took)
		}
	}
	ended := make(chan error)
	go func() {
		_, err := s.Get(context.Background(), "FLAG")
		ended <- err
	}()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; !errors.Is(err, store.ErrClosed) {
		t.Errorf("a call under way when the store is closed: %v", err)
	}
}
