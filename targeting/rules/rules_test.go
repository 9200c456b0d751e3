// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package rules_test

import (
	"testing"
	"time"

	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/rules"
)

// page is the example of the documentation.
const page = `{
  "version": 1,
  "variants": {"grey": "#888", "blue": "#00f"},
  "off": "grey",
  "rules": [
    {"name": "staff", "if": [{"attribute": "email", "op": "ends_with", "values": ["@example.com"]}], "serve": "blue"},
    {"if": [{"attribute": "country", "op": "is", "values": ["DE", "AT"]}, {"flag": "segment:beta", "is": ["on"]}],
     "split": {"by": "user_id", "shares": [{"variant": "blue", "share": 10000}]}},
    {"if": [{"any": [{"attribute": "app", "op": "semver_lt", "values": ["2.4.0"]}, {"attribute": "app", "op": "exists", "not": true}]}], "serve": "grey"},
    {"if": [{"share": {"by": "user_id", "salt": "checkout layer", "from": 0, "to": 20000}}, {"time": {"until": "2027-01-01T00:00:00Z"}}],
     "split": {"by": "user_id", "salt": "colours", "shares": [{"variant": "grey", "share": 50000}, {"variant": "blue", "ramp": {"from": 0, "to": 50000, "start": "2026-12-01T00:00:00Z", "end": "2026-12-08T00:00:00Z"}}]}}
  ],
  "default": "grey"
}`

// flagsByName are the flags that conditions can ask.
type flagsByName map[string]rules.Target

func (f flagsByName) Target(name string) (rules.Target, error) {
	if t, ok := f[name]; ok {
		return t, nil
	}
	return rules.Target{}, errMissing
}

var errMissing = errorText("flag not found")

type errorText string

func (e errorText) Error() string { return string(e) }

func parse(tb testing.TB, flag, text string) rules.Ruleset {
	tb.Helper()
	s, err := rules.Parse(flag, targeting.JSON(text))
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func attr(name string, value any) targeting.Attr {
	v, err := targeting.ValueOf(value)
	if err != nil {
		panic(err)
	}
	return targeting.Attr{Name: name, Value: v}
}

func TestPage(t *testing.T) {
	s := parse(t, "theme", page)
	beta := parse(t, "segment:beta", `{"version": 1, "off": "off", "default": "off", "rules": [{"if": [{"attribute": "beta", "op": "is", "values": [true]}], "serve": "on"}]}`)
	flags := flagsByName{"segment:beta": {Enabled: true, Rules: beta}}
	for _, test := range []struct {
		attrs   []targeting.Attr
		variant string
		reason  targeting.Reason
		rule    int
	}{
		{[]targeting.Attr{attr("email", "a@example.com")}, "blue", targeting.ReasonTargetingMatch, 0},
		{[]targeting.Attr{attr("country", "DE"), attr("beta", true), attr("app", "2.3.9")}, "grey", targeting.ReasonTargetingMatch, 2},
		{nil, "grey", targeting.ReasonTargetingMatch, 2},
		{[]targeting.Attr{attr("app", "2.4.0")}, "grey", targeting.ReasonDefault, -1},
	} {
		r := &targeting.Request{Attrs: test.attrs, Time: time.Unix(1796000000, 0)}
		d, err := rules.Evaluate(&rules.Target{Enabled: true, Rules: s}, r, flags)
		if err != nil || d.Variant.Name != test.variant || d.Reason != test.reason || d.Rule != test.rule {
			t.Errorf("%v: %+v, %v", test.attrs, d, err)
		}
	}
}

// TestRoundTrip takes a definition apart and writes it again.
func TestRoundTrip(t *testing.T) {
	s := parse(t, "theme", page)
	again, err := rules.New("theme", s.Definition())
	if err != nil {
		t.Fatal(err)
	}
	third, err := rules.New("theme", again.Definition())
	if err != nil {
		t.Fatal(err)
	}
	if again.JSON() != third.JSON() {
		t.Errorf("written %s, then %s", again.JSON(), third.JSON())
	}
	v, _ := targeting.ParseJSON(page)
	w, _ := targeting.ParseJSON(again.JSON())
	if !v.Equal(w) {
		t.Errorf("read %s, written %s", v, w)
	}
}

// TestStatic compares the decision that needs no request with that for one.
func TestStatic(t *testing.T) {
	one := rules.Definition{Default: "off", Rules: []rules.Rule{{Serve: "on"}}}
	for name, c := range map[string]struct {
		definition rules.Definition
		enabled    bool
		want       bool
	}{
		"disabled with rules": {one, false, true},
		"rules":               {one, true, false},
		"no rules":            {rules.Definition{Default: "on"}, true, true},
		"constant":            {rules.Constant(targeting.Text("x")), true, true},
		"constant, disabled":  {rules.Constant(targeting.Text("x")), false, true},
	} {
		s, err := rules.New("flag", c.definition)
		if err != nil {
			t.Fatal(err)
		}
		d := s.Static(c.enabled)
		if (d != nil) != c.want {
			t.Errorf("%s: %v", name, d)
		}
		if decided, err := s.Decide(c.enabled, &targeting.Request{}, nil); d != nil && d != decided || err != nil {
			t.Errorf("%s: %v, but for a request %v, %v", name, d, decided, err)
		}
	}
	for _, s := range []rules.Ruleset{{}, rules.Unreadable("{}", targeting.ErrInvalid)} {
		if d := s.Static(false); d != nil {
			t.Errorf("%q: %v", s, d)
		}
	}
	if _, err := rules.New("flag", rules.Constant(targeting.Bool(true))); err == nil {
		t.Error("a boolean flag is on when it is off")
	}
}
