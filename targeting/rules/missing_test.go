// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package rules_test

import (
	"testing"

	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/rules"
)

// everyTest is one test of an attribute a for each operator, exists apart.
func everyTest() []rules.Condition {
	var tests []rules.Condition
	for _, op := range rules.Operators() {
		switch op {
		case rules.OpExists:
		case rules.OpIs, rules.OpContains, rules.OpStartsWith, rules.OpEndsWith, rules.OpMatches:
			tests = append(tests, rules.Test("a", op, "x"))
		case rules.OpGreater, rules.OpGreaterOrEqual, rules.OpLess, rules.OpLessOrEqual:
			tests = append(tests, rules.Test("a", op, 1))
		case rules.OpBefore, rules.OpAfter:
			tests = append(tests, rules.Test("a", op, "2026-12-01T00:00:00Z"))
		case rules.OpInNetwork:
			tests = append(tests, rules.InNetwork("a", "0.0.0.0/0", "::/0"))
		default:
			tests = append(tests, rules.Test("a", op, "2.4.0"))
		}
	}
	return append(
		tests,
		rules.Is("a", 1), rules.Is("a", true), rules.Is("a", "x", 1, false), rules.Is("a", "x", "y"),
		rules.InRange("a", "", 0, rules.Buckets), rules.InRange("a", "", 0, 1),
		rules.Condition{Share: &rules.Range{By: "a", Hash: rules.HashCarta, To: rules.Buckets}},
	)
}

// TestMissing shows that a request is never let in by an attribute that it lacks, nor
// by one that cannot be compared.
func TestMissing(t *testing.T) {
	for _, test := range everyTest() {
		for _, c := range []rules.Condition{test, rules.Not(test)} {
			flag := onIf(t, c)
			for _, attrs := range [][]targeting.Attr{nil, {attr("b", "x")}, {attr("A", "x")}} {
				if got := serve(t, flag, request(attrs...), nil); got != "off" {
					t.Errorf("%s holds without a, for %v", c, attrs)
				}
			}
			for _, value := range anyKind {
				if got := serve(t, flag, request(attr("a", value)), nil); got != "off" {
					t.Errorf("%s holds for %v", c, attr("a", value).Value)
				}
			}
		}
	}
}

// TestMissingOverridden shows that the last attribute of a name counts, also if it is
// null.
func TestMissingOverridden(t *testing.T) {
	flag := onIf(t, rules.Is("a", "x"))
	if got := serve(t, flag, request(attr("a", "x"), attr("a", nil)), nil); got != "off" {
		t.Errorf("null does not take the place of what was given before: %s", got)
	}
	r := &targeting.Request{Inherited: []targeting.Attr{attr("a", "y")}, Attrs: []targeting.Attr{attr("a", "x")}, Time: at}
	if got := serve(t, flag, r, nil); got != "on" {
		t.Errorf("an attribute of the call does not win over one of the context: %s", got)
	}
}

func TestExists(t *testing.T) {
	exists := rules.Exists("a")
	for _, value := range []any{"", "x", 0, false, 1.5, map[string]any{}, []any{nil}, []any{[]any{}}, notANumber} {
		if a := attr("a", value); !holds(t, exists, a) || holds(t, rules.Not(exists), a) {
			t.Errorf("%v does not exist", a.Value)
		}
	}
	for _, attrs := range [][]targeting.Attr{nil, {attr("a", nil)}, {attr("a", []any{})}, {attr("b", 1)}} {
		if holds(t, exists, attrs...) || !holds(t, rules.Not(exists), attrs...) {
			t.Errorf("a exists in %v", attrs)
		}
	}
}

// TestMissingSplit shows that a split and a rule behind it see who is not in it.
func TestMissingSplit(t *testing.T) {
	d := boolean(rules.Rule{Split: rules.Percent("user_id", 100, "on")})
	for _, hash := range []rules.Hash{"", rules.HashXXH64, rules.HashCarta} {
		d.Rules[0].Split.Hash = hash
		flag := target(t, "flag", d)
		for _, attrs := range [][]targeting.Attr{
			nil,
			{attr("user_id", nil)},
			{attr("user_id", "")},
			{attr("user_id", []any{})},
			{attr("user_id", []any{"u"})},
			{attr("user_id", map[string]any{"id": 1})},
			{attr("user_id", true)},
			{attr("user_id", 1.5)},
			{attr("user_id", notANumber)},
			{attr("user_id", 1<<53+0.0)},
			{attr("user_id", "a\xff")},
		} {
			if d, err := rules.Evaluate(flag, request(attrs...), nil); err != nil || d.Enabled || d.Reason != targeting.ReasonDefault {
				t.Errorf("hash %q, %v: %+v, %v", hash, attrs, d, err)
			}
		}
	}
}
