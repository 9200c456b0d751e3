// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipper_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/rules"
)

// hotRules are flags with rules, by what they are about.
func hotRules(tb testing.TB) (*flipper.FeatureFlagClient, []string) {
	tb.Helper()
	c := newClient(tb)
	var names []string
	create := func(name string, d rules.Definition) {
		mustCreate(tb, c, name, on(), flipper.WithRules(d))
		names = append(names, name)
	}
	boolean := func(list ...rules.Rule) rules.Definition { return rules.Definition{Default: "off", Rules: list} }
	onIf := func(conditions ...rules.Condition) rules.Definition { return boolean(serving("on", conditions...)) }
	theme := rules.Definition{
		Variants: []targeting.Variant{{Name: "grey", Value: targeting.Text("#888")}, {Name: "blue", Value: targeting.Text("#00f")}, {Name: "red", Value: targeting.Text("#f00")}},
		Off:      "grey", Default: "grey",
	}
	create("segment:pro", onIf(rules.Is("plan", "pro")))
	create("segment", onIf(rules.InSegment("pro")))
	create("one rule", onIf(rules.Is("plan", "pro")))
	create("sticky", boolean(rules.Rule{Split: rules.Percent("user_id", 10, "on")}))
	create("random", boolean(rules.Rule{Split: rules.Percent("", 10, "on")}))
	theme.Rules = []rules.Rule{{Split: &rules.Split{By: "user_id", Shares: []rules.Share{{Variant: "red", Share: 33_333}, {Variant: "blue", Share: 33_333}}}}}
	create("three-way", theme)
	theme.Rules = []rules.Rule{serving("blue", rules.Is("plan", "pro"))}
	create("string", theme)
	create("number", rules.Definition{
		Variants: []targeting.Variant{{Name: "few", Value: targeting.Int(5)}, {Name: "many", Value: targeting.Int(50)}},
		Off:      "few", Default: "few", Rules: []rules.Rule{serving("many", rules.Is("plan", "pro"))},
	})
	var twenty []rules.Rule
	for i := range 20 {
		twenty = append(twenty, serving("on", rules.Is("country", fmt.Sprint("C", i))))
	}
	create("20 rules", boolean(twenty...))
	ids := make([]string, 1000)
	for i := range ids {
		ids[i] = fmt.Sprint("user-", i)
	}
	create("list", onIf(rules.Is("user_id", ids)))
	create("expression", onIf(rules.Matches("plan", "^p[a-z]+$")))
	create("version", onIf(rules.Version("app", rules.OpVersionLess, "2.4.0")))
	create("network", onIf(rules.InNetwork("ip", "10.0.0.0/8")))
	create("time", onIf(rules.During(time.Unix(0, 0), time.Time{}), rules.After("since", time.Unix(0, 0))))
	return c, names
}

