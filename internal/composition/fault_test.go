// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package composition_test

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flipper-go/flipper/internal/faultproxy"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/thriftrpc"
	"github.com/flipper-go/flipper/targeting"
)

// A fault is begun, and ended by healing the proxy and starting the service.
type fault struct {
	begin func(p *faultproxy.Proxy, s *service)
	end   func(p *faultproxy.Proxy, s *service)
	// noticed says that it lasts until a layer says that its answers are old, and
	// lasts that they are so old.
	noticed bool
	lasts   time.Duration
}

func heal(p *faultproxy.Proxy, _ *service) { p.Heal() }

// stay leaves the fault as it is: layers have to get along with it.
func stay(*faultproxy.Proxy, *service) {}

func gone(p *faultproxy.Proxy, _ *service) {
	p.Refuse()
	p.Cut()
}

var faults = map[string]fault{
	"Cut":         {begin: func(p *faultproxy.Proxy, _ *service) { p.Cut() }, end: heal},
	"LostReply":   {begin: func(p *faultproxy.Proxy, _ *service) { p.LoseReply() }, end: heal},
	"Slow":        {begin: func(p *faultproxy.Proxy, _ *service) { p.Slow(50 * time.Millisecond) }, end: stay},
	"HalfOpen":    {begin: func(p *faultproxy.Proxy, _ *service) { p.HalfOpen() }, end: stay},
	"Gone":        {begin: gone, end: heal, noticed: true},
	"GoneForLong": {begin: gone, end: heal, noticed: true, lasts: 4 * time.Second},
	"Stalled":     {begin: func(p *faultproxy.Proxy, _ *service) { p.Stall(faultproxy.Both) }, end: heal, noticed: true},
	"StalledBack": {begin: func(p *faultproxy.Proxy, _ *service) { p.Stall(faultproxy.ToClient) }, end: heal, noticed: true},
	"Restart": {
		begin:   func(_ *faultproxy.Proxy, s *service) { s.stop() },
		end:     func(_ *faultproxy.Proxy, s *service) { s.start() },
		noticed: true,
	},
}

// version is kept in the flag's client data: it only ever grows.
func setVersion(t testing.TB, s store.Store, version int, enabled bool) {
	t.Helper()
	if _, err := store.Update(t.Context(), s, "SWITCH", func(f *store.Flag) error {
		f.ClientData = targeting.JSON(fmt.Sprintf(`{"version": %d}`, version))
		f.Enabled = enabled
		return nil
	}); err != nil {
		t.Error(err)
	}
}

func versionOf(t testing.TB, f *store.Flag) int {
	v, err := store.ParseClientData(f.ClientData)
	if err != nil {
		t.Error(err)
		return -1
	}
	n, err := strconv.Atoi(v.Members()[0].Value.String())
	if err != nil {
		t.Error(err)
	}
	return n
}

// A reader asks all the time, as a service does.
type reader struct {
	t       testing.TB
	s       layer
	latest  atomic.Int64 // the version below
	longest atomic.Int64
	seen    atomic.Int64
	on      atomic.Bool
}

// callDeadline is what each call has.
const callDeadline = 300 * time.Millisecond

func (r *reader) ask(last int) int {
	ctx, cancel := context.WithTimeout(r.t.Context(), callDeadline)
	defer cancel()
	start := time.Now()
	f, known := r.s.Peek("SWITCH")
	var err error
	if !known {
		f, err = r.s.Get(ctx, "SWITCH")
	}
	took := time.Since(start)
	r.longest.Store(max(r.longest.Load(), int64(took)))
	if err != nil || f == nil {
		r.t.Errorf("no answer: %v, %v", f, err)
		return last
	}
	version := versionOf(r.t, f)
	if version < last || int64(version) > r.latest.Load() {
		r.t.Errorf("version %d after %d, when the latest is %d", version, last, r.latest.Load())
	}
	r.on.Store(f.Enabled)
	r.seen.Store(int64(version))
	return version
}

// TestFaults throws a switch while something is wrong, several times. The answer
// is always one that was right, it comes in time, never goes back, and is right
// again soon after.
func TestFaults(t *testing.T) {
	for name, newLayer := range layers {
		for what, fault := range faults {
			t.Run(name+"/"+what, func(t *testing.T) {
				t.Parallel()
				testFault(t, newLayer, fault)
			})
		}
	}
}

func testFault(t *testing.T, newLayer func(testing.TB, store.Watcher) layer, fault fault) {
	below := serve(t)
	if _, err := below.flags.Put(t.Context(), &store.Flag{Name: "SWITCH"}); err != nil {
		t.Fatal(err)
	}
	setVersion(t, below.flags, 1, true)
	proxy := faultproxy.New(t, below.address)
	s := newLayer(t, dial(t, proxy.Addr(), thriftrpc.WithTimeout(callDeadline), thriftrpc.WithPollTimeout(callDeadline)))
	r := &reader{t: t, s: s}
	r.latest.Store(1)
	await(t, "the switch is known, and watched", func() bool {
		_, err := s.Get(t.Context(), "SWITCH")
		age, stale := s.Age("SWITCH")
		_, known := s.Peek("SWITCH")
		return err == nil && known && age == 0 && !stale
	})
	ctx, stop := context.WithCancel(t.Context())
	var asking sync.WaitGroup
	asking.Go(func() {
		for last := 0; ctx.Err() == nil; time.Sleep(100 * time.Microsecond) {
			last = r.ask(last)
		}
	})
	defer asking.Wait()
	defer stop()

	var worst time.Duration
	version := 1
	for range 3 {
		fault.begin(proxy, below)
		if fault.noticed {
			await(t, "somebody says that answers are old", func() bool {
				age, stale := s.Age("SWITCH")
				return stale && age >= fault.lasts
			})
		}
		version++
		r.latest.Store(int64(version))
		setVersion(t, below.flags, version, version%2 == 1)
		fault.end(proxy, below)
		ended := time.Now()
		await(t, "the switch is as it was thrown", func() bool {
			return r.seen.Load() == int64(version) && r.on.Load() == (version%2 == 1)
		})
		worst = max(worst, time.Since(ended))
		await(t, "all is well", func() bool {
			age, stale := s.Age("SWITCH")
			return age == 0 && !stale
		})
	}
	stop()
	asking.Wait()
	longest := time.Duration(r.longest.Load())
	t.Logf("right again %v after the fault's end at the latest, longest call %v", worst.Round(time.Millisecond), longest.Round(time.Millisecond))
	if longest > callDeadline+patience/2 {
		t.Errorf("a call took %v, with %v", longest, callDeadline)
	}
}

// await waits until a condition holds.
func await(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}
