// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipper_test

import (
	"context"
	"testing"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/targeting/carta"
)

// hotFlags are the flags that the tests of speed ask for.
func hotFlags(tb testing.TB) *flipper.FeatureFlagClient {
	tb.Helper()
	c := newClient(tb)
	mustCreate(tb, c, "off")
	mustCreate(tb, c, "plain", on())
	mustCreate(tb, c, "rule", on(), flipper.WithConditions(pros))
	mustCreate(tb, c, "rules", on(), flipper.WithConditions(adults, pros,
		carta.NewCondition(carta.In("country", "DE", "FR", "IT"), carta.NotEqual("beta", false), carta.Less("score", 0.5))))
	mustCreate(tb, c, "sticky", on(), flipper.WithBucketer(half))
	mustCreate(tb, c, "sticky on all", on(), flipper.WithBucketer(carta.NewConsistentHashBucketer(carta.FixedPercentage(0.5))))
	mustCreate(tb, c, "chance", on(), flipper.WithBucketer(chance))
	return c
}

// Asking for a flag that is in memory does not allocate, whatever the flag.
func TestAllocs(t *testing.T) {
	c := hotFlags(t)
	ctx := t.Context()
	within := flipper.WithAttrs(ctx, flipper.String("plan", "pro"), flipper.Int("age", 30), flipper.String("country", "FR"), flipper.Int("user_id", 1))
	pinned := flipper.WithPinnedFlags(within)
	plan, id := "pro", 7
	for _, name := range []string{"off", "plain", "rule", "rules", "sticky", "sticky on all", "chance", "nobody"} {
		flag := c.Flag(name)
		for what, ask := range map[string]func(){
			"by client": func() { c.IsEnabled(ctx, name) },
			"by client, attributes": func() {
				c.IsEnabled(ctx, name, flipper.String("plan", plan), flipper.Int("user_id", id), flipper.Int("age", 20), flipper.Float64("score", 0.1), flipper.Bool("beta", true))
			},
			"by client, attributes in the context": func() { c.IsEnabled(within, name) },
			"by client, attributes in both": func() {
				c.IsEnabled(within, name, flipper.String("plan", plan), flipper.Int("user_id", id))
			},
			"by client, default": func() { c.IsEnabledOr(within, name, true, flipper.Int("user_id", id)) },
			"by handle":          func() { flag.IsEnabled(ctx) },
			"by handle, attributes": func() {
				flag.IsEnabled(ctx, flipper.String("plan", plan), flipper.Int("user_id", id), flipper.Int("age", 20), flipper.Float64("score", 0.1), flipper.Bool("beta", true))
			},
			"by handle, attributes in the context": func() { flag.IsEnabled(within) },
			"by handle, default":                   func() { flag.IsEnabledOr(within, true, flipper.Int("user_id", id)) },
			"a handle made for it":                 func() { c.Flag(name).IsEnabled(within) },
			"pinned":                               func() { flag.IsEnabled(pinned, flipper.Int("user_id", id)) },
			"Evaluate":                             func() { flag.Evaluate(within, flipper.Int("user_id", id)) },
			"Choose":                               func() { flipper.Choose(within, flag, "on", "off", flipper.Int("user_id", id)) },
		} {
			// The first call of a name may: it reports what is missing, or pins.
			ask()
			if allocs := testing.AllocsPerRun(100, ask); allocs != 0 {
				t.Errorf("%q %s: %v allocations", name, what, allocs)
			}
		}
	}
}

// Asking for many flags at once allocates the answers.
func TestEvaluateNamesAllocs(t *testing.T) {
	c := hotFlags(t)
	ctx := t.Context()
	names := []string{"off", "plain", "rule", "rules", "sticky", "sticky on all", "chance"}
	ask := func() { c.EvaluateNames(ctx, names, flipper.Int("user_id", 7)) }
	if allocs := testing.AllocsPerRun(100, ask); allocs != 1 {
		t.Errorf("%v allocations", allocs)
	}
}

// A guarded function costs what the function does.
func TestGuardAllocs(t *testing.T) {
	c := hotFlags(t)
	echo := func(_ context.Context, n int) (int, error) { return n, nil }
	guarded := flipper.Guard(c.Flag("rule"), echo, echo)
	ctx := flipper.WithAttrs(t.Context(), flipper.String("plan", "pro"))
	call := func() {
		if _, err := guarded(ctx, 1); err != nil {
			t.Error(err)
		}
	}
	if allocs := testing.AllocsPerRun(100, call); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}
