// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipper_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
	"github.com/flipper-go/flipper/targeting/rules"
)

func serving(variant string, conditions ...rules.Condition) rules.Rule {
	return rules.Rule{If: conditions, Serve: variant}
}

func TestRulesDecide(t *testing.T) {
	c := flipper.New(memory.New())
	flag, err := c.Create(t.Context(), "theme", flipper.WithEnabled(true), flipper.WithRules(rules.Definition{
		Variants: []targeting.Variant{{Name: "grey", Value: targeting.Text("#888")}, {Name: "blue", Value: targeting.Text("#00f")}},
		Off:      "grey", Default: "grey",
		Rules: []rules.Rule{{Name: "staff", If: rules.All(rules.EndsWith("email", "@example.com")), Serve: "blue"}},
	}))
	if err != nil {
		t.Fatal(err)
	}
	staff := flipper.String("email", "a@example.com")
	if got := c.StringOr(t.Context(), "theme", "none", staff); got != "#00f" {
		t.Errorf("staff gets %q", got)
	}
	if got := flag.StringOr(t.Context(), "none"); got != "#888" {
		t.Errorf("others get %q", got)
	}
	e := flag.Evaluate(t.Context(), staff)
	if !e.Enabled || e.Variant != "blue" || e.Value.String() != `"#00f"` || e.Rule != 0 || e.RuleName != "staff" || e.Reason != flipper.ReasonTargetingMatch || e.Err != nil {
		t.Errorf("evaluation %+v", e)
	}
	must(t, flag.Disable(t.Context()))
	if e := flag.Evaluate(t.Context(), staff); e.Enabled || e.Variant != "grey" || e.Reason != flipper.ReasonDisabled {
		t.Errorf("disabled: %+v", e)
	}
}

// TestEditRules edits the rules of a flag one by one.
func TestEditRules(t *testing.T) {
	c := flipper.New(memory.New())
	flag := c.Flag("flag")
	mustCreate(t, c, "flag", flipper.WithEnabled(true))
	want := func(names string) {
		t.Helper()
		d, err := flag.Rules(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, rule := range d.Rules {
			got = append(got, rule.Name)
		}
		if s := strings.Join(append(got, d.Default), " "); s != names {
			t.Errorf("rules and default %q, want %q", s, names)
		}
	}
	named := func(name string) rules.Rule {
		return rules.Rule{Name: name, If: rules.All(rules.Is("plan", name)), Serve: "on"}
	}
	want("on") // as it was, it is on for all
	must(t, flag.AddRule(t.Context(), named("b")))
	want("b off") // the first rule makes off the default
	must(t, flag.InsertRule(t.Context(), 0, named("a")))
	must(t, flag.AddRule(t.Context(), named("c")))
	want("a b c off")
	must(t, flag.MoveRule(t.Context(), 2, 0))
	want("c a b off")
	must(t, flag.ReplaceRule(t.Context(), 1, named("d")))
	must(t, flag.RemoveRule(t.Context(), 0))
	must(t, flag.SetDefault(t.Context(), "on"))
	want("d b on")
	must(t, flag.AddRule(t.Context(), named("e")))
	want("d b e on") // a default that was chosen stays

	before := mustGet(t, c, "flag")
	for name, err := range map[string]error{
		"position":      flag.RemoveRule(t.Context(), 3),
		"negative":      flag.InsertRule(t.Context(), -1, named("x")),
		"move":          flag.MoveRule(t.Context(), 0, 3),
		"variant":       flag.AddRule(t.Context(), serving("blue")),
		"default":       flag.SetDefault(t.Context(), "blue"),
		"serves none":   flag.AddRule(t.Context(), rules.Rule{Name: "x"}),
		"values":        flag.AddRule(t.Context(), serving("on", rules.Is("plan", struct{}{}))),
		"no values":     flag.AddRule(t.Context(), serving("on", rules.Is("plan"))),
		"regexp":        flag.AddRule(t.Context(), serving("on", rules.Matches("plan", "("))),
		"no condition":  flag.AddRule(t.Context(), serving("on", rules.Condition{})),
		"share":         flag.SetRollout(t.Context(), rules.Percent("user_id", 101, "on")),
		"missing flag":  flag.AddRule(t.Context(), serving("on", rules.InSegment("nobody"))),
		"asks itself":   flag.AddRule(t.Context(), serving("on", rules.Flag("flag", "on"))),
		"empty segment": flag.AddRule(t.Context(), serving("on", rules.Flag("other"))),
	} {
		if !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%s: %v does not match ErrInvalid", name, err)
		}
	}
	if mustGet(t, c, "flag") != before {
		t.Error("what was refused changed the flag")
	}
	if err := c.AddRule(t.Context(), "nobody", named("a")); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("no such flag: %v", err)
	}
}

