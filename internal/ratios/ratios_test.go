// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// The race detector slows things by how often they touch memory, so that ratios
// say nothing; make bench-smoke runs these tests without it.
//go:build !race

package ratios_test

import (
	"crypto/sha1" //nolint:gosec // what the Python client's buckets are made of
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/internal/measure"
	"github.com/flipper-go/flipper/middleware"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/cached"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/store/mirror"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
	"github.com/flipper-go/flipper/targeting/rules"
)

// tenfold is what is forgiven: noise of a busy machine does not get there, since
// both sides of a ratio suffer from it.
const tenfold = 10

// filled returns a store with n flags that are on for all, one with a rule and one
// with a sticky rollout.
func filled(t *testing.T, n int) *memory.Store {
	t.Helper()
	s := memory.New()
	t.Cleanup(func() { _ = s.Close() })
	put := func(f *store.Flag) {
		if _, err := s.Put(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	for i := range n {
		put(&store.Flag{Name: name(i), Enabled: true})
	}
	put(&store.Flag{Name: "rule", Enabled: true, Conditions: []carta.Condition{carta.NewCondition(carta.Equal("plan", "pro"))}})
	put(&store.Flag{Name: "sticky", Enabled: true, Bucketer: carta.NewConsistentHashBucketer(carta.FixedPercentage(1), "user_id")})
	putRules := func(name string, rule rules.Rule) {
		d, err := rules.New(name, rules.Definition{
			Variants: []targeting.Variant{{Name: "grey", Value: targeting.Text("#888")}, {Name: "blue", Value: targeting.Text("#00f")}},
			Off:      "grey", Default: "grey", Rules: []rules.Rule{rule},
		})
		f := &store.Flag{Name: name, Enabled: true}
		if err == nil {
			err = f.SetRules(d)
		}
		if err != nil {
			t.Fatal(err)
		}
		put(f)
	}
	putRules("rules: rule", rules.Rule{If: rules.All(rules.Is("plan", "pro")), Serve: "blue"})
	putRules("rules: segment", rules.Rule{If: rules.All(rules.Flag("rules: rule", "blue")), Serve: "blue"})
	putRules("rules: sticky", rules.Rule{Split: rules.Percent("user_id", 100, "blue")})
	return s
}

func name(i int) string { return fmt.Sprintf("FLAG_%06d", i) }

// asked is how many flags are asked for in turn.
const asked = 16

func names(n int) (all [asked]string) {
	for i := range all {
		all[i] = strings.Clone(name(i * max(1, n/asked) % n))
	}
	return all
}

// row times what answers yes each time.
func row(name string, ask func(i int) bool) measure.Row {
	return measure.Row{Name: name, Serial: true, Run: func(n int) (yes int) {
		for i := range n {
			if ask(i) {
				yes++
			}
		}
		return yes
	}}
}

func TestRatios(t *testing.T) {
	const few, some, many = 10, 1_000, 100_000
	ctx := t.Context()
	small, middle, large := filled(t, few), filled(t, some), filled(t, many)
	flags := flipper.New(middle)
	byName := func(c *flipper.FeatureFlagClient, n int) func(i int) bool {
		all := names(n)
		return func(i int) bool { return c.IsEnabled(ctx, all[i%asked]) }
	}

	var floor atomic.Pointer[map[string]*store.Flag]
	held := map[string]*store.Flag{}
	for i := range some {
		held[name(i)] = &store.Flag{Enabled: true}
	}
	floor.Store(&held)
	cache, err := lru.New[string, *store.Flag](some)
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range held {
		cache.Add(name, f)
	}
	all := names(some)
	id, plan := "user-00042", "pro"
	hashed := fmt.Appendf(nil, `[["user_id", %q]]`, id)

	inCache := cached.New(middle)
	t.Cleanup(func() { _ = inCache.Close() })
	mirrored := mirror.New(middle)
	t.Cleanup(func() { _ = mirrored.Close() })
	if err := mirrored.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
	handle := flags.Flag(all[0])

	reached := 0
	handler := http.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached++ }))
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	through := func(h http.Handler) func(int) bool {
		return func(int) bool {
			before := reached
			h.ServeHTTP(nil, request)
			return reached == before+1
		}
	}
	change := func(s store.Store) func(i int) bool {
		all := names(few)
		return func(i int) bool {
			_, err := store.Update(ctx, s, all[i%asked], func(f *store.Flag) error {
				f.ClientData = targeting.JSON(fmt.Sprintf(`{"i": %d}`, time.Now().UnixNano()))
				return nil
			})
			return err == nil
		}
	}

	results, err := measure.Run(ctx, []measure.Row{
		row("map", func(i int) bool { f := (*floor.Load())[all[i%asked]]; return f != nil && f.Enabled }),
		row("lru", func(i int) bool { f, ok := cache.Get(all[i%asked]); return ok && f.Enabled }),
		row("sha1", func(int) bool { return sha1.Sum(hashed) != [sha1.Size]byte{} }), //nolint:gosec // see above
		row("memory", byName(flags, some)),
		row("mirror", byName(flipper.New(mirrored), some)),
		row("cached", byName(flipper.New(inCache), some)),
		row("handle", func(int) bool { return handle.IsEnabled(ctx) }),
		row("rule", func(int) bool { return flags.IsEnabled(ctx, "rule", flipper.String("plan", plan)) }),
		row("sticky", func(int) bool { return flags.IsEnabled(ctx, "sticky", flipper.String("user_id", id)) }),
		row("rules: rule", func(int) bool { return flags.IsEnabled(ctx, "rules: rule", flipper.String("plan", plan)) }),
		row("rules: text", func(int) bool { return flags.StringOr(ctx, "rules: rule", "", flipper.String("plan", plan)) == "#00f" }),
		row("rules: segment", func(int) bool { return flags.IsEnabled(ctx, "rules: segment", flipper.String("plan", plan)) }),
		row("rules: sticky", func(int) bool { return flags.IsEnabled(ctx, "rules: sticky", flipper.String("user_id", id)) }),
		row("10 flags", byName(flipper.New(small), few)),
		row("100,000 flags", byName(flipper.New(large), many)),
		row("change of 10", change(small)),
		row("change of 100,000", change(large)),
		row("handler", through(handler)),
		row("request copy", through(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			handler.ServeHTTP(w, r.WithContext(r.Context()))
		}))),
		row("guard", through(middleware.Require(handle)(handler))),
	}, measure.Options{Duration: 10 * time.Millisecond, Samples: 5})
	if err != nil {
		t.Fatal(err)
	}
	times := map[string]float64{}
	for _, r := range results {
		times[r.Name] = r.Nanoseconds()
	}
	for _, test := range []struct {
		what, floor string
		goal        float64
	}{
		{"memory", "map", 1.6},
		{"mirror", "map", 1.6},
		{"handle", "map", 0.5},
		{"cached", "lru", 1.5},
		{"rule", "map", 6},
		{"sticky", "sha1", 2.5},
		{"rules: rule", "map", 6},
		{"rules: text", "map", 6},
		{"rules: segment", "rules: rule", 4},
		{"rules: sticky", "map", 6},
		{"100,000 flags", "10 flags", 1.6},
		{"change of 100,000", "change of 10", 3},
		{"guard", "request copy", 3},
	} {
		ratio := times[test.what] / times[test.floor]
		t.Logf("%s: %.1f ns, %.2f times %s, goal %v", test.what, times[test.what], ratio, test.floor, test.goal)
		if ratio > tenfold*test.goal {
			t.Errorf("%s takes %.1f times as long as %s, the goal is %v", test.what, ratio, test.floor, test.goal)
		}
	}
}
