// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package consul_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/flipper-go/flipper/internal/consultest"
	"github.com/flipper-go/flipper/internal/faultproxy"
	"github.com/flipper-go/flipper/store"
	consulstore "github.com/flipper-go/flipper/store/consul"
)

// limit is longer than any read or bounded write may take, on a busy machine
// with the race detector.
const limit = 2 * time.Second

// A watchdog reads and writes through a store all the time, and holds it to never
// giving a wrong answer, nor taking longer than allowed.
type watchdog struct {
	t       *testing.T
	s       *consulstore.Store
	stop    context.CancelFunc
	ended   sync.Once
	workers sync.WaitGroup

	mu        sync.Mutex
	longest   map[string]time.Duration
	allowed   func(*store.Flag, error) error
	told      []error
	toldAll   int
	writeFail int
}

// watchdogFlag is what the watchdog reads. Whoever changes it tells what may be
// read with expect.
const watchdogFlag = "KILL_SWITCH"

// newWatchdog makes the flag, switched on, and begins.
func newWatchdog(t *testing.T, s *consulstore.Store, client *api.Client, base string) *watchdog {
	t.Helper()
	w := &watchdog{t: t, s: s, longest: map[string]time.Duration{}}
	w.throw(client, base, true)
	ctx, cancel := context.WithCancel(t.Context())
	w.stop = cancel
	w.workers.Go(func() {
		for ctx.Err() == nil {
			w.read(ctx)
			time.Sleep(time.Millisecond) // to leave others some of the machine
		}
	})
	w.workers.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			w.write(ctx, i)
		}
	})
	w.workers.Go(func() {
		for change, err := range s.Watch(ctx) {
			w.mu.Lock()
			if err != nil {
				w.told = append(w.told, err)
			}
			if change.All {
				w.toldAll++
			}
			w.mu.Unlock()
		}
	})
	t.Cleanup(func() { w.ended.Do(w.end) })
	return w
}

func (w *watchdog) expect(allowed func(*store.Flag, error) error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.allowed = allowed
}

// read reads in every way.
func (w *watchdog) read(ctx context.Context) {
	w.mu.Lock()
	allowed := w.allowed
	w.mu.Unlock()
	check := func(f *store.Flag, err error) {
		if err := allowed(f, err); err != nil && ctx.Err() == nil {
			// What is allowed may have changed since.
			w.mu.Lock()
			err = w.allowed(f, err)
			w.mu.Unlock()
			if err != nil {
				w.t.Errorf("wrong answer: %v", err)
			}
		}
	}
	w.time("get", func() {
		f, err := w.s.Get(ctx, watchdogFlag)
		check(f, err)
	})
	w.time("peek", func() {
		if f, known := w.s.Peek(watchdogFlag); known && f != nil {
			check(f, nil)
		}
	})
	w.time("age", func() { w.s.Age(watchdogFlag) })
	w.time("list", func() {
		for range w.s.List(ctx) {
			continue
		}
	})
}

// write writes another flag, with a deadline.
func (w *watchdog) write(ctx context.Context, i int) {
	const deadline = 300 * time.Millisecond
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	w.time("update", func() {
		_, err := store.Update(ctx, w.s, "WRITTEN", func(f *store.Flag) error {
			f.Enabled = i%2 == 0
			return nil
		})
		if errors.Is(err, store.ErrNotFound) {
			_, err = w.s.Put(ctx, &store.Flag{Name: "WRITTEN"})
		}
		if err != nil {
			w.mu.Lock()
			w.writeFail++
			w.mu.Unlock()
			if !errors.Is(err, store.ErrUnavailable) && !errors.Is(err, store.ErrExists) && !errors.Is(err, ctx.Err()) {
				w.t.Errorf("write: error is %v, want ErrUnavailable", err)
			}
		}
	})
	time.Sleep(10 * time.Millisecond)
}

func (w *watchdog) time(what string, f func()) {
	begin := time.Now()
	f()
	took := time.Since(begin)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.longest[what] = max(w.longest[what], took)
}

