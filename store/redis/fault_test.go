// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package redis

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/flipper-go/flipper/internal/faultproxy"
	"github.com/flipper-go/flipper/internal/redistest"
)

// A fault is something that goes wrong between a store and its server.
type fault struct {
	name    string
	begin   func(*bed)
	lasts   time.Duration // until it is healed; silence is over then, if longer
	heal    func(*bed)
	unheard bool // Watch does not need to tell of a failure
	loses   bool // the server's data
	resp2   bool
}

// A bed is what a fault is tried on.
type bed struct {
	t      *testing.T
	server *redistest.Server
	proxy  *faultproxy.Proxy
	direct *redis.Client // not by way of the proxy
	s      *Store
}

const hangs = silence + 500*time.Millisecond // long enough to be noticed

var faults = []fault{
	{name: "Nothing", begin: func(*bed) {}, lasts: hangs, unheard: true},
	{name: "KilledAndRestarted", begin: func(b *bed) { b.server.Kill() }, lasts: time.Second, heal: func(b *bed) { b.server.Restart() }},
	{name: "KilledAndRestartedEmpty", begin: func(b *bed) { b.server.Kill() }, lasts: 200 * time.Millisecond, heal: func(b *bed) { b.server.RestartEmpty() }, loses: true},
	{name: "Hanging", begin: func(b *bed) { b.server.Stop() }, lasts: hangs, heal: func(b *bed) { b.server.Continue() }},
	{name: "HangingShortly", begin: func(b *bed) { b.server.Stop() }, lasts: 300 * time.Millisecond, heal: func(b *bed) { b.server.Continue() }, unheard: true},
	{name: "Cut", begin: func(b *bed) { b.proxy.Cut() }},
	{name: "Refusing", begin: func(b *bed) { b.proxy.Refuse(); b.proxy.Cut() }, lasts: time.Second},
	{name: "Stalled", begin: func(b *bed) { b.proxy.Stall(faultproxy.Both) }, lasts: hangs},
	{name: "StalledAnswers", begin: func(b *bed) { b.proxy.Stall(faultproxy.ToClient) }, lasts: hangs},
	{name: "HalfOpen", begin: func(b *bed) { b.proxy.HalfOpen() }, lasts: hangs},
	{name: "Slow", begin: func(b *bed) { b.proxy.Slow(50 * time.Millisecond) }, lasts: time.Second, unheard: true},
	{name: "ClientKillNormal", begin: func(b *bed) { b.do("client", "kill", "type", "normal") }},
	{name: "ClientKillPubSub", begin: func(b *bed) { b.do("client", "kill", "type", "pubsub") }, resp2: true},
	{name: "ClientKillNormalRESP2", begin: func(b *bed) { b.do("client", "kill", "type", "normal") }, resp2: true, unheard: true},
	{name: "HangingRESP2", begin: func(b *bed) { b.server.Stop() }, lasts: hangs, heal: func(b *bed) { b.server.Continue() }, resp2: true},
	{name: "FlushAll", begin: func(b *bed) { b.do("flushall") }, unheard: true, loses: true},
	{name: "FlushAllRESP2", begin: func(b *bed) { b.do("flushall") }, unheard: true, loses: true, resp2: true},
	{name: "ScriptFlush", begin: func(b *bed) { b.do("script", "flush") }, unheard: true},
}

func (b *bed) do(args ...any) {
	b.t.Helper()
	if err := b.direct.Do(b.t.Context(), args...).Err(); err != nil {
		b.t.Error(err)
	}
}

func TestFaults(t *testing.T) {
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel() // they wait more than they work
			f.run(t)
		})
	}
}

