// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package redistest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

// masterName is what the Sentinel calls the set.
const masterName = "flags"

// A SentinelSet is two servers, one a replica of the other, and a Sentinel that
// makes the replica the master when the master is gone for half a second.
type SentinelSet struct {
	Servers  [2]*Server // the first is the master at the start
	Sentinel *Server
}

// StartSentinel starts a master, a replica and a Sentinel.
func StartSentinel(t testing.TB) *SentinelSet {
	t.Helper()
	set := &SentinelSet{}
	for i := range set.Servers {
		set.Servers[i] = StartTCP(t, "--repl-diskless-sync-delay", "0")
	}
	host, port, _ := net.SplitHostPort(set.Servers[0].address)
	set.Servers[1].do("replicaof", host, port)
	for i, want := range []string{"state=online", "master_link_status:up"} {
		await(t, "the replica follows", func(ctx context.Context) error {
			info, err := set.Servers[i].ask(ctx, "info", "replication")
			if err == nil && !strings.Contains(info, want) {
				err = errors.New(info)
			}
			return err
		})
	}
	set.Sentinel = startSentinel(t, host, port)
	await(t, "the Sentinel knows the replica", func(ctx context.Context) error {
		masters, err := set.Sentinel.ask(ctx, "info", "sentinel")
		if err == nil && !strings.Contains(masters, "status=ok") || !strings.Contains(masters, "slaves=1") {
			err = errors.New(masters)
		}
		return err
	})
	return set
}

func startSentinel(t testing.TB, host, masterPort string) *Server {
	t.Helper()
	for attempt := 1; ; attempt++ {
		s := newServer(t, nil)
		s.network, s.address = "tcp", freeAddresses(t, 1)[0]
		config := filepath.Join(s.dir, "sentinel.conf")
		text := fmt.Sprintf("port %s\nbind 127.0.0.1\ndir %s\nsentinel monitor %[3]s %s %s 1\n"+
			"sentinel down-after-milliseconds %[3]s 500\nsentinel failover-timeout %[3]s 5000\n",
			port(s.address), s.dir, masterName, host, masterPort)
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s.args = []string{config, "--sentinel"}
		if s.run() {
			return s
		}
		if attempt == attempts {
			t.Fatalf("the Sentinel does not come up:\n%s", s.process.Output())
		}
	}
}

// Client returns a client that asks the Sentinel for the master. It is closed with
// the test. It has the client's defaults, but for what change changes.
func (set *SentinelSet) Client(t testing.TB, change ...func(*redis.FailoverOptions)) *redis.Client {
	t.Helper()
	o := &redis.FailoverOptions{MasterName: masterName, SentinelAddrs: []string{set.Sentinel.address}}
	for _, f := range change {
		f(o)
	}
	client := redis.NewFailoverClient(o)
	closeWithTest(t, client)
	return client
}

// Failover has the Sentinel make the replica the master, and waits until the
// Sentinel says so.
func (set *SentinelSet) Failover(t testing.TB) {
	t.Helper()
	before := set.Master()
	await(t, "the Sentinel begins a failover", func(ctx context.Context) error {
		_, err := set.Sentinel.ask(ctx, "sentinel", "failover", masterName)
		return err // at first, it does not know yet whether the replica is good
	})
	set.AwaitFailover(t, before)
}

// AwaitFailover waits until the Sentinel names another master than before.
func (set *SentinelSet) AwaitFailover(t testing.TB, before *Server) {
	t.Helper()
	await(t, "the Sentinel names another master", func(context.Context) error {
		if set.Master() == before {
			return errors.New("not yet")
		}
		return nil
	})
}

// Master returns the server that the Sentinel names as the master.
func (set *SentinelSet) Master() *Server {
	answer := set.Sentinel.do("sentinel", "get-master-addr-by-name", masterName)
	for _, s := range set.Servers {
		if strings.Contains(answer, " "+port(s.address)+"]") {
			return s
		}
	}
	return nil
}
