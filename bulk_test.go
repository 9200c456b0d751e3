// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipper_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
)

var hotNames = []string{"off", "plain", "rule", "rules", "sticky", "sticky on all", "nobody", "plain"}

// To ask for many gives what to ask for each gives.
func TestEvaluateMany(t *testing.T) {
	hot := hotFlags(t)
	for what, c := range map[string]*flipper.FeatureFlagClient{
		"memory": hot,
		"remote": flipper.New(struct{ store.Store }{hot.Store()}, quiet()),
	} {
		for name, ctx := range map[string]context.Context{
			"nothing":     t.Context(),
			"attributes":  flipper.WithAttrs(t.Context(), flipper.String("plan", "pro"), flipper.Int("user_id", 7)),
			"pinned":      flipper.WithPinnedFlags(t.Context(), flipper.String("plan", "free")),
			"pinned, too": flipper.WithPinnedFlags(flipper.WithAttrs(t.Context(), flipper.Int("user_id", 8))),
		} {
			attrs := []flipper.Attr{flipper.Int("age", 30), flipper.String("country", "FR")}
			for round := range 2 { // the second finds what the first has pinned
				want := make(map[string]flipper.Evaluation)
				for _, name := range hotNames {
					want[name] = c.Evaluate(ctx, name, attrs...)
				}
				got := c.EvaluateNames(ctx, hotNames, attrs...)
				for i, name := range hotNames {
					if diff := cmp.Diff(want[name], got[i], cmpopts.EquateErrors()); diff != "" {
						t.Errorf("%s, %s, round %d: %s (-one +many):\n%s", what, name, round, name, diff)
					}
				}
				all, err := c.EvaluateAll(ctx, attrs...)
				must(t, err)
				delete(want, "nobody")
				delete(all, "chance") // chance is drawn anew
				if diff := cmp.Diff(want, all); diff != "" {
					t.Errorf("%s, %s, round %d: (-one +all):\n%s", what, name, round, diff)
				}
			}
		}
	}
}

func TestEvaluateAllTellsWhatIsUnreadable(t *testing.T) {
	c := newClient(t)
	mustCreate(t, c, "flag", on())
	s := newFaultyStore()
	s.Store = c.Store()
	broken := "flag"
	s.unreadable.Store(&broken)
	all, err := flipper.New(s, quiet()).EvaluateAll(t.Context())
	must(t, err)
	wantErr(t, all["flag"].Err, store.ErrUnreadable)

	s.fail(errDown)
	all, err = flipper.New(s, quiet()).EvaluateAll(t.Context())
	wantErr(t, err, store.ErrUnavailable)
	if all != nil {
		t.Errorf("%v", all)
	}
}

// Flags of a remote store are asked for at the same time, within one time-out.
func TestEvaluateNamesSharesTheTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFaultyStore()
		c := flipper.New(s, quiet())
		s.hanging.Store(true)
		names := make([]string, 50)
		for i := range names {
			names[i] = fmt.Sprint("flag ", i)
		}
		start := time.Now()
		for _, e := range c.EvaluateNames(t.Context(), names) {
			wantErr(t, e.Err, context.DeadlineExceeded)
		}
		if waited := time.Since(start); waited != flipper.DefaultTimeout {
			t.Errorf("waited %v", waited)
		}
	})
}

// All answers are of one state: the writer switches the flags one after the other,
// so in no state is a flag off and one after it on.
func TestEvaluateNamesSeesOneState(t *testing.T) {
	c := flipper.New(memory.New(), quiet())
	const n = 20
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("flag %02d", i)
		mustCreate(t, c, names[i])
	}
	var done atomic.Bool
	var writer sync.WaitGroup
	writer.Go(func() {
		for i := 0; !done.Load(); i++ {
			for _, name := range names {
				var err error
				if i%2 == 0 {
					err = c.Enable(context.Background(), name)
				} else {
					err = c.Disable(context.Background(), name)
				}
				if err != nil {
					t.Error(err)
				}
			}
		}
	})
	for range 2000 {
		switches := 0
		evaluations := c.EvaluateNames(t.Context(), names)
		for i := 1; i < n; i++ {
			if evaluations[i].Enabled != evaluations[i-1].Enabled {
				switches++
			}
		}
		if switches > 1 {
			t.Fatalf("the answers are of several states: %v", evaluations)
		}
	}
	done.Store(true)
	writer.Wait()
}