func TestSetRollout(t *testing.T) {
	c := flipper.New(memory.New())
	flag := c.Flag("flag")
	mustCreate(t, c, "flag", flipper.WithEnabled(true))
	must(t, flag.AddRule(t.Context(), serving("on", rules.Is("plan", "pro"))))
	must(t, flag.SetRollout(t.Context(), rules.Percent("user_id", 10, "on")))
	must(t, flag.SetRollout(t.Context(), rules.Percent("user_id", 25, "on")))
	d, err := flag.Rules(t.Context())
	if err != nil || len(d.Rules) != 2 || d.Rollout().Shares[0].Share != 25_000 {
		t.Fatalf("%+v, %v", d, err)
	}
	on := 0
	for id := range 10_000 {
		if flag.IsEnabled(t.Context(), flipper.Int("user_id", id)) {
			on++
		}
	}
	if on < 2300 || on > 2700 {
		t.Errorf("25 %% are %d of 10,000", on)
	}
	must(t, flag.SetRollout(t.Context(), nil))
	if d, _ := flag.Rules(t.Context()); len(d.Rules) != 1 {
		t.Errorf("without rollout: %+v", d)
	}
}

// TestModels keeps the two models apart.
func TestModels(t *testing.T) {
	c := flipper.New(memory.New())
	mustCreate(t, c, "carta", flipper.WithConditions(carta.NewCondition(carta.Equal("plan", "pro"))))
	mustCreate(t, c, "rules", flipper.WithRules(rules.Definition{Default: "on"}))
	_, err := c.Rules(t.Context(), "carta")
	for name, err := range map[string]error{
		"rules of carta":     err,
		"rule to carta":      c.AddRule(t.Context(), "carta", serving("on")),
		"rollout of carta":   c.SetRollout(t.Context(), "carta", rules.Percent("user_id", 10, "on")),
		"condition to rules": c.AddCondition(t.Context(), "rules", carta.NewCondition(carta.Equal("plan", "pro"))),
		"conditions":         c.SetConditions(t.Context(), "rules"),
		"bucketer":           c.SetBucketer(t.Context(), "rules", carta.NoBucketer()),
	} {
		if !errors.Is(err, flipper.ErrModel) {
			t.Errorf("%s: %v does not match ErrModel", name, err)
		}
	}
	must(t, c.SetRules(t.Context(), "carta", rules.Definition{Default: "on"}))
	if f := mustGet(t, c, "carta"); len(f.Conditions) != 0 || f.Bucketer.IsNoOp() {
		t.Errorf("Python sees %s", f.Meta())
	}
	if _, err := c.Create(t.Context(), "both", flipper.WithRules(rules.Definition{Default: "on"}),
		flipper.WithBucketer(carta.NewPercentageBucketer(carta.FixedPercentage(0.5)))); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("both models: %v", err)
	}
}

