// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package redistest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestServer(t *testing.T) {
	for what, start := range map[string]func(testing.TB, ...string) *Server{"Unix": Start, "TCP": StartTCP} {
		t.Run(what, func(t *testing.T) {
			s := start(t)
			client := s.Client(t, func(o *redis.Options) { o.MaxRetries = -1 })
			ctx := t.Context()
			if err := client.Set(ctx, "k", "v", 0).Err(); err != nil {
				t.Fatal(err)
			}
			s.Restart()
			if v, err := client.Get(ctx, "k").Result(); v != "v" {
				t.Errorf("after a restart: %q, %v", v, err)
			}
			s.RestartEmpty()
			if err := client.Get(ctx, "k").Err(); !errors.Is(err, redis.Nil) {
				t.Errorf("after an empty restart: %v", err)
			}
			s.Stop()
			short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
			defer cancel()
			hasty := s.Client(t, func(o *redis.Options) { o.ContextTimeoutEnabled = true })
			if err := hasty.Ping(short).Err(); err == nil {
				t.Error("a stopped server answers")
			}
			s.Continue()
			if err := client.Ping(ctx).Err(); err != nil {
				t.Errorf("after it went on: %v", err)
			}
			s.Kill()
			if err := client.Ping(ctx).Err(); err == nil {
				t.Error("a killed server answers")
			}
		})
	}
}

func TestCluster(t *testing.T) {
	c := StartReplicatedCluster(t)
	client := c.Client(t)
	ctx := t.Context()
	for i := range 30 {
		if err := client.Set(ctx, fmt.Sprint("k", i), i, 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
	from := c.Master(t, "k1")
	to := c.Servers[0]
	if to == from {
		to = c.Servers[1]
	}
	c.MoveSlot(t, c.Slot(t, "k1"), from, to)
	if got := c.Master(t, "k1"); got != to {
		t.Error("the slot was not moved")
	}
	c.Master(t, "k1").Kill()
	for i := range 30 {
		await(t, "the cluster has a key, with a master gone", func(ctx context.Context) error {
			client.ReloadState(ctx) // by itself, the client asks every ten seconds
			return client.Get(ctx, fmt.Sprint("k", i)).Err()
		})
	}
}

func TestSentinel(t *testing.T) {
	set := StartSentinel(t)
	client := set.Client(t)
	if err := client.Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	before := set.Master()
	if before != set.Servers[0] {
		t.Errorf("the master is %v", before)
	}
	set.Failover(t)
	if got := set.Master(); got != set.Servers[1] {
		t.Errorf("the master is %v after a failover", got)
	}
	await(t, "the client follows", func(ctx context.Context) error { return client.Set(ctx, "k", "w", 0).Err() })
}