// TestRulesAllocs shows that asking for a flag that is in memory does not allocate,
// whatever its rules.
func TestRulesAllocs(t *testing.T) {
	c, names := hotRules(t)
	ctx := t.Context()
	within := flipper.WithAttrs(ctx, flipper.String("plan", "pro"), flipper.String("country", "C19"), flipper.String("ip", "10.1.2.3"))
	pinned := flipper.WithPinnedFlags(within)
	plan, id := "pro", "user-7"
	for _, name := range names {
		flag := c.Flag(name)
		for what, ask := range map[string]func(){
			"IsEnabled": func() { c.IsEnabled(ctx, name) },
			"IsEnabled, attributes": func() {
				c.IsEnabled(ctx, name, flipper.String("plan", plan), flipper.String("user_id", id), flipper.String("app", "2.3.0"), flipper.Int("since", 7), flipper.String("ip", "10.1.2.3"), flipper.String("country", "C19"))
			},
			"IsEnabled, attributes in both": func() { c.IsEnabled(within, name, flipper.String("user_id", id)) },
			"by handle":                     func() { flag.IsEnabled(within, flipper.String("user_id", id)) },
			"pinned":                        func() { flag.IsEnabled(pinned, flipper.String("user_id", id)) },
			"Evaluate":                      func() { c.Evaluate(within, name, flipper.String("user_id", id)) },
			"Evaluate, pinned":              func() { c.Evaluate(pinned, name, flipper.String("user_id", id)) },
		} {
			ask() // the first one may allocate: it pins
			if allocs := testing.AllocsPerRun(100, ask); allocs != 0 {
				t.Errorf("%q %s: %v allocations", name, what, allocs)
			}
		}
	}
	for _, name := range []string{"string", "three-way"} {
		flag := c.Flag(name)
		for what, ask := range map[string]func(){
			"StringOr":            func() { c.StringOr(ctx, name, "none", flipper.String("plan", plan), flipper.String("user_id", id)) },
			"StringOr, by handle": func() { flag.StringOr(within, "none", flipper.String("user_id", id)) },
			"StringOr, pinned":    func() { flag.StringOr(pinned, "none", flipper.String("user_id", id)) },
		} {
			ask()
			if allocs := testing.AllocsPerRun(100, ask); allocs != 0 {
				t.Errorf("%q %s: %v allocations", name, what, allocs)
			}
		}
	}
	size := c.Flag("number")
	for what, ask := range map[string]func(){
		"IntOr":              func() { c.IntOr(ctx, "number", 1, flipper.String("plan", plan)) },
		"IntOr, by handle":   func() { size.IntOr(ctx, 1, flipper.String("plan", plan)) },
		"FloatOr":            func() { c.FloatOr(ctx, "number", 1, flipper.String("plan", plan)) },
		"FloatOr, by handle": func() { size.FloatOr(ctx, 1, flipper.String("plan", plan)) },
	} {
		if allocs := testing.AllocsPerRun(100, ask); allocs != 0 {
			t.Errorf("%s: %v allocations", what, allocs)
		}
	}
	create := func(name string, values ...targeting.Value) { mustCreate(t, c, name, on(), withValues(values...)) }
	create("limits", parsed(t, `{"Uploads": 1}`), parsed(t, `{"Uploads": 2}`))
	mustCreate(t, c, "constant", on(), flipper.WithRules(rules.Constant(targeting.Text("x"))))
	create("constant object", parsed(t, `{"Uploads": 1}`))
	must(t, c.RemoveRule(ctx, "limits", 0))
	must(t, c.AddRule(ctx, "limits", serving("b", rules.Is("plan", "pro"))))
	theme, number, limits := flipper.DeclareString("string", "x"), flipper.DeclareFloat("number", 1), flipper.DeclareObject("limits", limit{})
	constant, object, missing := flipper.DeclareString("constant", "y"), flipper.DeclareObject("constant object", limit{}), flipper.DeclareInt("nobody", 1)
	heldTheme, heldNumber, heldLimits := theme.Flag(c), number.Flag(c), limits.Flag(c)
	heldConstant, heldObject, heldMissing := constant.Flag(c), object.Flag(c), missing.Flag(c)
	strict := theme.Flag(c).WithRequiredAttributes("plan")
	for what, ask := range map[string]func(){
		"text":              func() { theme.Value(ctx, c, flipper.String("plan", plan)) },
		"text, held":        func() { heldTheme.Value(ctx, flipper.String("plan", plan)) },
		"text, in both":     func() { heldTheme.Value(within, flipper.String("user_id", id)) },
		"text, pinned":      func() { heldTheme.Value(pinned, flipper.String("user_id", id)) },
		"text, required":    func() { strict.Value(ctx, flipper.String("plan", plan)) },
		"text, Evaluate":    func() { heldTheme.Evaluate(within, flipper.String("user_id", id)) },
		"number":            func() { number.Value(ctx, c, flipper.String("plan", plan)) },
		"number, held":      func() { heldNumber.Value(ctx, flipper.String("plan", plan)) },
		"object":            func() { limits.Value(ctx, c, flipper.String("plan", plan)) },
		"object, held":      func() { heldLimits.Value(ctx, flipper.String("plan", plan)) },
		"object, pinned":    func() { heldLimits.Value(pinned, flipper.String("user_id", id)) },
		"object, ObjectOr":  func() { flipper.ObjectOr(ctx, c, "limits", limit{}, flipper.String("plan", plan)) },
		"object, Evaluate":  func() { heldLimits.Evaluate(within, flipper.String("user_id", id)) },
		"constant":          func() { constant.Value(ctx, c, flipper.String("plan", plan)) },
		"constant, held":    func() { heldConstant.Value(ctx, flipper.String("plan", plan)) },
		"constant, object":  func() { heldObject.Value(ctx, flipper.String("plan", plan)) },
		"missing":           func() { missing.Value(ctx, c, flipper.String("plan", plan)) },
		"missing, held":     func() { heldMissing.Value(ctx, flipper.String("plan", plan)) },
		"missing, ObjectOr": func() { flipper.ObjectOr(ctx, c, "nobody", limit{}, flipper.String("plan", plan)) },
	} {
		ask()
		if allocs := testing.AllocsPerRun(100, ask); allocs != 0 {
			t.Errorf("a declared value, %s: %v allocations", what, allocs)
		}
	}
	// Many at once allocate the answers, and where their conditions find other flags.
	many := func() { c.EvaluateNames(within, names, flipper.String("user_id", id)) }
	if allocs := testing.AllocsPerRun(100, many); allocs > 2 {
		t.Errorf("EvaluateNames: %v allocations", allocs)
	}
}
