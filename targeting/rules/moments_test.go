// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package rules_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/flipper-go/flipper/targeting/rules"
)

// What changes answers with time is found wherever a definition can hold it.
func TestPeriodsAndRamps(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2026, 12, n, 0, 0, 0, 0, time.UTC) }
	ramp := rules.Ramp{From: 0, To: 50_000, Start: day(1), End: day(8)}
	s, err := rules.New("f", rules.Definition{
		Default: "off",
		Rules: []rules.Rule{
			{If: rules.All(rules.During(day(3), day(4))), Serve: "on"},
			{If: rules.All(rules.Any(rules.Is("plan", "pro"), rules.AllOf(rules.Not(rules.During(day(5), time.Time{}))))), Serve: "on"},
			{Split: &rules.Split{By: "user_id", Shares: []rules.Share{{Variant: "off", Share: 10}, {Variant: "on", Ramp: &ramp}}}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := slices.Collect(s.Periods()), []rules.Period{{From: day(3), Until: day(4)}, {From: day(5)}}; !slices.Equal(got, want) {
		t.Errorf("periods are %v, want %v", got, want)
	}
	if got := slices.Collect(s.Ramps()); !slices.Equal(got, []rules.Ramp{ramp}) {
		t.Errorf("ramps are %v, want %v", got, ramp)
	}
	for name, s := range map[string]rules.Ruleset{"no": {}, "unreadable": rules.Unreadable("{}", errors.New("version 99"))} {
		if n := len(slices.Collect(s.Periods())) + len(slices.Collect(s.Ramps())); n != 0 {
			t.Errorf("%s rules have %d periods and ramps", name, n)
		}
	}
}