// end stops all, and says what was seen.
func (w *watchdog) end() {
	w.stop()
	w.workers.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.t.Logf("longest calls: %v; %d writes failed", w.longest, w.writeFail)
	for what, took := range w.longest {
		if took > limit {
			w.t.Errorf("a %s took %v", what, took)
		}
	}
	for _, err := range w.told {
		if !errors.Is(err, store.ErrUnavailable) {
			w.t.Errorf("watch yields %v, want ErrUnavailable", err)
		}
	}
	w.told = nil
}

// losses returns how often Watch told that the connection is lost, and how often
// that everything may have changed.
func (w *watchdog) losses() (errs, alls int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.told), w.toldAll
}

// enabledIs allows one answer.
func enabledIs(enabled ...bool) func(*store.Flag, error) error {
	return func(f *store.Flag, err error) error {
		if err != nil {
			return err
		}
		if !slices.Contains(enabled, f.Enabled) {
			return fmt.Errorf("enabled is %t", f.Enabled)
		}
		return nil
	}
}

// throw switches the flag by hand, past the store and the fault, and measures how
// long the store takes to answer it.
func (w *watchdog) throw(client *api.Client, base string, enabled bool) time.Duration {
	w.t.Helper()
	w.expect(enabledIs(true, false))
	rawPut(w.t, client, base+"/"+watchdogFlag, item(watchdogFlag, enabled))
	return w.converge(enabled)
}

func (w *watchdog) converge(enabled bool) time.Duration {
	w.t.Helper()
	begin := time.Now()
	eventually(w.t, "the kill switch is answered", func() error { return wantEnabled(w.s, watchdogFlag, enabled) })
	took := time.Since(begin)
	w.expect(enabledIs(enabled))
	return took
}