func (f fault) run(t *testing.T) {
	b := &bed{t: t, server: redistest.StartTCP(t)}
	b.proxy = faultproxy.New(t, b.server.Addr())
	b.direct = b.server.Client(t)
	client := redis.NewClient(&redis.Options{Addr: b.proxy.Addr(), Protocol: map[bool]int{true: 2, false: 3}[f.resp2]})
	t.Cleanup(func() { _ = client.Close() })
	b.s = newStore(t, client)
	setItems(t, b.direct, b.s, 20, 0)
	follower := follow(t, b.s)
	follower.converge(t, b.direct)

	// The fault, with readers and a writer who have deadlines.
	ctx := t.Context()
	f.begin(b)
	for end := time.Now().Add(f.lasts); ; {
		_ = follower.call("get", func(ctx context.Context) error {
			flag, err := b.s.Get(ctx, "FLAG0")
			if err == nil && flag.ClientData != `{"n": 0}` {
				follower.misbehaved("a wrong answer: %s", flag.ClientData)
			}
			if f.loses && isNotFound(err) {
				err = nil
			}
			return err
		})
		if !time.Now().Before(end) {
			break
		}
		wait(ctx, 5*time.Millisecond)
	}
	if f.heal != nil {
		f.heal(b)
	}
	b.proxy.Heal()
	healed := time.Now()

	// A kill switch by a plain writer, as soon as it can write.
	eventually(t, "a plain writer writes", func(ctx context.Context) error {
		return b.direct.Set(ctx, b.s.key("FLAG1"), item("FLAG1", false, 1), 0).Err()
	})
	follower.converge(t, b.direct)
	t.Logf("right again %v after the fault's end; longest call %v; %d failures told", time.Since(healed).Round(time.Millisecond), follower.longestCall().Round(time.Millisecond), len(follower.errors()))
	if n := len(follower.errors()); n == 0 && !f.unheard {
		t.Error("watch told of no failure")
	} else if n > 0 && f.name == "Nothing" {
		t.Errorf("watch failed without a reason: %v", follower.errors())
	}

	// And all is as before.
	setItems(t, b.direct, b.s, 20, 2)
	follower.converge(t, b.direct)
	eventually(t, "the store writes", func(ctx context.Context) error {
		return change(ctx, b.s, "FLAG2", `{"n": 3}`)
	})
	follower.converge(t, b.direct)

	follower.end()
	if err := b.s.Close(); err != nil {
		t.Error(err)
	}
	wantNoTracking(t, b.direct)
}

// wantNoTracking checks that the server announces nothing to nobody.
func wantNoTracking(t *testing.T, client *redis.Client) {
	t.Helper()
	eventually(t, "no connection is tracked", func(ctx context.Context) error {
		list, err := client.ClientList(ctx).Result()
		if err != nil {
			return err
		}
		for line := range strings.Lines(list) {
			for field := range strings.FieldsSeq(line) {
				if flags, ok := strings.CutPrefix(field, "flags="); ok && strings.ContainsAny(flags, "tBP") {
					return fmt.Errorf("there is %s", line)
				}
			}
		}
		return nil
	})
}

// TestStorm has 10,000 changes come at once, by a pipeline and one by one.
func TestStorm(t *testing.T) {
	server := redistest.Start(t)
	client := server.Client(t)
	s := newStore(t, client)
	follower := follow(t, s)
	for round := range 10 {
		setItems(t, client, s, 1000, round)
	}
	t.Logf("10,000 changes in pipelines: right %v after the last", follower.converge(t, client).Round(time.Millisecond))
	for i := range 2000 {
		name := "FLAG" + strconv.Itoa(i%10)
		if err := client.Set(t.Context(), s.key(name), item(name, true, 100+i), 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("2,000 changes one by one: right %v after the last", follower.converge(t, client).Round(time.Millisecond))
	for i := range 1000 {
		if err := client.Del(t.Context(), s.key("FLAG"+strconv.Itoa(i))).Err(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("1,000 flags deleted by hand: right %v after the last", follower.converge(t, client).Round(time.Millisecond))
	if n := follower.flags.Load().Len(); n != 0 {
		t.Errorf("%d flags are left", n)
	}
	if errs := follower.errors(); len(errs) != 0 {
		t.Errorf("watch failed: %v", errs)
	}
	t.Logf("longest call %v", follower.longestCall().Round(time.Millisecond))
}
