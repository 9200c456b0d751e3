// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package rules_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/rules"
)

// noTimes are texts that are no time as the rules write it.
var noTimes = []any{
	"", "tomorrow", "2026-12-01", "2026-12-01T00:00:00", "2026-12-01t00:00:00Z", "2026-12-01T00:00:00z", "2026-12-01 00:00:00Z", "2026-12-01T00:00Z", "2026-12-01T24:00:00Z",
	"2026-12-01T23:59:60Z", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-12-00T00:00:00Z", "2026-12-32T00:00:00Z", "26-12-01T00:00:00Z",
	"12026-12-01T00:00:00Z", "2026-12-01T00:00:00.Z", "2026-12-01T00:00:00,5Z", "2026-12-01T00:00:00.1234567890Z", "2026-12-01T00:00:00+0100", "2026-12-01T00:00:00+24:00",
	"2026-12-01T00:00:00+01:60", "2026-12-01T00:00:00+1:00", "2026-12-01T00:00:00Z ", " 2026-12-01T00:00:00Z", "1796083200",
}

func TestTimes(t *testing.T) {
	const first = "2026-12-01T00:00:00Z" // 1796083200
	never := append(append([]any{true, false}, noTimes...), anyKind...)
	same := []any{
		first, "2026-12-01T00:00:00.0Z", "2026-12-01T00:00:00.000000000Z", "2026-12-01T01:30:00+01:30", "2026-11-30T23:00:00-01:00", "2026-12-01T00:00:00-00:00", 1796083200, 1796083200.0,
	}
	before := []any{
		"2026-11-30T23:59:59.999999999Z", "2026-12-01T00:00:00+00:01", "0000-01-01T00:00:00Z", "2024-02-29T00:00:00Z", 1796083199, 1796083199.9999998, 0, -1, -1e300, json.Number("-" + huge),
	}
	behind := []any{"2026-12-01T00:00:00.000000001Z", "9999-12-31T23:59:59Z", 1796083201, 1796083200.0000002, 1e300, json.Number(huge)}
	for _, c := range []comparison{
		{op: rules.OpBefore, values: []any{first}, passes: before, fails: append(same, behind...), never: never},
		{op: rules.OpAfter, values: []any{first}, passes: behind, fails: append(same, before...), never: never},
		{op: rules.OpAfter, values: []any{"2026-12-01T01:00:00+01:00"}, passes: behind, fails: same},
		{op: rules.OpBefore, values: []any{"2026-01-01T00:00:00Z", first}, passes: before, fails: same},
		// A number of seconds counts by its exact value: this double is a little less.
		{op: rules.OpBefore, values: []any{"2023-11-14T22:13:20.1Z"}, passes: []any{1700000000.1}, fails: []any{"2023-11-14T22:13:20.1Z", 1700000000.25}},
		{op: rules.OpAfter, values: []any{"1970-01-01T00:00:00Z"}, passes: []any{5e-324, 1e-300}, fails: []any{0.0, -5e-324}},
		{op: rules.OpBefore, values: []any{"1970-01-01T00:00:00Z"}, passes: []any{-5e-324, -1}, fails: []any{0.0, 5e-324}},
		{op: rules.OpAfter, values: []any{"1969-12-31T23:59:59.5Z"}, passes: []any{-0.25, 0}, fails: []any{-0.5, -0.75}},
	} {
		c.check(t)
	}
	for _, value := range noTimes {
		refused(t, boolean(rules.Rule{If: rules.All(rules.Test("a", rules.OpAfter, value)), Serve: "on"}), "rules[0].if[0].values[0]", "is no time: write it as in 2026-12-01T08:00:00Z")
	}
}

func TestPeriods(t *testing.T) {
	from, until := at, at.Add(time.Hour)
	for _, test := range []struct {
		period rules.Condition
		at     time.Time
		holds  bool
	}{
		{rules.During(from, until), from.Add(-1), false},
		{rules.During(from, until), from, true},
		{rules.During(from, until), until.Add(-1), true},
		{rules.During(from, until), until, false},
		{rules.During(from, time.Time{}), from.Add(-1), false},
		{rules.During(from, time.Time{}), from, true},
		{rules.During(time.Time{}, until), until.Add(-1), true},
		{rules.During(time.Time{}, until), until, false},
	} {
		for _, c := range []rules.Condition{test.period, rules.Not(test.period)} {
			got := serve(t, onIf(t, c), &targeting.Request{Time: test.at}, nil) == "on"
			if got != (test.holds != c.Not) {
				t.Errorf("%s at %v: %v", c, test.at, got)
			}
		}
	}
	refused(t, boolean(rules.Rule{If: rules.All(rules.During(until, from)), Serve: "on"}), "rules[0].if[0].time.until", "is not after from")
	refused(t, boolean(rules.Rule{If: rules.All(rules.During(from, from)), Serve: "on"}), "rules[0].if[0].time.until", "is not after from")
	refused(t, boolean(rules.Rule{If: rules.All(rules.During(time.Time{}, time.Time{})), Serve: "on"}), "rules[0].if[0].time", "needs from, until, or both")
}

// TestYearOne shows that a period that ended in the first moment that can be written
// has ended, though Go's zero time is no bound.
func TestYearOne(t *testing.T) {
	s := parse(t, "flag", `{"version": 1, "off": "off", "default": "off", "rules": [{"if": [{"time": {"until": "0001-01-01T00:00:00Z"}}], "serve": "on"}]}`)
	if got := serve(t, &rules.Target{Enabled: true, Rules: s}, request(), nil); got != "off" {
		t.Errorf("a period that ended in year 1: %s", got)
	}
}

// TestNow shows that now is one for all that is asked about a request.
func TestNow(t *testing.T) {
	r := new(targeting.Request)
	flag := onIf(t, rules.During(at, time.Time{}))
	serve(t, flag, r, nil)
	if r.Time.IsZero() {
		t.Fatal("the request does not keep its time")
	}
	kept := r.Time
	serve(t, flag, r, nil)
	if !r.Time.Equal(kept) {
		t.Errorf("the time of the request went from %v to %v", kept, r.Time)
	}
}
