// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package rules_test

import (
	"math"
	"testing"
	"time"

	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/rules"
)

var (
	notANumber = math.NaN()
	infinite   = math.Inf(1)
)

// at is the time of the requests of tests.
var at = time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)

// boolean returns the definition of a boolean flag that is off by default.
func boolean(list ...rules.Rule) rules.Definition {
	return rules.Definition{Default: "off", Rules: list}
}

// onIf returns a flag that is on where conditions hold.
func onIf(tb testing.TB, conditions ...rules.Condition) *rules.Target {
	tb.Helper()
	return target(tb, "flag", boolean(rules.Rule{If: conditions, Serve: "on"}))
}

// target returns an enabled flag.
func target(tb testing.TB, name string, d rules.Definition) *rules.Target {
	tb.Helper()
	s, err := rules.New(name, d)
	if err != nil {
		tb.Fatal(err)
	}
	return &rules.Target{Enabled: true, Rules: s}
}

func request(attrs ...targeting.Attr) *targeting.Request {
	return &targeting.Request{Attrs: attrs, Time: at}
}

// serve returns the name of the variant that a flag serves.
func serve(tb testing.TB, t *rules.Target, r *targeting.Request, flags rules.Flags) string {
	tb.Helper()
	d, err := rules.Evaluate(t, r, flags)
	if err != nil {
		tb.Fatal(err)
	}
	return d.Variant.Name
}

// holds reports whether a condition holds for attributes.
func holds(tb testing.TB, c rules.Condition, attrs ...targeting.Attr) bool {
	tb.Helper()
	return serve(tb, onIf(tb, c), request(attrs...), nil) == "on"
}

// A comparison is an operator with values, and attributes to compare.
type comparison struct {
	op     rules.Operator
	values []any
	passes []any
	fails  []any // these pass the negated test
	never  []any // these cannot be compared, and pass neither
}

// check compares each attribute, alone and as the element of a list, with the test
// and its negation.
func (c comparison) check(t *testing.T) {
	t.Helper()
	test := rules.Test("a", c.op, c.values...)
	plain, negated := onIf(t, test), onIf(t, rules.Not(test))
	for _, group := range []struct {
		values      []any
		pass, other string
	}{{c.passes, "on", "off"}, {c.fails, "off", "on"}, {c.never, "off", "off"}} {
		for _, value := range group.values {
			a := attr("a", value)
			if got := serve(t, plain, request(a), nil); got != group.pass {
				t.Errorf("%s of %v: %s, want %s", test, a.Value, got, group.pass)
			}
			if got := serve(t, negated, request(a), nil); got != group.other {
				t.Errorf("%s, negated, of %v: %s, want %s", test, a.Value, got, group.other)
			}
			if a.Value.Kind() == targeting.KindList || a.Value.Kind() == targeting.KindObject {
				continue
			}
			a.Value = targeting.List(a.Value)
			if got := serve(t, plain, request(a), nil); got != group.pass {
				t.Errorf("%s of %v: %s, want %s", test, a.Value, got, group.pass)
			}
			if got := serve(t, negated, request(a), nil); got != group.other {
				t.Errorf("%s, negated, of %v: %s, want %s", test, a.Value, got, group.other)
			}
		}
	}
}

// anyKind are attributes that only exists can make something of.
var anyKind = []any{nil, []any{}, map[string]any{}, map[string]any{"x": 1}, []any{nil}, []any{[]any{}}, []any{[]any{"x"}}, notANumber, infinite, -infinite}
