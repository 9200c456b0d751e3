// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package rules_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/rules"
)

// TestExplainAgrees compares with the evaluation, for many requests.
func TestExplainAgrees(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	target := &rules.Target{Enabled: true, Rules: parse(t, "theme", page)}
	flags := flagsByName{"segment:beta": {Enabled: true, Rules: parse(t, "segment:beta",
		`{"version": 1, "off": "off", "default": "off", "rules": [{"if": [{"attribute": "user_id", "op": "lt", "values": [500]}], "serve": "on"}]}`)}}
	values := map[string][]any{
		"email": {"a@example.com", "b@example.org", 1, nil}, "country": {"DE", "AT", "CH", []string{"CH", "DE"}},
		"app": {"2.3.0", "v2.4", "x", 2}, "user_id": {1, 7, 42, 1001, "u", 1.5},
	}
	for range 2000 {
		r := &targeting.Request{Time: time.Unix(1796083200+random.Int64N(1e6), 0)}
		for name, of := range values {
			if random.IntN(3) > 0 {
				r.Attrs = append(r.Attrs, attr(name, of[random.IntN(len(of))]))
			}
		}
		d, err := rules.Evaluate(target, r, flags)
		steps := rules.Explain(target, r, flags)
		last := steps[len(steps)-1]
		if err != nil || last.Err != nil {
			t.Fatal(err, last.Err)
		}
		if decided := d.Rule >= 0; decided != last.Decided || decided && (last.Rule != d.Rule || last.Variant != d.Variant.Name) {
			t.Fatalf("%v: decided %+v, explained %+v", r.Attrs, d, steps)
		}
		for i, step := range steps {
			if step.Rule != i || !step.Decided && len(step.Tests) == 0 && step.Split == nil {
				t.Fatalf("%v: nothing is said of %+v", r.Attrs, step)
			}
		}
	}
}

func TestExplain(t *testing.T) {
	s := parse(t, "flag", `{"version": 1, "off": "off", "default": "off", "rules": [
		{"if": [{"any": [{"attribute": "plan", "op": "gt", "values": [1]}, {"attribute": "user_id", "op": "exists"}]}], "serve": "on"},
		{"if": [{"flag": "other", "is": ["on"]}], "serve": "on"},
		{"if": [{"flag": "nobody", "is": ["on"]}], "serve": "on"}]}`)
	r := &targeting.Request{Attrs: []targeting.Attr{attr("plan", "1")}}
	steps := rules.Explain(&rules.Target{Enabled: true, Rules: s}, r, flagsByName{"other": {}})
	if len(steps) != 3 {
		t.Fatalf("%d steps, want 3: %+v", len(steps), steps)
	}
	tests := steps[0].Tests
	if len(tests) != 2 || tests[0].Path != "rules[0].if[0].any[0]" || tests[0].Outcome != rules.NotComparable ||
		tests[0].Value.String() != `"1"` || tests[1].Condition.Attribute != "user_id" {
		t.Errorf("first rule: %+v", tests)
	}
	if tests := steps[1].Tests; len(tests) != 1 || tests[0].Variant != "off" {
		t.Errorf("second rule: %+v", tests)
	}
	if steps[2].Err == nil {
		t.Error("a flag that is missing is no error")
	}
}