func TestSegments(t *testing.T) {
	c := flipper.New(memory.New())
	segment, err := c.CreateSegment(t.Context(), "beta", rules.EndsWith("email", "@example.com"))
	if err != nil || segment.Name() != "segment:beta" || c.Segment("beta").Name() != "segment:beta" {
		t.Fatal(segment, err)
	}
	mustCreate(t, c, "flag", flipper.WithEnabled(true))
	must(t, c.AddRule(t.Context(), "flag", serving("on", rules.InSegment("beta"))))
	member, other := flipper.String("email", "a@example.com"), flipper.String("email", "a@example.org")
	for _, ctx := range []struct {
		name string
		ask  func(flipper.Attr) bool
	}{
		{"client", func(a flipper.Attr) bool { return c.IsEnabled(t.Context(), "flag", a) }},
		{"pinned", func(a flipper.Attr) bool { return c.IsEnabled(flipper.WithPinnedFlags(t.Context()), "flag", a) }},
		{"bulk", func(a flipper.Attr) bool { return c.EvaluateNames(t.Context(), []string{"flag"}, a)[0].Enabled }},
		{"all", func(a flipper.Attr) bool {
			all, err := c.EvaluateAll(t.Context(), a)
			return err == nil && all["flag"].Enabled
		}},
		{"asked", func(a flipper.Attr) bool { return flipper.New(plainStore{c.Store()}).IsEnabled(t.Context(), "flag", a) }},
		{"segment", func(a flipper.Attr) bool { return c.InSegment(t.Context(), "beta", a) }},
	} {
		if !ctx.ask(member) || ctx.ask(other) {
			t.Errorf("%s: member %t, other %t", ctx.name, ctx.ask(member), ctx.ask(other))
		}
	}
	for f, err := range c.Segments(t.Context()) {
		if err != nil || f.Name != "segment:beta" {
			t.Errorf("segments: %v, %v", f, err)
		}
	}
	if err := segment.Destroy(t.Context()); !errors.Is(err, flipper.ErrAsked) || !strings.Contains(err.Error(), "flag") {
		t.Errorf("destroy a segment that is asked: %v", err)
	}
	// A circle is refused, and so is a way that is too long.
	if err := segment.AddRule(t.Context(), serving("on", rules.Flag("flag", "on"))); !errors.Is(err, store.ErrInvalid) || !strings.Contains(err.Error(), "circle") {
		t.Errorf("circle: %v", err)
	}
	before := "segment:beta"
	for i := range 8 {
		name := "chain" + string(rune('a'+i))
		mustCreate(t, c, name, flipper.WithEnabled(true))
		err := c.AddRule(t.Context(), name, serving("on", rules.Flag(before, "on")))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		before = name
	}
	if !c.IsEnabled(t.Context(), before, member) {
		t.Error("a way of 8 is too long")
	}
	mustCreate(t, c, "longer")
	if err := c.AddRule(t.Context(), "longer", serving("on", rules.Flag(before, "on"))); !errors.Is(err, rules.ErrDepth) {
		t.Errorf("a way of 9: %v", err)
	}
	must(t, segment.Destroy(t.Context(), flipper.EvenIfAsked()))
	if e := c.Evaluate(t.Context(), "flag", member); !errors.Is(e.Err, store.ErrNotFound) || e.Enabled {
		t.Errorf("without the segment: %+v", e)
	}
}

// plainStore hides what a store can do beside the contract.
type plainStore struct{ store.Store }

