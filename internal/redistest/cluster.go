// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package redistest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

const (
	masters  = 3
	allSlots = 16384
)

// A Cluster is a Redis Cluster on the loopback interface. Its first three servers
// are masters at the start, with a third of the slots each; if it has replicas,
// server i+3 is one of server i.
type Cluster struct {
	Servers []*Server
}

// StartCluster starts a cluster of three masters.
func StartCluster(t testing.TB) *Cluster {
	t.Helper()
	return startCluster(t, 0)
}

// StartReplicatedCluster starts a cluster of three masters with a replica each. A
// master that is gone is replaced after a second.
func StartReplicatedCluster(t testing.TB) *Cluster {
	t.Helper()
	return startCluster(t, 1)
}

func startCluster(t testing.TB, replicas int) *Cluster {
	t.Helper()
	c := &Cluster{}
	var buses []string
	for range masters * (1 + replicas) {
		s, bus := startNode(t)
		c.Servers, buses = append(c.Servers, s), append(buses, bus)
	}
	for i, s := range c.Servers {
		s.do("cluster", "set-config-epoch", i+1)
		if i > 0 {
			host, port, _ := net.SplitHostPort(c.Servers[0].address)
			s.do("cluster", "meet", host, port, buses[0])
		}
		if i < masters {
			s.do("cluster", "addslotsrange", i*allSlots/masters, (i+1)*allSlots/masters-1)
		}
	}
	c.awaitNodes(t)
	for i, s := range c.Servers[masters:] {
		s.do("cluster", "replicate", c.Servers[i%masters].ID())
	}
	for _, s := range c.Servers {
		await(t, "the cluster stands", func(ctx context.Context) error { return s.stands(ctx, replicas) })
	}
	return c
}

func startNode(t testing.TB) (s *Server, bus string) {
	t.Helper()
	for attempt := 1; ; attempt++ {
		s = newServer(t, nil)
		addresses := freeAddresses(t, 2)
		s.network, s.address, bus = "tcp", addresses[0], port(addresses[1])
		s.args = append(s.args, "--port", port(s.address), "--cluster-port", bus, "--bind", "127.0.0.1",
			"--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--cluster-replica-validity-factor", "0",
			"--repl-diskless-sync-delay", "0")
		if s.run() {
			return s, bus
		}
		if attempt == attempts {
			t.Fatalf("%s does not come up:\n%s", program, s.process.Output())
		}
	}
}

// awaitNodes waits until every server knows all others.
func (c *Cluster) awaitNodes(t testing.TB) {
	t.Helper()
	for _, s := range c.Servers {
		await(t, "the servers of the cluster know each other", func(ctx context.Context) error {
			nodes, err := s.ask(ctx, "cluster", "nodes")
			if err == nil && (strings.Count(nodes, " connected") < len(c.Servers) || strings.Contains(nodes, "handshake")) {
				err = errors.New(nodes)
			}
			return err
		})
	}
}

// stands says what is missing for the cluster to be complete, as the server sees
// it.
func (s *Server) stands(ctx context.Context, replicas int) error {
	info, err := s.ask(ctx, "cluster", "info")
	if err != nil {
		return err
	}
	if !strings.Contains(info, "cluster_state:ok") {
		return errors.New(info)
	}
	nodes, err := s.ask(ctx, "cluster", "nodes")
	if err != nil {
		return err
	}
	if n := strings.Count(nodes, "slave"); n != masters*replicas {
		return fmt.Errorf("%d replicas", n)
	}
	if replication, err := s.ask(ctx, "info", "replication"); err != nil || strings.Contains(replication, "master_link_status:down") {
		return fmt.Errorf("%s, %w", replication, err)
	}
	return nil
}

// Client returns a client of the cluster, which is closed with the test. It has the
// client's defaults, but for what change changes.
func (c *Cluster) Client(t testing.TB, change ...func(*redis.ClusterOptions)) *redis.ClusterClient {
	t.Helper()
	o := &redis.ClusterOptions{}
	for _, s := range c.Servers {
		o.Addrs = append(o.Addrs, s.address)
	}
	for _, f := range change {
		f(o)
	}
	client := redis.NewClusterClient(o)
	closeWithTest(t, client)
	return client
}

// Master returns the server that now is the master of a key.
func (c *Cluster) Master(t testing.TB, key string) *Server {
	t.Helper()
	var found *Server
	await(t, "a key has a master", func(ctx context.Context) error {
		for _, s := range c.Servers {
			client := redis.NewClient(s.options())
			err := client.Type(ctx, key).Err() // a replica refers to the master
			_ = client.Close()
			if err == nil {
				found = s
				return nil
			}
		}
		return errors.New("none")
	})
	return found
}

// MoveSlot moves a slot and its keys from the server that has it to another, as
// redis-cli does when it reshards, and waits until all servers know.
func (c *Cluster) MoveSlot(t testing.TB, slot int, from, to *Server) {
	t.Helper()
	to.do("cluster", "setslot", slot, "importing", from.ID())
	from.do("cluster", "setslot", slot, "migrating", to.ID())
	host, port, _ := net.SplitHostPort(to.address)
	client := redis.NewClient(from.options())
	defer client.Close()
	ctx := context.Background()
	for {
		keys, err := client.ClusterGetKeysInSlot(ctx, slot, 10).Result()
		if err != nil {
			t.Fatal(err)
		}
		if len(keys) == 0 {
			break
		}
		args := []any{"migrate", host, port, "", 0, 5000, "keys"}
		for _, key := range keys {
			args = append(args, key)
		}
		if err := client.Do(ctx, args...).Err(); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range []*Server{to, from} {
		s.do("cluster", "setslot", slot, "node", to.ID())
	}
	// The others learn it by gossip; a replica that has not would not take the
	// slot over when its master is gone.
	for _, s := range c.Servers {
		await(t, "all servers know where the slot is", func(ctx context.Context) error { return s.knowsMaster(ctx, slot, to) })
	}
}

// knowsMaster says why the server does not take another for the master of a slot.
func (s *Server) knowsMaster(ctx context.Context, slot int, master *Server) error {
	client := redis.NewClient(s.options())
	defer client.Close()
	shards, err := client.ClusterShards(ctx).Result()
	if err != nil {
		return err
	}
	for _, shard := range shards {
		has := slices.ContainsFunc(shard.Slots, func(r redis.SlotRange) bool { return r.Start <= int64(slot) && int64(slot) <= r.End })
		if has && slices.ContainsFunc(shard.Nodes, func(n redis.Node) bool { return n.Role == "master" && fmt.Sprint(n.Port) == port(master.address) }) {
			return nil
		}
	}
	return fmt.Errorf("%s: %v", s.address, shards)
}

// Slot returns the slot of a key.
func (c *Cluster) Slot(t testing.TB, key string) int {
	t.Helper()
	slot, err := strconv.Atoi(c.Servers[0].do("cluster", "keyslot", key))
	if err != nil {
		t.Fatal(err)
	}
	return slot
}

// ID returns the server's id in its cluster.
func (s *Server) ID() string {
	s.t.Helper()
	return s.do("cluster", "myid")
}

// do sends a command that has to work.
func (s *Server) do(args ...any) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	answer, err := s.ask(ctx, args...)
	if err != nil {
		s.t.Fatalf("%v: %v", args, err)
	}
	return answer
}

func (s *Server) ask(ctx context.Context, args ...any) (string, error) {
	client := redis.NewClient(s.options())
	defer client.Close()
	answer, err := client.Do(ctx, args...).Result()
	return fmt.Sprint(answer), err
}