// onceSwitchedOff returns attempts to switch the flag off, of which one counts: a
// leader that hung goes on with one that was given up, and must not undo what was
// written since.
func onceSwitchedOff(t *testing.T, client *api.Client, base string) (attempt func() error) {
	t.Helper()
	key := base + "/" + watchdogFlag
	before, _, err := client.KV().Get(key, new(api.QueryOptions).WithContext(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	return func() error {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		// If it says no, an attempt was done that had been given up.
		_, _, err := client.KV().CAS(&api.KVPair{Key: key, Value: item(watchdogFlag, false), ModifyIndex: before.ModifyIndex}, new(api.WriteOptions).WithContext(ctx))
		return err
	}
}

func wantStale(s *consulstore.Store, want bool) error {
	if age, stale := s.Age(watchdogFlag); stale != want || !stale && age != 0 || stale && age <= 0 {
		return fmt.Errorf("age is %v, stale %t", age, stale)
	}
	return nil
}

// TestNetwork breaks the connection in several ways. The flag is switched while
// it is broken, and the switch has to be answered when it is whole again.
func TestNetwork(t *testing.T) {
	t.Parallel()
	agent := consultest.Options{Memory: true}.Start(t)
	quick := []consulstore.Option{consulstore.WithWait(200 * time.Millisecond), consulstore.WithTimeout(500 * time.Millisecond)}
	for _, fault := range []struct {
		name  string
		begin func(*faultproxy.Proxy)
		stale bool // it lasts, so that the store has to notice
	}{
		{"Cut", func(p *faultproxy.Proxy) { p.Cut() }, false},
		{"Refused", func(p *faultproxy.Proxy) { p.Refuse(); p.Cut() }, true},
		{"StalledBothWays", func(p *faultproxy.Proxy) { p.Stall(faultproxy.Both) }, true},
		{"StalledAnswers", func(p *faultproxy.Proxy) { p.Stall(faultproxy.ToClient) }, true},
		{"HalfOpen", func(p *faultproxy.Proxy) { p.HalfOpen() }, false},
		{"Slow", func(p *faultproxy.Proxy) { p.Slow(50 * time.Millisecond) }, false},
	} {
		t.Run(fault.name, func(t *testing.T) {
			t.Parallel()
			log := newRecords()
			h := behindProxy(t, agent, append(quick, consulstore.WithLogger(slog.New(log)))...)
			w := newWatchdog(t, h.Store, h.client, h.base)
			first := w.throw(h.client, h.base, false)
			w.throw(h.client, h.base, true)
			w.expect(enabledIs(true, false))
			fault.begin(h.proxy)
			rawPut(t, h.client, h.base+"/"+watchdogFlag, item(watchdogFlag, false))
			if fault.stale {
				w.expect(enabledIs(true)) // nothing gets through
				eventually(t, "the flags are said to be old", func() error { return wantStale(h.Store, true) })
				eventually(t, "watch yields an error", func() error {
					if n, _ := w.losses(); n == 0 {
						return errors.New("it has not")
					}
					return nil
				})
				w.expect(enabledIs(true, false))
				h.proxy.Heal()
			}
			after := w.converge(false)
			h.proxy.Heal()
			eventually(t, "the flags are said to be current", func() error { return wantStale(h.Store, false) })
			last := w.throw(h.client, h.base, true)
			t.Logf("right again after %v; a change takes %v before and %v after", after, first, last)
			if !fault.stale {
				return
			}
			if n, alls := w.losses(); n != 1 || alls < 2 {
				t.Errorf("watch yields %d errors and %d times that everything changed, want 1 and 2", n, alls)
			}
			if want := []string{"WARN consul: cannot follow changes; flags are answered as they were", "INFO consul: following changes again"}; !slices.Equal(log.all(), want) {
				t.Errorf("logged\n     %q\nwant %q", log.all(), want)
			}
		})
	}
	t.Run("LostReply", func(t *testing.T) {
		t.Parallel()
		h := behindProxy(t, agent, quick...)
		for round := range 20 {
			name := fmt.Sprint("LOST", round)
			lost := h.proxy.LoseReply()
			f, err := h.Put(t.Context(), &store.Flag{Name: name})
			if err != nil && !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("put: %v", err)
			}
			if err == nil && f.Revision == "" {
				t.Error("put: no revision")
			}
			select {
			case <-lost:
			case <-time.After(patience):
				t.Fatal("no reply was lost")
			}
			// Whether it was done or not, the store agrees with the server.
			eventually(t, "the store has what the server has", func() error {
				pair, _, err := h.client.KV().Get(h.base+"/"+name, nil)
				if err != nil {
					return err
				}
				if pair == nil {
					return wantNotFound(h, name)
				}
				return wantEnabled(h, name, false)
			})
			eventually(t, "it can be written", func() error {
				_, err := h.Put(t.Context(), &store.Flag{Name: name})
				if errors.Is(err, store.ErrExists) {
					_, err = store.Update(t.Context(), h, name, func(f *store.Flag) error { f.Enabled = true; return nil })
				}
				return err
			})
		}
	})
}

// TestServer hangs, crashes and wipes a server.
func TestServer(t *testing.T) {
	t.Parallel()
	agent := consultest.Start(t)
	client := agent.Client(t)
	base := newBaseKey()
	s := open(t, agent.Client(t), base, consulstore.WithWait(200*time.Millisecond), consulstore.WithTimeout(time.Second))
	waitReady(t, s)
	// It asks for changes once a minute: only by failing does it learn that it
	// must not wait for an index of before.
	patient := open(t, agent.Client(t), base, consulstore.WithWait(time.Minute))
	waitReady(t, patient)
	w := newWatchdog(t, s, client, base)
	stays := func() {
		t.Helper()
		eventually(t, "the flags are said to be old", func() error { return wantStale(s, true) })
	}

	t.Run("Hangs", func(t *testing.T) {
		agent.Stop()
		stays()
		w.expect(enabledIs(true, false))
		agent.Continue()
		t.Logf("right again after %v", w.throw(client, base, false))
	})
	t.Run("RestartedWithData", func(t *testing.T) {
		agent.Kill()
		stays()
		agent.RestartAtOnce()
		begin := time.Now()
		w.expect(enabledIs(true, false))
		eventually(t, "the server can be written to", func() error {
			_, err := client.KV().Put(&api.KVPair{Key: base + "/" + watchdogFlag, Value: item(watchdogFlag, true)}, nil)
			return err
		})
		up := time.Since(begin)
		t.Logf("right again after %v, the server was up after %v", w.converge(true), up)
	})
	t.Run("RestartedWithoutData", func(t *testing.T) {
		// Written last, so that its index is far above those to come.
		f, err := s.Put(t.Context(), &store.Flag{Name: "MINE", Enabled: true})
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "it is there", func() error { return wantEnabled(patient, "MINE", true) })
		agent.Kill()
		stays()
		agent.Wipe()
		w.expect(func(f *store.Flag, err error) error {
			if errors.Is(err, store.ErrNotFound) {
				return nil
			}
			return enabledIs(true)(f, err)
		})
		agent.RestartAtOnce()
		eventually(t, "the flag that was lost is gone", func() error { return errors.Join(wantNotFound(s, "MINE"), wantNotFound(s, watchdogFlag)) })
		eventually(t, "it is gone for who waits long, too", func() error { return wantNotFound(patient, "MINE") })
		for round := range 50 {
			again, err := s.Put(t.Context(), &store.Flag{Name: fmt.Sprint("MINE", round)})
			if err != nil {
				t.Fatal(err)
			}
			if got, err := s.Get(t.Context(), again.Name); err != nil || got.Revision != again.Revision {
				t.Fatalf("after put of revision %s: %v, %v", again.Revision, got, err)
			}
		}
		if _, err := s.Put(t.Context(), f); !errors.Is(err, store.ErrConflict) {
			t.Errorf("put over the flag that was lost: %v", err)
		}
		w.expect(func(*store.Flag, error) error { return nil })
		rawPut(t, client, base+"/"+watchdogFlag, item(watchdogFlag, false))
		w.converge(false)
		t.Logf("a change takes %v", w.throw(client, base, true))
	})
}