// TestRulesBothWin changes rules and the switch at the same time, over and over.
func TestRulesBothWin(t *testing.T) {
	c := flipper.New(memory.New())
	mustCreate(t, c, "flag", flipper.WithEnabled(true))
	var writers sync.WaitGroup
	for i := range 8 {
		writers.Go(func() {
			for range 20 {
				if err := c.AddRule(t.Context(), "flag", serving("on", rules.Is("user_id", i))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Go(func() { must(t, c.Disable(t.Context(), "flag")) })
	writers.Wait()
	d, err := c.Rules(t.Context(), "flag")
	if err != nil || len(d.Rules) != 160 || mustGet(t, c, "flag").Enabled {
		t.Errorf("%d rules, enabled %t, %v", len(d.Rules), mustGet(t, c, "flag").Enabled, err)
	}
}

// TestPinnedSegments changes a segment during a request.
func TestPinnedSegments(t *testing.T) {
	c := flipper.New(memory.New())
	if _, err := c.CreateSegment(t.Context(), "beta", rules.Exists("user_id")); err != nil {
		t.Fatal(err)
	}
	mustCreate(t, c, "flag", flipper.WithEnabled(true), flipper.WithRules(rules.Definition{
		Default: "off", Rules: []rules.Rule{
			{
				If:    rules.All(rules.InSegment("beta"), rules.During(time.Time{}, time.Now().Add(time.Hour))),
				Split: &rules.Split{Shares: []rules.Share{{Variant: "on", Share: 50_000}}},
			},
		},
	}))
	user := flipper.Int("user_id", 1)
	for range 50 {
		ctx := flipper.WithPinnedFlags(t.Context())
		first := c.IsEnabled(ctx, "flag", user)
		must(t, c.Segment("beta").Disable(t.Context()))
		for range 5 {
			if c.IsEnabled(ctx, "flag", user) != first {
				t.Fatal("an answer changed within a request")
			}
		}
		must(t, c.Segment("beta").Enable(t.Context()))
	}
}

func TestRulesEvents(t *testing.T) {
	c := flipper.New(memory.New())
	mustCreate(t, c, "flag", flipper.WithEnabled(true))
	var told []flipper.Event
	stop := false
	c.Events().Subscribe(subscriberFunc(func(_ context.Context, e flipper.Event) error {
		told = append(told, e)
		if stop {
			return errors.New("no")
		}
		return nil
	}))
	must(t, c.AddRule(t.Context(), "flag", serving("on", rules.Is("plan", "pro"))))
	if len(told) != 2 || told[0].Type != flipper.PreSetRules || told[1].Type != flipper.PostSetRules ||
		len(told[0].Rules.Rules) != 1 || len(told[1].Rules.Rules) != 1 {
		t.Errorf("told %+v", told)
	}
	before := mustGet(t, c, "flag")
	stop = true
	if err := c.SetDefault(t.Context(), "flag", "on"); err == nil || mustGet(t, c, "flag") != before {
		t.Errorf("a handler could not stop the change: %v", err)
	}
}

func TestConvert(t *testing.T) {
	c := flipper.New(memory.New())
	mustCreate(t, c, "flag", flipper.WithEnabled(true), flipper.WithBucketer(carta.NewConsistentHashBucketer(carta.FixedPercentage(0.1), "user_id")))
	var before []bool
	for id := range 1000 {
		before = append(before, c.IsEnabled(t.Context(), "flag", flipper.Int("user_id", id)))
	}
	differences, err := c.Convert(t.Context(), "flag")
	if err != nil || len(differences) == 0 {
		t.Fatal(differences, err)
	}
	for id, was := range before {
		if is := c.IsEnabled(t.Context(), "flag", flipper.Int("user_id", id)); is != was {
			t.Fatalf("user %d was %t, is %t", id, was, is)
		}
	}
	if _, err := c.Convert(t.Context(), "flag"); !errors.Is(err, flipper.ErrModel) {
		t.Errorf("twice: %v", err)
	}
	mustCreate(t, c, "odd", flipper.WithConditions(carta.NewCondition(carta.Greater("version", "2024"))))
	stored := mustGet(t, c, "odd")
	if _, err := c.Convert(t.Context(), "odd"); !errors.Is(err, store.ErrInvalid) || mustGet(t, c, "odd") != stored {
		t.Errorf("what rules cannot express: %v", err)
	}
}

// TestReservedClientData keeps rules out of what users see and set.
func TestReservedClientData(t *testing.T) {
	c := flipper.New(memory.New())
	mustCreate(t, c, "flag", flipper.WithClientData(map[string]any{"owner": "web"}), flipper.WithRules(rules.Definition{Default: "on"}))
	before := mustGet(t, c, "flag").Rules().JSON()
	data, err := c.ClientData(t.Context(), "flag")
	if err != nil || len(data) != 1 || data["owner"] != "web" {
		t.Errorf("client data is %v, %v", data, err)
	}
	for _, key := range []string{"$rules", "$anything"} {
		err := c.SetClientData(t.Context(), "flag", map[string]any{"more": 1, key: map[string]any{}})
		_, createErr := c.Create(t.Context(), "other", flipper.WithClientData(map[string]any{key: nil}))
		if !errors.Is(err, store.ErrInvalid) || !strings.Contains(err.Error(), key) || !errors.Is(createErr, store.ErrInvalid) {
			t.Errorf("%s: %v, %v", key, err, createErr)
		}
	}
	must(t, c.SetClientData(t.Context(), "flag", map[string]any{"owner": "shop"}))
	if after := mustGet(t, c, "flag").Rules().JSON(); after != before {
		t.Errorf("setting client data changed the rules: %s, then %s", before, after)
	}
}
