// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package rules_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
	"github.com/flipper-go/flipper/targeting/rules"
)

// seeds are definitions that have everything.
var seeds = []string{
	page,
	`{"version": 1, "off": "off", "default": "on"}`,
	`{"version": 1, "off": "off", "default": "off", "python": "on", "rules": [{"serve": "on"}]}`,
	`{"version": 1, "variants": {"a": 1, "b": 2.5, "c": -0.0}, "off": "a", "default": "b", "rules": [{"split": {"shares": [{"variant": "c", "share": 50000}]}}]}`,
	`{"version": 1, "variants": {"a": {"x": [1, {"y": null}]}, "b": []}, "off": "a", "default": "b"}`,
	`{"version": 1, "off": "off", "default": "off", "rules": [{"if": [{"any": [{"flag": "self", "is": ["on"], "not": true}, {"all": [{"flag": "carta", "is": ["off"]}, {"flag": "nobody", "is": ["on"]}]}]}], "serve": "on"}]}`,
	`{"version": 1, "off": "off", "default": "off", "rules": [{"if": [{"attribute": "a", "op": "is", "values": ["x", 1, 2.5, true, "42", 123456789012345678901234567890, 1e30, NaN]}], "serve": "on"},
		{"if": [{"attribute": "/a/~0~1", "op": "exists", "not": true}, {"attribute": "a", "op": "matches", "values": ["^(a|b)+$"]}], "serve": "on"},
		{"if": [{"attribute": "a", "op": "lte", "values": [1, 1e400, 9007199254740993]}, {"attribute": "a", "op": "after", "values": ["2026-12-01T08:00:00.123456789+23:59"]}], "serve": "on"},
		{"if": [{"attribute": "a", "op": "semver_lt", "values": ["v2", "2.4.0-rc.1+x"]}, {"attribute": "a", "op": "in_network", "values": ["10.0.0.0/8", "::ffff:1.2.3.4", "2001:db8::/32"]}], "serve": "on"},
		{"if": [{"attribute": "a", "op": "contains", "values": ["\ud83d\ude00", "x"]}, {"time": {"from": "0001-01-01T00:00:00Z", "until": "9999-12-31T23:59:59-23:59"}, "not": true}], "serve": "on"},
		{"split": {"by": "a", "hash": "carta", "shares": [{"variant": "on", "ramp": {"from": 100000, "to": 0, "start": "0000-01-01T00:00:00Z", "end": "9999-12-31T23:59:59Z"}}]}}]}`,
}

// rewrite writes a definition anew. Text that is not valid Unicode, which the stored
// form can hold in values, cannot be written.
func rewrite(t *testing.T, s rules.Ruleset) (again rules.Ruleset, ok bool) {
	t.Helper()
	again, err := rules.New("flag", s.Definition())
	if err != nil {
		if v, _ := targeting.ParseJSON(s.JSON()); v.Validate() != nil {
			return again, false
		}
		t.Fatalf("what was read from %s is refused: %v", s.JSON(), err)
	}
	return again, true
}

// FuzzRulesJSON: reading never panics, and what is read is written so that it reads as
// the same.
func FuzzRulesJSON(f *testing.F) {
	for _, seed := range seeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := rules.Parse("flag", targeting.JSON(text))
		if err != nil {
			if !errors.Is(err, targeting.ErrInvalid) {
				t.Fatalf("error %v does not match ErrInvalid", err)
			}
			return
		}
		if string(s.JSON()) != text {
			t.Fatalf("%s is not kept as it was", text)
		}
		again, ok := rewrite(t, s)
		if !ok {
			return
		}
		third, ok := rewrite(t, again)
		if !ok || third.JSON() != again.JSON() {
			t.Fatalf("read %s\nwritten %s\nthen %s", text, again.JSON(), third.JSON())
		}
		if s.IsBoolean() != again.IsBoolean() || len(s.Variants()) != len(again.Variants()) || strings.Join(s.Asks(), "\n") != strings.Join(again.Asks(), "\n") {
			t.Fatalf("read %s\nwritten %s", text, again.JSON())
		}
	})
}

// fuzzedFlags are the flags of FuzzEvaluate: the one that is evaluated, asked by
// itself, and others.
type fuzzedFlags struct{ self rules.Target }

func (f fuzzedFlags) Target(name string) (rules.Target, error) {
	switch name {
	case "nobody":
		return rules.Target{}, errMissing
	case "carta":
		return rules.Target{Enabled: true, Bucketer: carta.NewConsistentHashBucketer(carta.FixedPercentage(0.5))}, nil
	case "disabled":
		disabled := f.self
		disabled.Enabled = false
		return disabled, nil
	}
	return f.self, nil
}

// FuzzEvaluate: evaluating any rules for any attributes neither panics nor takes long.
// The same rules written anew, and the explanation, say the same.
func FuzzEvaluate(f *testing.F) {
	for _, seed := range seeds {
		for _, attributes := range []string{
			`{}`, `{"a": "x", "user_id": 42, "email": "a@example.com"}`, `{"a": [1, "42", null, {"/": 1}]}`, `{"a": {"~/": {}}}`, `{"a": 1e30, "country": ["DE"], "app": "2.3"}`, `{"a": "2026-12-01T08:00:00Z"}`, `{"a": NaN}`,
		} {
			f.Add(seed, attributes, int64(1796083200000000), 0.5)
		}
	}
	f.Fuzz(func(t *testing.T, text, attributes string, now int64, random float64) {
		s, err := rules.Parse("flag", targeting.JSON(text))
		if err != nil {
			return
		}
		v, err := targeting.ParseJSON(targeting.JSON(attributes))
		if err != nil || v.Kind() != targeting.KindObject {
			return
		}
		request := func() *targeting.Request {
			r := &targeting.Request{Time: time.UnixMicro(now), Random: random, Drawn: true}
			for _, m := range v.Members() {
				r.Attrs = append(r.Attrs, targeting.Attr{Name: m.Key, Value: m.Value})
			}
			return r
		}
		flag := rules.Target{Enabled: true, Rules: s, Random: random, Drawn: true}
		began := time.Now()
		d, err := rules.Evaluate(&flag, request(), fuzzedFlags{flag})
		if took := time.Since(began); took > time.Second {
			t.Fatalf("it took %v", took)
		}
		if (err == nil) != (d.Variant != nil) || (err != nil) != (d.Reason == targeting.ReasonError) {
			t.Fatalf("%+v, %v", d, err)
		}
		steps := rules.Explain(&flag, request(), fuzzedFlags{flag})
		if len(steps) > 0 {
			last := steps[len(steps)-1]
			if (last.Err != nil) != (err != nil) || last.Decided != (d.Rule >= 0) || last.Decided && (last.Rule != d.Rule || last.Variant != d.Variant.Name) {
				t.Fatalf("decided %+v, %v; explained %+v", d, err, last)
			}
		}
		again, ok := rewrite(t, s)
		if !ok {
			return
		}
		flag.Rules = again
		d2, err2 := rules.Evaluate(&flag, request(), fuzzedFlags{flag})
		if (err == nil) != (err2 == nil) || d.Rule != d2.Rule || d.Reason != d2.Reason || d.Enabled != d2.Enabled || d.Variant != nil && d.Variant.Name != d2.Variant.Name {
			t.Fatalf("%s: %+v, %v\n%s: %+v, %v", text, d, err, again.JSON(), d2, err2)
		}
	})
}
