// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipper_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting/carta"
)

func TestPinnedFlags(t *testing.T) {
	s := newFaultyStore()
	c := flipper.New(s, quiet())
	for name, change := range map[string]func(flag *flipper.FeatureFlag) error{
		"disabled":   func(flag *flipper.FeatureFlag) error { return flag.Disable(t.Context()) },
		"destroyed":  func(flag *flipper.FeatureFlag) error { return flag.Destroy(t.Context()) },
		"restricted": func(flag *flipper.FeatureFlag) error { return flag.SetConditions(t.Context(), pros) },
		"down":       func(*flipper.FeatureFlag) error { s.fail(errDown); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			defer s.heal()
			flag := mustCreate(t, c, name, on())
			late := mustCreate(t, c, name+", asked late", on())
			ctx := flipper.WithPinnedFlags(t.Context())
			free := flipper.String("plan", "free")
			if !flag.IsEnabled(ctx, free) {
				t.Fatal("off from the start")
			}
			must(t, change(flag))
			must(t, change(late))
			if got := flag.Evaluate(ctx, free); !got.Enabled || got.Err != nil {
				t.Errorf("the pinned flag became %+v", got)
			}
			if !c.IsEnabled(flipper.WithAttrs(ctx, free), name) {
				t.Error("a context within it does not see the pin")
			}
			if flag.IsEnabled(t.Context(), free) {
				t.Error("another context sees the pin")
			}
			// Only what was asked is pinned.
			if late.IsEnabled(ctx, free) {
				t.Error("a flag that was not asked is pinned")
			}
		})
	}
}

// What was missing or failed stays so too: half a request with a flag is worse
// than none.
func TestPinnedFailure(t *testing.T) {
	s := newFaultyStore()
	c := flipper.New(s, quiet())
	flag := mustCreate(t, c, "flag", on())
	ctx := flipper.WithPinnedFlags(t.Context())
	s.fail(errDown)
	wantErr(t, flag.Evaluate(ctx).Err, store.ErrUnavailable)
	wantErr(t, c.Evaluate(flipper.WithPinnedFlags(t.Context()), "flag").Err, store.ErrUnavailable)
	s.heal()
	before := s.gets.Load()
	wantErr(t, flag.Evaluate(ctx).Err, store.ErrUnavailable)
	if s.gets.Load() != before {
		t.Error("the store was asked again")
	}
	if flag.IsEnabled(ctx) || !flag.IsEnabledOr(ctx, true) {
		t.Error("the answer is not the default")
	}

	wantErr(t, c.Evaluate(ctx, "late").Err, store.ErrNotFound)
	mustCreate(t, c, "late", on())
	wantErr(t, c.Evaluate(ctx, "late").Err, store.ErrNotFound)
}

// A time-out is the flag's failure: the next to ask does not wait again.
func TestPinnedTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFaultyStore()
		c := flipper.New(s, quiet())
		mustCreate(t, c, "flag", on())
		s.hanging.Store(true)
		ctx := flipper.WithPinnedFlags(t.Context())
		start := time.Now()
		for range 3 {
			wantErr(t, c.Evaluate(ctx, "flag").Err, context.DeadlineExceeded)
		}
		if waited := time.Since(start); waited != flipper.DefaultTimeout {
			t.Errorf("waited %v", waited)
		}
	})
}

// That a caller gave up says nothing about the flag.
func TestCancellationIsNotPinned(t *testing.T) {
	c := flipper.New(newFaultyStore(), quiet())
	flag := mustCreate(t, c, "flag", on())
	pinned := flipper.WithPinnedFlags(t.Context())
	ctx, cancel := context.WithCancel(pinned)
	cancel()
	wantErr(t, flag.Evaluate(ctx).Err, context.Canceled)
	if !flag.IsEnabled(pinned) {
		t.Error("the cancellation was pinned")
	}
	if !flag.IsEnabled(ctx) {
		t.Error("the pin, which needs no store, was not used")
	}
}

// Two clients may have flags of one name.
func TestPinsAreByClient(t *testing.T) {
	one, other := newClient(t), newClient(t)
	mustCreate(t, one, "flag", on())
	mustCreate(t, other, "flag")
	ctx := flipper.WithPinnedFlags(t.Context())
	if !one.IsEnabled(ctx, "flag") || other.IsEnabled(ctx, "flag") {
		t.Error("one client got the other's flag")
	}
}

func TestPinnedChanceAndRamp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t)
		random := mustCreate(t, c, "random", on(), flipper.WithBucketer(chance))
		ramp := mustCreate(t, c, "ramp", on(), flipper.WithBucketer(
			carta.NewConsistentHashBucketer(carta.LinearRamp(0, 1, time.Now(), time.Hour), "user_id")))
		seen := map[bool]bool{}
		for range 64 {
			ctx := flipper.WithPinnedFlags(t.Context())
			first := random.IsEnabled(ctx)
			seen[first] = true
			for range 20 {
				if random.IsEnabled(ctx) != first {
					t.Fatal("chance changed its mind")
				}
			}
		}
		if len(seen) != 2 {
			t.Error("chance gives everybody the same")
		}
		ctx := flipper.WithPinnedFlags(t.Context())
		user := flipper.Int("user_id", 1) // in bucket 48
		time.Sleep(time.Hour)
		if ramp.IsEnabled(ctx, user) || !ramp.IsEnabled(t.Context(), user) {
			t.Error("the ramp rose within the context, or did not outside")
		}
	})
}

func TestPinnedContextIsKept(t *testing.T) {
	ctx := flipper.WithPinnedFlags(flipper.WithAttrs(t.Context(), flipper.Int("x", 1)))
	if flipper.WithPinnedFlags(ctx) != ctx {
		t.Error("pinning again makes another context")
	}
	if len(flipper.AttrsFrom(ctx)) != 1 {
		t.Error("pinning loses the attributes")
	}
}

// All that ask at once get one answer, even if the flag changes while they ask.
func TestConcurrentFirstAsks(t *testing.T) {
	for range 20 {
		s := newFaultyStore()
		c := flipper.New(s, quiet())
		flag := mustCreate(t, c, "flag", on())
		var inside sync.WaitGroup // all goroutines are within their first Get
		const n = 16
		inside.Add(n)
		var turn sync.Mutex
		s.onGet = func(string) {
			inside.Done()
			inside.Wait()
			// Each then finds the flag in another state than the one before.
			turn.Lock()
			defer turn.Unlock()
			f, err := s.Store.Get(t.Context(), "flag")
			if err != nil {
				t.Error(err)
				return
			}
			f = f.Clone()
			f.Enabled = !f.Enabled
			if _, err := s.Store.Put(t.Context(), f); err != nil {
				t.Error(err)
			}
		}
		ctx := flipper.WithPinnedFlags(t.Context())
		answers := make([]bool, n)
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() { answers[i] = flag.IsEnabled(ctx) })
		}
		wg.Wait()
		for _, answer := range answers {
			if answer != answers[0] {
				t.Fatalf("the answers differ: %v", answers)
			}
		}
	}
}
