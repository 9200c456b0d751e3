// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipper_test

import (
	"context"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
)

// A journal notes what it is told.
type journal struct {
	mu          sync.Mutex
	evaluations []flipper.Impression
}

func (j *journal) Evaluated(ctx context.Context, name string, e flipper.Evaluation) {
	j.Record(ctx, flipper.Impression{Name: name, Evaluation: e})
}

func (j *journal) Record(_ context.Context, i flipper.Impression) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.evaluations = append(j.evaluations, i)
}

func (j *journal) take() []flipper.Impression {
	j.mu.Lock()
	defer j.mu.Unlock()
	taken := j.evaluations
	j.evaluations = nil
	return taken
}

func TestHook(t *testing.T) {
	var hook, second journal
	c := newClient(t, flipper.WithHook(&hook), flipper.WithHook(&second))
	flag := mustCreate(t, c, "flag", on(), flipper.WithConditions(pros))
	ctx := flipper.WithAttrs(t.Context(), flipper.String("plan", "pro"))

	for what, ask := range map[string]func() bool{
		"IsEnabled":          func() bool { return c.IsEnabled(ctx, "flag") },
		"IsEnabledOr":        func() bool { return c.IsEnabledOr(ctx, "flag", false) },
		"Evaluate":           func() bool { return c.Evaluate(ctx, "flag").Enabled },
		"by handle":          func() bool { return flag.IsEnabled(ctx) },
		"Evaluate by handle": func() bool { return flag.Evaluate(ctx).Enabled },
		"pinned":             func() bool { return flag.IsEnabled(flipper.WithPinnedFlags(ctx)) },
	} {
		if !ask() {
			t.Errorf("%s: off", what)
		}
		got := hook.take()
		if len(got) != 1 || got[0].Name != "flag" || got[0].Evaluation != (flipper.Evaluation{Enabled: true, Variant: "on", Value: targeting.Bool(true), Reason: flipper.ReasonTargetingMatch, Rule: -1}) {
			t.Errorf("%s told %+v", what, got)
		}
		if len(second.take()) != 1 {
			t.Errorf("%s did not tell the second hook", what)
		}
	}

	// The caller's default is told, and why.
	c.IsEnabledOr(ctx, "missing", true)
	got := hook.take()
	if len(got) != 1 || !got[0].Enabled || got[0].Reason != flipper.ReasonError {
		t.Fatalf("told %+v", got)
	}
	wantErr(t, got[0].Err, store.ErrNotFound)
}

func TestImpressions(t *testing.T) {
	var all, none journal
	c := newClient(t, flipper.WithImpressions(&all, 1), flipper.WithImpressions(&none, 0))
	mustCreate(t, c, "flag", on(), flipper.WithConditions(pros))
	ctx := flipper.WithAttrs(t.Context(), flipper.String("plan", "free"), flipper.Int("age", 30))
	attrs := []flipper.Attr{flipper.String("plan", "pro"), flipper.Int("user_id", 1)}
	c.IsEnabled(ctx, "flag", attrs...)
	attrs[0] = flipper.String("plan", "changed later")

	got := all.take()
	if len(got) != 1 || got[0].Name != "flag" || !got[0].Enabled || got[0].Reason != flipper.ReasonTargetingMatch || got[0].Time.IsZero() {
		t.Fatalf("recorded %+v", got)
	}
	want := []flipper.Attr{flipper.String("plan", "pro"), flipper.Int("age", 30), flipper.Int("user_id", 1)}
	if diff := cmp.Diff(want, got[0].Attrs, cmp.Comparer(targeting.Value.Equal)); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
	if got := none.take(); got != nil {
		t.Errorf("recorded %+v of none", got)
	}
}

func TestImpressionsAreSampled(t *testing.T) {
	var some journal
	c := newClient(t, flipper.WithImpressions(&some, 0.25))
	mustCreate(t, c, "flag", on())
	const n = 20_000
	for range n {
		c.IsEnabled(t.Context(), "flag")
	}
	// Eight standard deviations on both sides.
	if got := len(some.take()); got < n/4-500 || got > n/4+500 {
		t.Errorf("%d of %d are recorded, want a quarter", got, n)
	}
}

// A hook costs no allocation, with attributes or without; and a recorder none
// for what it does not record.
func TestHookAllocs(t *testing.T) {
	c := newClient(t, flipper.WithHook(nopHook{}), flipper.WithImpressions(nopHook{}, 0))
	mustCreate(t, c, "flag", on(), flipper.WithConditions(pros))
	ctx := flipper.WithAttrs(t.Context(), flipper.Int("age", 30))
	plan := "pro"
	if allocs := testing.AllocsPerRun(100, func() { c.IsEnabled(ctx, "flag", flipper.String("plan", plan)) }); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

type nopHook struct{}

func (nopHook) Evaluated(context.Context, string, flipper.Evaluation) {}
func (nopHook) Record(context.Context, flipper.Impression)            {}