// Chance and pins are the flag's own, also among many.
func TestEvaluateNamesPinsChance(t *testing.T) {
	c := newClient(t)
	names := make([]string, 30)
	for i := range names {
		names[i] = fmt.Sprint("chance ", i)
		mustCreate(t, c, names[i], on(), flipper.WithBucketer(chance))
	}
	ctx := flipper.WithPinnedFlags(t.Context())
	first := c.EvaluateNames(ctx, names)
	share := 0
	for i, name := range names {
		if c.IsEnabled(ctx, name) != first[i].Enabled {
			t.Errorf("%s changed its mind", name)
		}
		if first[i].Enabled {
			share++
		}
	}
	if share == 0 || share == len(names) {
		t.Error("all flags drew the same")
	}
}

// A ramp rises between two questions, but not within one.
func TestEvaluateNamesRamp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t)
		mustCreate(t, c, "ramp", on(), flipper.WithBucketer(
			carta.NewConsistentHashBucketer(carta.LinearRamp(0, 1, time.Now(), time.Hour), "user_id")))
		user := flipper.Int("user_id", 1) // in bucket 48
		for _, want := range []bool{false, true} {
			if got := c.EvaluateNames(t.Context(), []string{"ramp"}, user); got[0].Enabled != want {
				t.Errorf("%+v, want %t", got, want)
			}
			time.Sleep(time.Hour)
		}
	})
}

// More flags than are searched one by one, asked in two ways, each twice.
func TestManyPins(t *testing.T) {
	c := newClient(t)
	names := make([]string, 100)
	for i := range names {
		names[i] = fmt.Sprint("flag ", i)
		share := carta.FixedPercentage(float64(i) / 100)
		mustCreate(t, c, names[i], on(), flipper.WithBucketer(carta.NewConsistentHashBucketer(share, "user_id")))
	}
	one, two := flipper.Int("user_id", 1), flipper.Int("user_id", 2)
	bucketOf := func(user flipper.Attr) int { return half.Bucket(&targeting.Request{Attrs: []flipper.Attr{user}}) }
	outer := flipper.WithPinnedFlags(t.Context(), one)
	inner := flipper.WithAttrs(outer, two)
	for range 2 {
		for i, name := range names {
			wantOne, wantTwo := bucketOf(one) <= i && i > 0, bucketOf(two) <= i && i > 0
			if c.IsEnabled(outer, name) != wantOne || c.IsEnabled(inner, name) != wantTwo || c.IsEnabled(outer, name, two) != wantTwo {
				t.Fatalf("%s is wrong", name)
			}
			must(t, c.Disable(t.Context(), name)) // it is pinned
		}
	}
	for i, e := range c.EvaluateNames(outer, names) {
		if e.Enabled != (bucketOf(one) <= i && i > 0) {
			t.Errorf("%s, among many, is wrong", names[i])
		}
	}
}

func BenchmarkPage(b *testing.B) {
	c := newClient(b)
	names := make([]string, 20)
	for i := range names {
		names[i] = fmt.Sprint("flag-", i)
		mustCreate(b, c, names[i], on(), flipper.WithBucketer(half))
	}
	id := 7
	b.Run("one by one", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			id++
			for _, name := range names {
				c.Evaluate(b.Context(), name, flipper.Int("user_id", id))
			}
		}
	})
	b.Run("one by one, pinned", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			id++
			ctx := flipper.WithPinnedFlags(b.Context(), flipper.Int("user_id", id))
			for _, name := range names {
				c.Evaluate(ctx, name)
			}
		}
	})
	b.Run("EvaluateNames", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			id++
			c.EvaluateNames(b.Context(), names, flipper.Int("user_id", id))
		}
	})
}
