// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package rules_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
	"github.com/flipper-go/flipper/targeting/rules"
)

var converted = time.Unix(1796000000, 0)

func convert(t *testing.T, conditions []carta.Condition, b carta.Bucketer) (rules.Ruleset, rules.Conversion) {
	t.Helper()
	c, err := rules.FromCarta(conditions, b, converted)
	if err != nil {
		t.Fatal(err)
	}
	s, err := rules.New("flag", c.Definition)
	if err != nil {
		t.Fatalf("%v, of %+v", err, c.Definition)
	}
	return s, c
}

func decide(t *testing.T, target rules.Target, at time.Time, attrs ...targeting.Attr) bool {
	t.Helper()
	target.Enabled = true
	d, err := rules.Evaluate(&target, &targeting.Request{Attrs: attrs, Time: at}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return d.Enabled
}

// TestNobodyChangesSides asks both models for many users.
func TestNobodyChangesSides(t *testing.T) {
	for _, p := range []carta.Percentage{
		carta.FixedPercentage(0), carta.FixedPercentage(0.1), carta.FixedPercentage(0.07), carta.FixedPercentage(0.995), carta.FixedPercentage(1),
		carta.LinearRamp(0, 1, converted.Add(-time.Hour), 2*time.Hour),
		carta.LinearRamp(0.2, 0.5, converted, 10*time.Hour),
		carta.LinearRamp(0, 0.1, converted.Add(-2*time.Hour), time.Hour),
	} {
		b := carta.NewConsistentHashBucketer(p, "user_id")
		s, c := convert(t, nil, b)
		for _, after := range []time.Duration{0, time.Minute, 17 * time.Minute, time.Hour, 10 * time.Hour, 1000 * time.Hour} {
			at := converted.Add(after + time.Second) // not at the moment when a bucket is about to change
			for id := range 1000 {
				for _, user := range []targeting.Attr{attr("user_id", id), attr("user_id", "u"+string(rune('a'+id%26))+strings.Repeat("x", id/26))} {
					was := decide(t, rules.Target{Bucketer: b}, at, user)
					if is := decide(t, rules.Target{Rules: s}, at, user); is != was {
						t.Fatalf("%s after %v: %v was %t, is %t, by %s", p, after, user, was, is, s)
					}
				}
			}
		}
		was, is := decide(t, rules.Target{Bucketer: b}, converted), decide(t, rules.Target{Rules: s}, converted)
		if says := strings.Contains(strings.Join(c.Differences, " "), "were on"); is || says != was {
			t.Errorf("%s: without user_id %t, then %t, said %t: %q", p, was, is, says, c.Differences)
		}
	}
}

// TestConditionsConvert asks both models for requests that give all attributes, in the
// kinds that the checks compare.
func TestConditionsConvert(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	checks := []carta.Check{
		carta.Equal("country", "DE"), carta.NotEqual("country", "DE"), carta.In("country", "DE", "AT"), carta.NotIn("country", "DE", "AT"),
		carta.NewCheck("country", carta.OpNotIn, []any{}), carta.NewCheck("country", carta.OpIn, map[string]any{"DE": 1, "CH": 2}),
		carta.Greater("age", 18), carta.GreaterOrEqual("age", 18.5), carta.Less("age", 65), carta.LessOrEqual("age", 30),
		carta.Equal("age", 20), carta.NotEqual("admin", true), carta.Equal("admin", true), carta.NotEqual("age", nil), carta.NotEqual("/a~b", "x"),
	}
	for range 500 {
		var conditions []carta.Condition
		for range 1 + random.IntN(3) {
			conditions = append(conditions, carta.NewCondition(checks[random.IntN(len(checks))], checks[random.IntN(len(checks))]))
		}
		b := carta.NoBucketer()
		if random.IntN(2) == 0 {
			b = carta.NewConsistentHashBucketer(carta.FixedPercentage(0.5), "user_id")
		}
		s, c := convert(t, conditions, b)
		for range 20 {
			attrs := []targeting.Attr{
				attr("country", []any{"DE", "AT", "CH"}[random.IntN(3)]), attr("age", []any{17, 18, 18.5, 20, 30, 64, 65.5, 70}[random.IntN(8)]),
				attr("admin", random.IntN(2) == 0), attr("/a~b", []any{"x", "y"}[random.IntN(2)]), attr("user_id", random.IntN(1000)),
			}
			was := decide(t, rules.Target{Conditions: conditions, Bucketer: b}, converted, attrs...)
			if is := decide(t, rules.Target{Rules: s}, converted, attrs...); is != was {
				t.Fatalf("%v for %v was %t, is %t by %s", conditions, attrs, was, is, s)
			}
		}
		was, is := decide(t, rules.Target{Conditions: conditions, Bucketer: b}, converted), decide(t, rules.Target{Rules: s}, converted)
		if was != is && !strings.Contains(strings.Join(c.Differences, " "), "without any attributes") {
			t.Fatalf("%v: without attributes %t, then %t: %q", conditions, was, is, c.Differences)
		}
	}
}

func TestConvertRefuses(t *testing.T) {
	parsed := func(text targeting.JSON) carta.Bucketer {
		b, err := carta.ParseBucketer(text, converted)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for want, c := range map[string]struct {
		condition carta.Check
		bucketer  carta.Bucketer
	}{
		"order of":           {carta.Greater("version", "2024"), carta.NoBucketer()},
		"part of a text":     {carta.NewCheck("a", carta.OpIn, "abc"), carta.NoBucketer()},
		"empty list":         {carta.NewCheck("a", carta.OpIn, []any{}), carta.NoBucketer()},
		"list that has null": {carta.In("a", "x", nil), carta.NoBucketer()},
		"with an object":     {carta.Equal("a", map[string]any{"b": 1}), carta.NoBucketer()},
		"all attributes":     {bucketer: carta.NewConsistentHashBucketer(carta.FixedPercentage(0.5))},
		"a and b together":   {bucketer: carta.NewConsistentHashBucketer(carta.FixedPercentage(0.5), "a", "b")},
		"is no number":       {bucketer: parsed(`{"type": "PercentageBucketer", "percentage": {"type": "Percentage", "value": "x"}}`)},
		"no number":          {bucketer: parsed(`{"type": "PercentageBucketer", "percentage": {"type": "LinearRampPercentage", "initial_value": "x", "initial_time": 5}}`)},
	} {
		var conditions []carta.Condition
		if c.bucketer.IsNoOp() {
			conditions = []carta.Condition{carta.NewCondition(c.condition)}
		}
		_, err := rules.FromCarta(conditions, c.bucketer, converted)
		if !errors.Is(err, targeting.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
}
