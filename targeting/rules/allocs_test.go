// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package rules_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/rules"
)

// shape is a flag of one form, and a request that goes all the way through it.
type shape struct {
	name  string
	flag  *rules.Target
	attrs []targeting.Attr
	want  string
}

// shapes are the forms of flags that the tests of speed ask, and the flags that they ask.
func shapes(tb testing.TB) ([]shape, rules.Flags) {
	tb.Helper()
	one := func(c rules.Condition) *rules.Target { return onIf(tb, c) }
	var twenty []rules.Rule
	for i := range 20 {
		twenty = append(twenty, rules.Rule{If: rules.All(rules.Is("country", fmt.Sprintf("C%02d", i))), Serve: "on"})
	}
	ids := func(n int) (list []string) {
		for i := range n {
			list = append(list, fmt.Sprintf("user-%06d", i))
		}
		return list
	}
	numbers := make([]int, 1000)
	for i := range numbers {
		numbers[i] = 3 * i
	}
	split := func(by string, shares ...rules.Share) *rules.Target {
		return target(tb, "flag", colours(rules.Rule{Split: &rules.Split{By: by, Shares: shares}}))
	}
	hour := &rules.Ramp{From: 0, To: 100_000, Start: at.Add(-time.Hour), End: at}
	user, number := attr("user_id", "user-000042"), attr("user_id", 42)
	shaped := []shape{
		{"no rules", target(tb, "flag", boolean()), nil, "off"},
		{"one rule", one(rules.Is("plan", "pro")), []targeting.Attr{attr("plan", "pro")}, "on"},
		{"one rule, not passed", one(rules.Is("plan", "pro")), []targeting.Attr{attr("plan", "free")}, "off"},
		{"one rule, negated", one(rules.Not(rules.Is("plan", "pro"))), []targeting.Attr{attr("plan", "free")}, "on"},
		{"few texts", one(rules.Is("plan", "basic", "pro")), []targeting.Attr{attr("plan", "pro")}, "on"},
		{"a list as the attribute", one(rules.Is("groups", "staff")), []targeting.Attr{attr("groups", []string{"all", "staff"})}, "on"},
		{"a pointer", one(rules.Is("/address/country", "AT")), []targeting.Attr{attr("address", map[string]any{"country": "AT"})}, "on"},
		{"a sticky split", split("user_id", rules.Share{Variant: "blue", Share: 100_000}), []targeting.Attr{user}, "blue"},
		{"a sticky split by a number", split("user_id", rules.Share{Variant: "blue", Share: 100_000}), []targeting.Attr{number}, "blue"},
		{"a split in three", split("user_id", rules.Share{Variant: "grey", Share: 0}, rules.Share{Variant: "blue", Share: 0}, rules.Share{Variant: "red", Share: 100_000}), []targeting.Attr{user}, "red"},
		{"a split by a pointer", split("/account/id", rules.Share{Variant: "blue", Share: 100_000}), []targeting.Attr{attr("account", map[string]any{"id": "an account whose id has more than 32 bytes"})}, "blue"},
		{"a ramp", split("user_id", rules.Share{Variant: "blue", Ramp: hour}), []targeting.Attr{user}, "blue"},
		{"a random split", split("", rules.Share{Variant: "blue", Share: 100_000}), nil, "blue"},
		{"the hash carta", target(tb, "flag", boolean(rules.Rule{Split: &rules.Split{By: "user_id", Hash: rules.HashCarta, Shares: []rules.Share{{Variant: "on", Share: 100_000}}}})), []targeting.Attr{user}, "on"},
		{"a share", one(rules.InRange("user_id", "layer", 0, 100_000)), []targeting.Attr{number}, "on"},
		{"a segment", one(rules.InSegment("pro")), []targeting.Attr{attr("plan", "pro")}, "on"},
		{"four flags", target(tb, "flag", boolean(rules.Rule{If: rules.All(rules.InSegment("pro"), rules.Flag("a", "on"), rules.Flag("b", "on"), rules.Flag("c", "on"), rules.InSegment("pro")), Serve: "on"})), []targeting.Attr{attr("plan", "pro")}, "on"},
		{"the last of 20 rules", target(tb, "flag", boolean(twenty...)), []targeting.Attr{attr("country", "C19")}, "on"},
		{"a list of 1,000 texts", one(rules.Is("user_id", ids(1000))), []targeting.Attr{user}, "on"},
		{"a list of 1,000 numbers", one(rules.Is("user_id", numbers)), []targeting.Attr{number}, "on"},
		{"a list of 1,000 numbers, text", one(rules.Is("user_id", numbers)), []targeting.Attr{attr("user_id", "42")}, "on"},
		{"contains", one(rules.Contains("agent", "Firefox")), []targeting.Attr{attr("agent", "Mozilla/5.0 Firefox/130")}, "on"},
		{"ends with", one(rules.EndsWith("email", "@example.org", "@example.com")), []targeting.Attr{attr("email", "a@example.com")}, "on"},
		{"a regular expression", one(rules.Matches("email", `^[a-z.]+@example\.(com|org)$`)), []targeting.Attr{attr("email", "jane.doe@example.org")}, "on"},
		{"a number", one(rules.GreaterOrEqual("age", 18)), []targeting.Attr{attr("age", 18.0)}, "on"},
		{"a version", one(rules.Version("app", rules.OpVersionGreaterOrEqual, "2.4.0-beta.2")), []targeting.Attr{attr("app", "2.4.0-beta.11")}, "on"},
		{"a network", one(rules.InNetwork("ip", "10.0.0.0/8", "2001:db8::/32")), []targeting.Attr{attr("ip", "2001:db8::1")}, "on"},
		{"an attribute that is a time", one(rules.Before("since", at)), []targeting.Attr{attr("since", "2026-11-30T23:59:59.5+00:00")}, "on"},
		{"an attribute in seconds", one(rules.Before("since", at)), []targeting.Attr{attr("since", 1796083199.5)}, "on"},
		{"a time", one(rules.During(at, at.Add(time.Hour))), nil, "on"},
		{"any of several", one(rules.Any(rules.Is("plan", "pro"), rules.AllOf(rules.Exists("age"), rules.Less("age", 18)))), []targeting.Attr{attr("age", 5)}, "on"},
	}
	return shaped, flagsByName{
		"segment:pro": *target(tb, "segment:pro", boolean(rules.Rule{If: rules.All(rules.Is("plan", "pro")), Serve: "on"})),
		"a":           *target(tb, "a", boolean(rules.Rule{Serve: "on"})), "b": *target(tb, "b", boolean(rules.Rule{Serve: "on"})), "c": *target(tb, "c", boolean(rules.Rule{Serve: "on"})),
	}
}

// TestAllocs shows that an evaluation does not allocate, whatever the rules.
func TestAllocs(t *testing.T) {
	shaped, flags := shapes(t)
	for _, s := range shaped {
		evaluate := func() {
			r := targeting.Request{Attrs: s.attrs, Time: at}
			d, err := rules.Evaluate(s.flag, &r, flags)
			if err != nil || d.Variant.Name != s.want {
				t.Fatalf("%s: %+v, %v", s.name, d, err)
			}
		}
		if allocs := testing.AllocsPerRun(100, evaluate); allocs != 0 {
			t.Errorf("%s: %v allocations", s.name, allocs)
		}
	}
}

func BenchmarkEvaluate(b *testing.B) {
	shaped, flags := shapes(b)
	for _, s := range shaped {
		b.Run(s.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r := targeting.Request{Attrs: s.attrs, Time: at}
				if _, err := rules.Evaluate(s.flag, &r, flags); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
