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

	"github.com/flipper-go/flipper/internal/redistest"
)

// TestClusterMasterKilled kills a master, whose replica takes over.
func TestClusterMasterKilled(t *testing.T) {
	t.Parallel()
	cluster := redistest.StartReplicatedCluster(t)
	client, direct := cluster.Client(t), cluster.Client(t)
	s := newStore(t, client)
	setItems(t, direct, s, 30, 0)
	follower := follow(t, s)
	follower.converge(t, direct)

	killed := cluster.Master(t, s.key("FLAG1"))
	other := "FLAG0" // of a master that stays
	for i := 0; cluster.Master(t, s.key(other)) == killed; i++ {
		other = "FLAG" + strconv.Itoa(i)
	}
	killed.Kill()
	began := time.Now()
	eventually(t, "watch tells of the failure", func(context.Context) error {
		if len(follower.errors()) == 0 {
			return errors.New("not yet")
		}
		return nil
	})
	told := time.Since(began)

	// What the other masters have goes on being told.
	eventually(t, "a plain writer writes to another master", func(ctx context.Context) error {
		return direct.Set(ctx, s.key(other), item(other, false, 1), 0).Err()
	})
	eventually(t, "a change by another master is known", func(context.Context) error {
		flag, err := follower.flags.Load().Get(other)
		if err != nil || flag.Enabled {
			return fmt.Errorf("%v, %w", flag, err)
		}
		return nil
	})
	elsewhere := time.Since(began)

	eventually(t, "a plain writer writes to the new master", func(ctx context.Context) error {
		direct.ReloadState(ctx)
		return direct.Set(ctx, s.key("FLAG1"), item("FLAG1", false, 1), 0).Err()
	})
	healed := time.Now()
	follower.converge(t, direct)
	t.Logf("told after %v; a change elsewhere was known after %v; the cluster could be written after %v, and all was right %v later; longest call %v",
		told.Round(time.Millisecond), elsewhere.Round(time.Millisecond), healed.Sub(began).Round(time.Millisecond),
		time.Since(healed).Round(time.Millisecond), follower.longestCall().Round(time.Millisecond))
	eventually(t, "the store writes to the new master", func(ctx context.Context) error { return change(ctx, s, "FLAG1", `{"n": 3}`) })
	follower.converge(t, direct)
}

// TestReshard lists and watches while slots move back and forth.
func TestReshard(t *testing.T) {
	t.Parallel()
	cluster := redistest.StartCluster(t)
	client, direct := cluster.Client(t), cluster.Client(t)
	s := newStore(t, client)
	const tags, each = 12, 40 // tags and flags of each: a slot has many keys to move
	const flags = tags * each
	tagged := func(tag, i int) string { return fmt.Sprintf("{%d}%d", tag, i) }
	_, err := direct.Pipelined(t.Context(), func(p redis.Pipeliner) error {
		for i := range 30_000 { // so that a scan takes many steps
			p.Set(t.Context(), fmt.Sprint("unrelated", i), "", 0)
		}
		for i := range flags {
			name := tagged(i%tags, i/tags)
			p.Set(t.Context(), s.key(name), item(name, true, 0), 0)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	follower := follow(t, s)

	stop := make(chan struct{})
	var moved atomic.Int64
	var moving sync.WaitGroup
	moving.Go(func() { // one at a time: two servers that move keys to each other hang
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			key := s.key(tagged(i%tags, 0))
			from := cluster.Master(t, key)
			to := cluster.Servers[i%3]
			if to == from {
				to = cluster.Servers[(i+1)%3]
			}
			cluster.MoveSlot(t, cluster.Slot(t, key), from, to)
			moved.Add(1)
		}
	})
	listings := 0
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end) || moved.Load() < 5; listings++ {
		seen := map[string]bool{}
		for f, err := range s.List(t.Context()) {
			if err != nil {
				t.Errorf("list: %v", err)
				continue
			}
			if seen[f.Name] {
				t.Errorf("%s comes twice", f.Name)
			}
			seen[f.Name] = true
		}
		if len(seen) != flags {
			t.Errorf("a listing has %d flags of %d", len(seen), flags)
		}
		name := tagged(listings%tags, 7)
		if err := direct.Set(t.Context(), s.key(name), item(name, false, listings), 0).Err(); err != nil {
			t.Errorf("set: %v", err)
		}
	}
	close(stop)
	moving.Wait()
	follower.converge(t, direct)
	t.Logf("%d listings while %d slots moved", listings, moved.Load())
}

// TestSentinelFailover has a Sentinel replace a master that goes on, and then one
// that is killed.
func TestSentinelFailover(t *testing.T) {
	t.Parallel()
	set := redistest.StartSentinel(t)
	client, direct := set.Client(t), set.Client(t)
	s := newStore(t, client)
	setItems(t, direct, s, 20, 0)
	follower := follow(t, s)
	follower.converge(t, direct)
	for i, what := range []string{"by hand", "of a killed master"} {
		alls := follower.alls()
		began := time.Now()
		before := set.Master()
		if i == 0 {
			set.Failover(t)
		} else {
			before.Kill()
			set.AwaitFailover(t, before)
		}
		if i == 1 && set.Master() == before {
			t.Fatal("there was no failover")
		}
		master := set.Master().Client(t)
		eventually(t, "a plain writer writes to the new master", func(ctx context.Context) error {
			return master.Set(ctx, s.key("FLAG1"), item("FLAG1", false, 100+i), 0).Err()
		})
		healed := time.Now()
		if follower.converge(t, master); time.Since(healed) > 6*time.Second {
			// The old master stays alone for ten seconds, and keeps connections.
			t.Errorf("the failover went unnoticed for %v", time.Since(healed))
		}
		eventually(t, "watch tells of everything", func(context.Context) error {
			if follower.alls() == alls {
				return errors.New("not yet")
			}
			return nil
		})
		t.Logf("failover %s took %v; right again %v later; longest call %v", what, healed.Sub(began).Round(time.Millisecond),
			time.Since(healed).Round(time.Millisecond), follower.longestCall().Round(time.Millisecond))
		// From here on, changes come at once again.
		eventually(t, "the store writes", func(ctx context.Context) error { return change(ctx, s, "FLAG3", `{"n": 3}`) })
		follower.converge(t, master)
		if i == 0 { // the old master has to be a replica before it can be one again
			eventually(t, "the old master follows", func(ctx context.Context) error {
				return before.Client(t).Get(ctx, s.key("FLAG3")).Err()
			})
		}
	}
}
