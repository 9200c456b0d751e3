// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipper_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/rules"
)

// answer keeps the compiler from dropping what is measured.
var answer atomic.Bool

// Of everything below, this is the floor: no flag can be asked for in less than
// a look into a map behind an atomic pointer.
func BenchmarkFloor(b *testing.B) {
	type flag struct{ enabled bool }
	var flags atomic.Pointer[map[string]*flag]
	held := map[string]*flag{"plain": {true}}
	for i := range 1000 {
		held[fmt.Sprintf("flag-%d", i)] = &flag{}
	}
	flags.Store(&held)
	name := "plain"
	b.Run("map", func(b *testing.B) {
		b.ReportAllocs()
		on := false
		for b.Loop() {
			f := (*flags.Load())[name]
			on = f != nil && f.enabled
		}
		answer.Store(on)
	})
	b.Run("map/parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			on := false
			for pb.Next() {
				f := (*flags.Load())[name]
				on = f != nil && f.enabled
			}
			answer.Store(on)
		})
	})
}

func BenchmarkIsEnabled(b *testing.B) {
	c := hotFlags(b)
	for i := range 1000 {
		mustCreate(b, c, fmt.Sprintf("flag-%d", i))
	}
	ctx := b.Context()
	plan, id := "pro", 7
	within := flipper.WithAttrs(ctx, flipper.String("plan", plan), flipper.Int("user_id", id))
	pinned := flipper.WithPinnedFlags(within)
	plain, rule, sticky := c.Flag("plain"), c.Flag("rule"), c.Flag("sticky")
	for _, bench := range []struct {
		name string
		ask  func() bool
	}{
		{"plain/name", func() bool { return c.IsEnabled(ctx, "plain") }},
		{"plain/handle", func() bool { return plain.IsEnabled(ctx) }},
		{"rule/name", func() bool { return c.IsEnabled(ctx, "rule", flipper.String("plan", plan)) }},
		{"rule/handle", func() bool { return rule.IsEnabled(ctx, flipper.String("plan", plan)) }},
		{"rule/context", func() bool { return c.IsEnabled(within, "rule") }},
		{"sticky/name", func() bool { id++; return c.IsEnabled(ctx, "sticky", flipper.Int("user_id", id)) }},
		{"sticky/handle", func() bool { id++; return sticky.IsEnabled(ctx, flipper.Int("user_id", id)) }},
		{"sticky/context", func() bool { return c.IsEnabled(within, "sticky") }},
		{"sticky/pinned", func() bool { return c.IsEnabled(pinned, "sticky") }},
		{"miss", func() bool { return c.IsEnabled(ctx, "nobody") }},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			on := false
			for b.Loop() {
				on = bench.ask()
			}
			answer.Store(on)
		})
	}
	b.Run("rule/parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			on := false
			for pb.Next() {
				on = c.IsEnabled(ctx, "rule", flipper.String("plan", plan))
			}
			answer.Store(on)
		})
	})
}

// Typed answers, beside boolean ones on the same work.
func BenchmarkValue(b *testing.B) {
	c := hotFlags(b)
	for i := range 1000 {
		mustCreate(b, c, fmt.Sprintf("flag-%d", i))
	}
	mustCreate(b, c, "one rule", on(), flipper.WithRules(rules.Definition{Default: "off", Rules: []rules.Rule{serving("on", rules.Is("plan", "pro"))}}))
	mustCreate(b, c, "constant", on(), flipper.WithRules(rules.Constant(targeting.Text("x"))))
	mustCreate(b, c, "constant object", on(), flipper.WithRules(rules.Constant(parsed(b, `{"Uploads": 1, "Tags": ["x"]}`))))
	mustCreate(b, c, "text", on(), flipper.WithRules(rules.Definition{
		Variants: []targeting.Variant{{Name: "a", Value: targeting.Text("a")}, {Name: "b", Value: targeting.Text("b")}},
		Off:      "a", Default: "a", Rules: []rules.Rule{serving("b", rules.Is("plan", "pro"))},
	}))
	mustCreate(b, c, "object", on(), flipper.WithRules(rules.Definition{
		Variants: []targeting.Variant{{Name: "a", Value: parsed(b, `{"Uploads": 1}`)}, {Name: "b", Value: parsed(b, `{"Uploads": 2}`)}},
		Off:      "a", Default: "a", Rules: []rules.Rule{serving("b", rules.Is("plan", "pro"))},
	}))
	ctx := b.Context()
	plan := "pro"
	plain, rule := c.Flag("plain"), c.Flag("one rule")
	text, object := flipper.DeclareString("text", "x"), flipper.DeclareObject("object", limit{})
	heldText, heldObject := text.Flag(c), object.Flag(c)
	constant := flipper.DeclareString("constant", "y").Flag(c)
	constantObject := flipper.DeclareObject("constant object", limit{}).Flag(c)
	for _, bench := range []struct {
		name string
		ask  func() bool
	}{
		{"constant/boolean", func() bool { return plain.IsEnabled(ctx) }},
		{"constant/text", func() bool { return constant.Value(ctx) == "x" }},
		{"constant/object", func() bool { return constantObject.Value(ctx).Uploads == 1 }},
		{"rule/boolean", func() bool { return rule.IsEnabled(ctx, flipper.String("plan", plan)) }},
		{"rule/text", func() bool { return heldText.Value(ctx, flipper.String("plan", plan)) == "b" }},
		{"rule/object", func() bool { return heldObject.Value(ctx, flipper.String("plan", plan)).Uploads == 2 }},
		{"name/boolean", func() bool { return c.IsEnabled(ctx, "one rule", flipper.String("plan", plan)) }},
		{"name/text", func() bool { return c.StringOr(ctx, "text", "x", flipper.String("plan", plan)) == "b" }},
		{"name/object", func() bool {
			return flipper.ObjectOr(ctx, c, "object", limit{}, flipper.String("plan", plan)).Uploads == 2
		}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			on := false
			for b.Loop() {
				on = bench.ask()
			}
			if answer.Store(on); !on {
				b.Error("the answer is not what it should be")
			}
		})
	}
}

func BenchmarkContext(b *testing.B) {
	ctx := b.Context()
	plan, id := "pro", 7
	b.Run("WithAttrs", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			flipper.WithAttrs(ctx, flipper.String("plan", plan), flipper.Int("user_id", id))
		}
	})
	b.Run("WithPinnedFlags", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			flipper.WithPinnedFlags(ctx)
		}
	})
	c := hotFlags(b)
	b.Run("first ask", func(b *testing.B) {
		b.ReportAllocs()
		on := false
		for b.Loop() {
			on = c.IsEnabled(flipper.WithPinnedFlags(ctx), "plain")
		}
		answer.Store(on)
	})
}