// TestLeader kills the leader of a cluster, and then has one hang.
func TestLeader(t *testing.T) {
	t.Parallel()
	cluster := consultest.StartCluster(t)
	base := newBaseKey()
	leader := cluster.Leader()
	followers := cluster.Followers(leader)
	client := followers[1].Client(t)
	s := open(t, followers[0].Client(t), base, consulstore.WithWait(500*time.Millisecond), consulstore.WithTimeout(time.Second))
	waitReady(t, s)
	w := newWatchdog(t, s, client, base)

	w.expect(enabledIs(true, false))
	switchOff := onceSwitchedOff(t, client, base)
	leader.Kill()
	begin := time.Now()
	eventually(t, "watch yields an error", func() error {
		if n, _ := w.losses(); n == 0 {
			return errors.New("it has not")
		}
		return nil
	})
	lost := time.Since(begin)
	eventually(t, "the cluster can be written to", switchOff)
	up := time.Since(begin)
	t.Logf("lost after %v; a new leader after %v; right again %v later", lost, up, w.converge(false))
	leader.Restart()
	t.Logf("a change takes %v", w.throw(leader.Client(t), base, true))

	// Nobody is told that a leader hangs: connections to it stay. The cluster
	// elects another one all the same.
	w.ended.Do(w.end)
	leader = cluster.Leader()
	followers = cluster.Followers(leader)
	client = followers[1].Client(t)
	s = open(t, followers[0].Client(t), base, consulstore.WithWait(500*time.Millisecond), consulstore.WithTimeout(time.Second))
	waitReady(t, s)
	w = newWatchdog(t, s, client, base)
	w.expect(enabledIs(true, false))
	switchOff = onceSwitchedOff(t, client, base)
	leader.Stop()
	begin = time.Now()
	eventually(t, "the cluster can be written to", switchOff)
	up = time.Since(begin)
	t.Logf("hangs: a new leader after %v; right again %v later", up, w.converge(false))
	leader.Continue()
	t.Logf("a change takes %v", w.throw(client, base, true))
}
