// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package rules_test

import (
	"testing"

	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/rules"
)

func TestReasons(t *testing.T) {
	d := colours(
		rules.Rule{Name: "staff", If: rules.All(rules.Is("staff", true)), Serve: "blue"},
		rules.Rule{If: rules.All(rules.Is("plan", "pro")), Serve: "grey"},
		rules.Rule{Name: "trial", Split: rules.Percent("user_id", 100, "red")},
	)
	flag, disabled := target(t, "flag", d), target(t, "flag", d)
	disabled.Enabled = false
	d.Default = "red"
	d.Rules = nil
	static := target(t, "flag", d)
	unreadable := rules.Unreadable("{}", errUnreadable)
	for _, test := range []struct {
		about   string
		target  *rules.Target
		attrs   []targeting.Attr
		enabled bool
		variant string
		reason  targeting.Reason
		rule    int
		name    string
		err     error
	}{
		{"disabled", disabled, []targeting.Attr{attr("staff", true)}, false, "grey", targeting.ReasonDisabled, -1, "", nil},
		{"a rule", flag, []targeting.Attr{attr("staff", true)}, true, "blue", targeting.ReasonTargetingMatch, 0, "staff", nil},
		{"a rule that serves off", flag, []targeting.Attr{attr("plan", "pro"), attr("user_id", 1)}, false, "grey", targeting.ReasonTargetingMatch, 1, "", nil},
		{"a split", flag, []targeting.Attr{attr("user_id", 1)}, true, "red", targeting.ReasonSplit, 2, "trial", nil},
		{"the default", flag, nil, false, "grey", targeting.ReasonDefault, -1, "", nil},
		{"no rules", static, nil, true, "red", targeting.ReasonStatic, -1, "", nil},
		{"unreadable", &rules.Target{Enabled: true, Rules: unreadable}, nil, false, "", targeting.ReasonError, -1, "", errUnreadable},
		{"unreadable and disabled", &rules.Target{Rules: unreadable}, nil, false, "", targeting.ReasonDisabled, -1, "", nil},
	} {
		d, err := rules.Evaluate(test.target, request(test.attrs...), nil)
		got := ""
		if d.Variant != nil {
			got = d.Variant.Name
		}
		if d.Enabled != test.enabled || got != test.variant || d.Reason != test.reason || d.Rule != test.rule || d.RuleName != test.name || err != test.err {
			t.Errorf("%s: %+v, variant %q, %v", test.about, d, got, err)
		}
	}
}

// TestEnabled shows when a flag is on: a boolean by its value, others if they do not
// serve the off variant.
func TestEnabled(t *testing.T) {
	boolean := rules.Definition{
		Variants: []targeting.Variant{{Name: "yes", Value: targeting.Bool(true)}, {Name: "no", Value: targeting.Bool(false)}, {Name: "never", Value: targeting.Bool(false)}},
		Off:      "no",
	}
	for variant, want := range map[string]bool{"yes": true, "no": false, "never": false} {
		boolean.Default = variant
		if d, err := rules.Evaluate(target(t, "flag", boolean), request(), nil); err != nil || d.Enabled != want {
			t.Errorf("boolean, %s: %+v, %v", variant, d, err)
		}
	}
	numbers := rules.Definition{
		Variants: []targeting.Variant{{Name: "none", Value: targeting.Int(0)}, {Name: "zero", Value: targeting.Float(0)}, {Name: "some", Value: targeting.Int(5)}},
		Off:      "none",
	}
	for variant, want := range map[string]bool{"none": false, "zero": true, "some": true} {
		numbers.Default = variant
		if d, err := rules.Evaluate(target(t, "flag", numbers), request(), nil); err != nil || d.Enabled != want {
			t.Errorf("numbers, %s: %+v, %v", variant, d, err)
		}
	}
}

// TestOrder shows that the first rule that serves decides, and that a rule without
// conditions holds.
func TestOrder(t *testing.T) {
	first, second := rules.Rule{If: rules.All(rules.Is("a", 1)), Serve: "blue"}, rules.Rule{Serve: "red"}
	flag := target(t, "flag", colours(first, second))
	if got := serve(t, flag, request(attr("a", 1)), nil); got != "blue" {
		t.Errorf("the first rule: %s", got)
	}
	if got := serve(t, flag, request(), nil); got != "red" {
		t.Errorf("the second rule: %s", got)
	}
	flag = target(t, "flag", colours(second, first))
	if got := serve(t, flag, request(attr("a", 1)), nil); got != "red" {
		t.Errorf("the rule without conditions is not first: %s", got)
	}
}
