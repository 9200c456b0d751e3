// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package words_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flipper-go/flipper/internal/words"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/rules"
)

func TestRuleCondition(t *testing.T) {
	day := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	for want, c := range map[string]rules.Condition{
		"plan is pro":                                   rules.Is("plan", "pro"),
		`plan is "42"`:                                  rules.Is("plan", "42"),
		"user_id is one of 42, 43":                      rules.Is("user_id", 42, 43),
		"country is none of DE, AT":                     rules.Not(rules.Is("country", []string{"DE", "AT"})),
		"email ends with @example.com":                  rules.EndsWith("email", "@example.com"),
		"email does not end with @example.com":          rules.Not(rules.EndsWith("email", "@example.com")),
		"age >= 18":                                     rules.GreaterOrEqual("age", 18),
		"born is before 2027-01-01T00:00:00Z":           rules.Before("born", day),
		"app is a version < 2.4.0":                      rules.Version("app", rules.OpVersionLess, "2.4.0"),
		"ip is in one of the networks 10.0.0.0/8, ::1":  rules.InNetwork("ip", "10.0.0.0/8", "::1"),
		"user_id is given":                              rules.Exists("user_id"),
		"user_id is not given":                          rules.Not(rules.Exists("user_id")),
		"in segment beta":                               rules.InSegment("beta"),
		"not in segment beta":                           rules.Not(rules.InSegment("beta")),
		"flag theme serves blue, red":                   rules.Flag("theme", "blue", "red"),
		"user_id is within 0 % to 20 % with salt layer": rules.InRange("user_id", "layer", 0, 20_000),
		"from 2027-01-01T00:00:00Z":                     rules.During(day, time.Time{}),
		"not until 2027-01-01T00:00:00Z":                rules.Not(rules.During(time.Time{}, day)),
		"any of (plan is pro; all of (age < 18; /address/country is DE))": rules.Any(rules.Is("plan", "pro"),
			rules.AllOf(rules.Less("age", 18), rules.Is("/address/country", "DE"))),
		`"a\u001b[31m" is "\u202e"`: rules.Is("a\x1b[31m", "\u202e"),
	} {
		if got := words.RuleCondition(c); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	for _, op := range rules.Operators() {
		if words.OperatorWords(op)[0] == "" {
			t.Errorf("%s has no words", op)
		}
	}
}

func withRules(t *testing.T, d rules.Definition) *store.Flag {
	t.Helper()
	f := made(enabled)
	s, err := rules.New(f.Name, d)
	if err == nil {
		err = f.SetRules(s)
	}
	if err == nil {
		f, err = store.Normalize(f)
	}
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func staff() rules.Rule {
	return rules.Rule{Name: "staff", If: rules.All(rules.EndsWith("email", "@example.com")), Serve: "on"}
}

func TestRulesState(t *testing.T) {
	germany := rules.Rule{If: rules.All(rules.Is("country", "DE")), Serve: "on"}
	tenth := rules.Rule{Split: rules.Percent("user_id", 10, "on")}
	ramp := rules.Rule{Split: &rules.Split{By: "user_id", Shares: []rules.Share{{
		Variant: "on", Ramp: &rules.Ramp{From: 0, To: 50_000, Start: start, End: start.Add(24 * time.Hour)},
	}}}}
	theme := rules.Definition{
		Variants: []targeting.Variant{{Name: "grey", Value: targeting.Text("#888")}, {Name: "blue", Value: targeting.Text("#00f")}},
		Off:      "grey", Default: "grey", Rules: []rules.Rule{{If: rules.All(rules.Is("plan", "pro")), Serve: "blue"}},
	}
	for want, f := range map[string]*store.Flag{
		"on for everyone":                                     withRules(t, rules.Definition{Default: "on"}),
		"on for no one":                                       withRules(t, rules.Definition{Default: "off"}),
		"on for staff, and for 10 % by user_id":               withRules(t, rules.Definition{Rules: []rules.Rule{staff(), tenth}, Default: "off"}),
		"on where country is DE":                              withRules(t, rules.Definition{Rules: []rules.Rule{germany}, Default: "off"}),
		"on where country is DE: on; for everyone else: on":   withRules(t, rules.Definition{Rules: []rules.Rule{germany}, Default: "on"}),
		"on by 4 rules, otherwise off":                        withRules(t, rules.Definition{Rules: slices.Repeat([]rules.Rule{staff()}, 4), Default: "off"}),
		"on where plan is pro: blue; for everyone else: grey": withRules(t, theme),
		"on for 25 % by user_id now (a ramp from 0 % at 2026-01-31T18:00:00Z to 50 % at 2026-02-01T18:00:00Z)": withRules(t, rules.Definition{Rules: []rules.Rule{ramp}, Default: "off"}),
		"on by rules that cannot be read": stored(t, `"client_data": {"$rules": {"version": 2}}`),
	} {
		if got := words.State(f, start.Add(12*time.Hour)); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	lines := words.Rules(rules.Definition{Rules: []rules.Rule{staff(), tenth}, Default: "off"})
	want := []string{"staff: email ends with @example.com: on", "everyone: 10 % on by user_id", "everyone else: off"}
	if !slices.Equal(lines, want) {
		t.Errorf("%q, want %q", lines, want)
	}
}

func TestRulesDifference(t *testing.T) {
	d := func(rs ...rules.Rule) rules.Definition { return rules.Definition{Rules: rs, Default: "off"} }
	germany := rules.Rule{If: rules.All(rules.Is("country", "DE")), Serve: "on"}
	rollout := func(percent float64) rules.Rule { return rules.Rule{Split: rules.Percent("user_id", percent, "on")} }
	theme := func(blue string) rules.Definition {
		return rules.Definition{
			Variants: []targeting.Variant{{Name: "grey", Value: targeting.Text("#888")}, {Name: "blue", Value: targeting.Text(blue)}},
			Off:      "grey", Default: "grey",
		}
	}
	for _, test := range []struct {
		before, after *store.Flag
		want          string
	}{
		{made(enabled), withRules(t, d(germany)), "rules set: where country is DE"},
		{withRules(t, d(germany)), withRules(t, d(germany, staff())), "rule added: staff: email ends with @example.com: on"},
		{withRules(t, d(germany, staff())), withRules(t, d(staff(), germany)), "rules: in another order"},
		{withRules(t, d(rollout(10))), withRules(t, d(rollout(25))), "rule 1: everyone: 25 % on by user_id, was everyone: 10 % on by user_id"},
		{withRules(t, d(germany)), withRules(t, rules.Definition{Rules: []rules.Rule{germany}, Default: "on"}), "default: on, was off"},
		{withRules(t, theme("#00f")), withRules(t, theme("#11f")), `variant blue is now "#11f", was "#00f"`},
		{withRules(t, d(germany)), withRules(t, d(germany)), ""},
		{withRules(t, d(germany)), withRules(t, rules.Definition{Rules: []rules.Rule{germany}, Default: "off", PythonOn: true}), "Python clients see it as on"},
	} {
		if got := strings.Join(words.Difference(test.before, test.after), "; "); got != test.want {
			t.Errorf("%q, want %q", got, test.want)
		}
	}
}

func TestExplain(t *testing.T) {
	d := rules.Definition{Default: "off", Rules: []rules.Rule{
		staff(),
		{If: rules.All(rules.Greater("plan", 1)), Serve: "on"},
		{If: rules.All(rules.Is("country", "DE")), Serve: "on"},
		{Split: rules.Percent("org", 10, "on")},
		{Split: rules.Percent("user_id", 100, "on")},
	}}
	target := withRules(t, d).Target()
	r := &targeting.Request{Attrs: []targeting.Attr{
		{Name: "plan", Value: targeting.Text("1")}, {Name: "country", Value: targeting.Text("CH")}, {Name: "user_id", Value: targeting.Int(42)},
	}}
	got := words.Explain(rules.Explain(&target, r, nil))
	want := []string{
		"1. staff: not passed: email was not given",
		`2. not passed: plan is the text "1", the rule has the number 1`,
		`3. not passed: country is the text "CH", the rule asks: country is DE`,
		"4. the conditions hold, but org was not given, or has no bucket",
	}
	if len(got) != 5 || !slices.Equal(got[:4], want) || !strings.HasPrefix(got[4], "5. serves on: bucket ") || !strings.HasSuffix(got[4], " is within 0 % to 100 %") {
		t.Errorf("%q", got)
	}
}
