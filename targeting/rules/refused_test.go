// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package rules_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/rules"
)

// refused makes a definition that must be refused at a path, with a remedy.
func refused(t *testing.T, d rules.Definition, path, remedy string) {
	t.Helper()
	_, err := rules.New("flag", d)
	checkRefused(t, err, path, remedy)
}

func checkRefused(t *testing.T, err error, path, remedy string) {
	t.Helper()
	switch {
	case err == nil:
		t.Errorf("nothing is refused at %s", path)
	case !errors.Is(err, targeting.ErrInvalid):
		t.Errorf("%v is not ErrInvalid", err)
	case !strings.Contains(err.Error(), "invalid "+path+": ") || !strings.Contains(err.Error(), remedy):
		t.Errorf("got  %v\nwant invalid %s: ... %s", err, path, remedy)
	}
}

// TestRefusedText reads stored forms that are wrong in one place.
func TestRefusedText(t *testing.T) {
	const whole = `{"version": 1, "variants": {"grey": "#888", "blue": "#00f"}, "off": "grey", "default": "grey", %s}`
	condition := func(text string) string {
		return `"rules": [{"serve": "blue"}, {"if": [` + text + `], "serve": "blue"}]`
	}
	split := func(text string) string { return `"rules": [{"split": {` + text + `}}]` }
	for _, test := range []struct{ text, path, remedy string }{
		{`[]`, "rules", "must be an object, not a list"},
		{`"x"`, "rules", "must be an object, not text"},
		{`{"off": "off", "default": "off"}`, "version", "is missing: write 1"},
		{`{"version": 2, "surprise": true}`, "version", "2 is not known: this reader knows version 1"},
		{`{"version": 1.0, "off": "off", "default": "off"}`, "version", "is not known"},
		{`{"version": "1", "off": "off", "default": "off"}`, "version", "is not known"},
		{`{"version": null, "off": "off", "default": "off"}`, "version", "is not known"},
		{`{"version": 1, "default": "off"}`, "off", "is missing"},
		{`{"version": 1, "off": "off"}`, "default", "is missing"},
		{`{"version": 1, "off": "off", "default": "off", "defaults": "off"}`, "defaults", "is not known here"},
		{`{"version": 1, "off": "off", "default": "maybe"}`, "default", "write on or off"},
		{`{"version": 1, "off": "on", "default": "on"}`, "off", "must be false"},
		{`{"version": 1, "variants": {"a": true}, "off": "a", "default": "a"}`, "off", "must be false"},
		{`{"version": 1, "off": "off", "default": "off", "python": "yes"}`, "python", "must be on or off"},
		{`{"version": 1, "off": "off", "default": "off", "python": true}`, "python", "must be text"},
		{`{"version": 1, "off": "off", "default": "off", "off": "off"}`, "off", "is there twice; write it once"},
		{`{"version": 1, "variants": {"a": {"b": 1, "b": 2}}, "off": "a", "default": "a"}`, "variants.a.b", "is there twice"},
		{`{"version": 1, "variants": {}, "off": "off", "default": "off"}`, "variants", "leave it out for on and off"},
		{`{"version": 1, "variants": ["a"], "off": "a", "default": "a"}`, "variants", "must be an object of names and values"},
		{`{"version": 1, "variants": null, "off": "off", "default": "off"}`, "variants", "must not be null"},
		{`{"version": 1, "variants": {"a": null}, "off": "a", "default": "a"}`, "variants.a", "must not be null"},
		{`{"version": 1, "variants": {"a": 1, "b": "x"}, "off": "a", "default": "a"}`, "variants.b", `is text, where "a" is a number`},
		{`{"version": 1, "variants": {"a": false, "b": 1}, "off": "a", "default": "a"}`, "variants.b", "all variants are of one kind"},
		{`{"version": 1, "variants": {"a": NaN}, "off": "a", "default": "a"}`, "variants.a", "NaN is no value"},
		{`{"version": 1, "variants": {"a": [{"x": [1e999]}]}, "off": "a", "default": "a"}`, "variants.a", "Infinity is no value"},
		{`{"version": 1, "variants": {"": 1}, "off": "", "default": ""}`, "variants", "a name is empty"},
		{`{"version": 1, "variants": {"\ud800": 1}, "off": "\ud800", "default": "\ud800"}`, "variants", "is not valid Unicode"},
		{fmt.Sprintf(whole, `"rules": {}`), "rules", "must be a list"},
		{fmt.Sprintf(whole, `"rules": null`), "rules", "must not be null"},
		{fmt.Sprintf(whole, `"rules": [1]`), "rules[0]", "must be an object"},
		{fmt.Sprintf(whole, `"rules": [{}]`), "rules[0]", "write serve or split"},
		{fmt.Sprintf(whole, `"rules": [{"serve": "green"}]`), "rules[0].serve", "write one of grey, blue"},
		{fmt.Sprintf(whole, `"rules": [{"serve": ""}]`), "rules[0].serve", "must name a variant"},
		{fmt.Sprintf(whole, `"rules": [{"serve": 1}]`), "rules[0].serve", "must be text, not a number"},
		{fmt.Sprintf(whole, `"rules": [{"serve": "grey", "split": {}}]`), "rules[0]", "write one of them"},
		{fmt.Sprintf(whole, `"rules": [{"serve": "grey", "name": ""}]`), "rules[0].name", "leave it out"},
		{fmt.Sprintf(whole, `"rules": [{"serve": "grey", "name": "\ud800"}]`), "rules[0].name", "is not valid Unicode"},
		{fmt.Sprintf(whole, `"rules": [{"serve": "grey", "unless": []}]`), "rules[0].unless", "known are name, if, serve, split"},
		{fmt.Sprintf(whole, `"rules": [{"serve": "grey", "if": {}}]`), "rules[0].if", "must be a list, not an object"},

		{fmt.Sprintf(whole, condition(`"x"`)), "rules[1].if[0]", "must be an object"},
		{fmt.Sprintf(whole, condition(`{"not": true}`)), "rules[1].if[0]", "write one of attribute, flag, share, time, any and all"},
		{fmt.Sprintf(whole, condition(`{"attribute": "a", "op": "exists", "flag": "b"}`)), "rules[1].if[0].flag", "is not known here"},
		{fmt.Sprintf(whole, condition(`{"attribute": "", "op": "exists"}`)), "rules[1].if[0].attribute", "must not be empty"},
		{fmt.Sprintf(whole, condition(`{"attribute": "a"}`)), "rules[1].if[0].op", "is missing"},
		{fmt.Sprintf(whole, condition(`{"attribute": "a", "op": "equals", "values": ["x"]}`)), "rules[1].if[0].op", "known are is, contains,"},
		{fmt.Sprintf(whole, condition(`{"attribute": "a", "op": "IS", "values": ["x"]}`)), "rules[1].if[0].op", "is not known"},
		{fmt.Sprintf(whole, condition(`{"attribute": "a", "op": "exists", "values": []}`)), "rules[1].if[0].values", "leave it out"},
		{fmt.Sprintf(whole, condition(`{"attribute": "a", "op": "is"}`)), "rules[1].if[0].values", "is missing"},
		{fmt.Sprintf(whole, condition(`{"attribute": "a", "op": "is", "values": []}`)), "rules[1].if[0].values", "must not be empty"},
		{fmt.Sprintf(whole, condition(`{"attribute": "a", "op": "is", "values": "x"}`)), "rules[1].if[0].values", "must be a list, not text"},
		{fmt.Sprintf(whole, condition(`{"attribute": "a", "op": "is", "values": ["x", null]}`)), "rules[1].if[0].values[1]", "not null"},
		{fmt.Sprintf(whole, condition(`{"attribute": "a", "op": "is", "values": [["x"]]}`)), "rules[1].if[0].values[0]", "not a list"},
		{fmt.Sprintf(whole, condition(`{"attribute": "a", "op": "gt", "values": ["1"]}`)), "rules[1].if[0].values[0]", "write a number, without quotes"},
		{fmt.Sprintf(whole, condition(`{"attribute": "a", "op": "contains", "values": [1]}`)), "rules[1].if[0].values[0]", "takes text, not a number"},
		{fmt.Sprintf(whole, condition(`{"attribute": "a", "op": "before", "values": [1]}`)), "rules[1].if[0].values[0]", "takes text, not a number"},
		{fmt.Sprintf(whole, condition(`{"attribute": "a", "op": "contains", "values": ["x", ""]}`)), "rules[1].if[0].values[1]", "must not be empty"},
		{fmt.Sprintf(whole, condition(`{"attribute": "a", "op": "matches", "values": ["("]}`)), "rules[1].if[0].values[0]", "missing closing )"},
		{fmt.Sprintf(whole, condition(`{"attribute": "a", "op": "matches", "values": ["(?=x)"]}`)), "rules[1].if[0].values[0]", "invalid or unsupported Perl syntax"},
		{fmt.Sprintf(whole, condition(`{"attribute": "a", "op": "matches", "values": [""]}`)), "rules[1].if[0].values[0]", "1 to 1000 bytes"},
		{fmt.Sprintf(whole, condition(`{"attribute": "a", "op": "matches", "values": ["x", "x{1000}y"]}`)), "rules[1].if[0].values[1]", "a size of at most 1000, this one has 1001"},
		{fmt.Sprintf(whole, condition(`{"attribute": "a", "op": "matches", "values": ["`+strings.Repeat(".{0,999}", 120)+`"]}`)), "rules[1].if[0].values[0]", "let counted repetitions"},
		{fmt.Sprintf(whole, condition(`{"attribute": "a", "op": "matches", "values": [`+strings.Repeat(`"x{1000}", `, 5)+`"x"]}`)), "rules[1].if[0].values[5]", "at most 5000 together"},
		{fmt.Sprintf(whole, condition(`{"attribute": "a", "op": "exists", "not": "true"}`)), "rules[1].if[0].not", "must be true or false"},
		{fmt.Sprintf(whole, condition(`{"attribute": "a", "op": "exists", "not": null}`)), "rules[1].if[0].not", "must not be null"},
		{fmt.Sprintf(whole, condition(`{"flag": "", "is": ["on"]}`)), "rules[1].if[0].flag", "must name a flag"},
		{fmt.Sprintf(whole, condition(`{"flag": "b"}`)), "rules[1].if[0].is", "is missing"},
		{fmt.Sprintf(whole, condition(`{"flag": "b", "is": []}`)), "rules[1].if[0].is", "must not be empty"},
		{fmt.Sprintf(whole, condition(`{"flag": "b", "is": [true]}`)), "rules[1].if[0].is[0]", "must be the name of a variant"},
		{fmt.Sprintf(whole, condition(`{"flag": "b", "is": [""]}`)), "rules[1].if[0].is[0]", "a name is empty"},
		{fmt.Sprintf(whole, condition(`{"any": []}`)), "rules[1].if[0].any", "must not be empty"},
		{fmt.Sprintf(whole, condition(`{"all": []}`)), "rules[1].if[0].all", "must not be empty"},
		{fmt.Sprintf(whole, condition(`{"any": [{"attribute": "a", "op": "exists"}], "not": true}`)), "rules[1].if[0].not", "is not known here"},
		{fmt.Sprintf(whole, condition(`{"any": [{"attribute": "a", "op": "exists"}, {"all": [{"attribute": "a", "op": "x"}]}]}`)), "rules[1].if[0].any[1].all[0].op", "is not known"},
		{fmt.Sprintf(whole, condition(`{"share": {"from": 0, "to": 1}}`)), "rules[1].if[0].share.by", "is missing"},
		{fmt.Sprintf(whole, condition(`{"share": {"by": "a", "from": 5, "to": 5}}`)), "rules[1].if[0].share.to", "is not above from"},
		{fmt.Sprintf(whole, condition(`{"share": {"by": "a", "from": -1, "to": 5}}`)), "rules[1].if[0].share.from", "is not from 0"},
		{fmt.Sprintf(whole, condition(`{"share": {"by": "a", "from": 0, "to": 100001}}`)), "rules[1].if[0].share.to", "up to 100000"},
		{fmt.Sprintf(whole, condition(`{"share": {"by": "a", "from": 0.0, "to": 1}}`)), "rules[1].if[0].share.from", "without point or exponent"},
		{fmt.Sprintf(whole, condition(`{"share": {"by": "a", "from": 0, "to": 1e4}}`)), "rules[1].if[0].share.to", "without point or exponent"},
		{fmt.Sprintf(whole, condition(`{"time": {}}`)), "rules[1].if[0].time", "needs from, until, or both"},
		{fmt.Sprintf(whole, condition(`{"time": {"until": "tomorrow"}}`)), "rules[1].if[0].time.until", "write it as in 2026-12-01T08:00:00Z"},
		{fmt.Sprintf(whole, condition(`{"time": {"from": "2026-12-01T00:00:00Z", "until": "2026-12-01T01:00:00+01:00"}}`)), "rules[1].if[0].time.until", "is not after from"},

		{fmt.Sprintf(whole, split(`"by": "a"`)), "rules[0].split.shares", "is missing"},
		{fmt.Sprintf(whole, split(`"by": "a", "shares": []`)), "rules[0].split.shares", "must not be empty"},
		{fmt.Sprintf(whole, split(`"by": "", "shares": [{"variant": "blue", "share": 1}]`)), "rules[0].split.by", "must name an attribute"},
		{fmt.Sprintf(whole, split(`"by": "a", "salt": "", "shares": [{"variant": "blue", "share": 1}]`)), "rules[0].split.salt", "leave it out for the flag's name"},
		{fmt.Sprintf(whole, split(`"by": "a", "salt": "\ud800", "shares": [{"variant": "blue", "share": 1}]`)), "rules[0].split.salt", "is not valid Unicode"},
		{fmt.Sprintf(whole, split(`"by": "a", "hash": "crc32", "shares": [{"variant": "blue", "share": 1}]`)), "rules[0].split.hash", "write xxh64 or carta"},
		{fmt.Sprintf(whole, split(`"hash": "xxh64", "shares": [{"variant": "blue", "share": 1}]`)), "rules[0].split.hash", "name an attribute in by"},
		{fmt.Sprintf(whole, split(`"hash": "carta", "shares": [{"variant": "blue", "share": 1}]`)), "rules[0].split.hash", "name an attribute in by"},
		{fmt.Sprintf(whole, split(`"by": "a", "shares": [{"variant": "green", "share": 1}]`)), "rules[0].split.shares[0].variant", "write one of grey, blue"},
		{fmt.Sprintf(whole, split(`"by": "a", "shares": [{"variant": "blue"}]`)), "rules[0].split.shares[0].share", "is missing"},
		{fmt.Sprintf(whole, split(`"by": "a", "shares": [{"variant": "blue", "share": -1}]`)), "rules[0].split.shares[0].share", "is not from 0 to 100000 (1000 is 1 %)"},
		{fmt.Sprintf(whole, split(`"by": "a", "shares": [{"variant": "blue", "share": 100001}]`)), "rules[0].split.shares[0].share", "is not from 0 to 100000"},
		{fmt.Sprintf(whole, split(`"by": "a", "shares": [{"variant": "blue", "share": 123456789012345678901234567890}]`)), "rules[0].split.shares[0].share", "is out of range"},
		{fmt.Sprintf(whole, split(`"by": "a", "shares": [{"variant": "blue", "share": 10.5}]`)), "rules[0].split.shares[0].share", "without point or exponent"},
		{fmt.Sprintf(whole, split(`"by": "a", "shares": [{"variant": "blue", "share": true}]`)), "rules[0].split.shares[0].share", "must be a whole number, not a boolean"},
		{fmt.Sprintf(whole, split(`"by": "a", "shares": [{"variant": "blue", "share": 60000}, {"variant": "grey", "share": 40001}]`)), "rules[0].split.shares[1]", "add up to 100001, at most 100000"},
		{fmt.Sprintf(whole, split(`"by": "a", "shares": [{"variant": "blue", "share": 1, "ramp": {}}]`)), "rules[0].split.shares[0]", "write one of them"},
		{fmt.Sprintf(whole, split(`"by": "a", "shares": [{"variant": "blue", "ramp": {"from": 0, "to": 1, "start": "2026-12-01T00:00:00Z", "end": "2026-12-02T00:00:00Z"}}, {"variant": "grey", "share": 1}]`)), "rules[0].split.shares[0].ramp", "must be that of the last share"},
		{fmt.Sprintf(whole, split(`"by": "a", "shares": [{"variant": "blue", "share": 50001}, {"variant": "grey", "ramp": {"from": 50000, "to": 0, "start": "2026-12-01T00:00:00Z", "end": "2026-12-02T00:00:00Z"}}]`)), "rules[0].split.shares[1]", "add up to 100001"},
		{fmt.Sprintf(whole, split(`"by": "a", "shares": [{"variant": "blue", "ramp": {"from": 0, "to": 1, "start": "2026-12-01T00:00:00Z", "end": "2026-12-01T00:00:00Z"}}]`)), "rules[0].split.shares[0].ramp.end", "is not after start"},
		{fmt.Sprintf(whole, split(`"by": "a", "shares": [{"variant": "blue", "ramp": {"from": 0, "to": 100001, "start": "2026-12-01T00:00:00Z", "end": "2026-12-02T00:00:00Z"}}]`)), "rules[0].split.shares[0].ramp.to", "is not from 0 to 100000"},
		{fmt.Sprintf(whole, split(`"by": "a", "shares": [{"variant": "blue", "ramp": {"to": 1, "start": "2026-12-01T00:00:00Z", "end": "2026-12-02T00:00:00Z"}}]`)), "rules[0].split.shares[0].ramp.from", "is missing"},
	} {
		_, err := rules.Parse("flag", targeting.JSON(test.text))
		checkRefused(t, err, test.path, test.remedy)
		if t.Failed() {
			t.Fatalf("of %s", test.text)
		}
	}
	// What is no JSON says where.
	for _, text := range []string{"", "{", `{"version": 1,}`, `{"version": 1} x`, "{\"\xff\": 1}", strings.Repeat("[", 1<<20), strings.Repeat(`{"a":`, 1<<18)} {
		if _, err := rules.Parse("flag", targeting.JSON(text)); !errors.Is(err, targeting.ErrInvalid) || len(err.Error()) > 4_000 {
			t.Errorf("%.20q: %.200v", text, err)
		}
	}
}

// TestRefusedGo makes definitions that have no stored form.
func TestRefusedGo(t *testing.T) {
	on := func(c rules.Condition) rules.Definition { return boolean(rules.Rule{If: rules.All(c), Serve: "on"}) }
	circular := make([]rules.Condition, 1)
	circular[0].Any = circular
	for _, test := range []struct {
		definition   rules.Definition
		path, remedy string
	}{
		{rules.Definition{}, "default", "write on or off"},
		{boolean(rules.Rule{}), "rules[0].serve", "must name a variant"},
		{boolean(rules.Rule{Serve: "on", Split: rules.Percent("a", 1, "on")}), "rules[0]", "set one of them"},
		{boolean(rules.Rule{Split: rules.Percent("a", 101, "on")}), "rules[0].split.shares[0].share", "is not from 0 to 100000"},
		{boolean(rules.Rule{Split: &rules.Split{By: "a"}}), "rules[0].split.shares", "must not be empty"},
		{on(rules.Condition{}), "rules[0].if[0]", "set one of Attribute, Flag, Share, Time, Any and All"},
		{on(rules.Any()), "rules[0].if[0]", "set one of Attribute"},
		{on(rules.Condition{Attribute: "a", Op: rules.OpExists, Flag: "b"}), "rules[0].if[0]", "is several conditions at once"},
		{on(rules.Not(rules.Any(rules.Exists("a")))), "rules[0].if[0].not", "negate what is in them"},
		{on(rules.Is("a")), "rules[0].if[0].values", "must not be empty"},
		{on(rules.Is("a", struct{}{})), "rules[0].if[0].values", "has no JSON form"},
		{on(rules.Is("a", []byte("x"))), "rules[0].if[0].values", "has no JSON form"},
		{on(rules.Condition{Attribute: "a"}), "rules[0].if[0].op", "is not known"},
		{on(rules.InRange("", "", 0, 1)), "rules[0].if[0].share.by", "must name an attribute"},
		{on(rules.Flag("b")), "rules[0].if[0].is", "must not be empty"},
		{boolean(rules.Rule{If: circular, Serve: "on"}), "rules[0].if[0]" + strings.Repeat(".any[0]", 8), "lies within more than 8 of any and all"},
	} {
		refused(t, test.definition, test.path, test.remedy)
	}
	if _, err := rules.New("flag", on(rules.Is("a", "\xff"))); !errors.Is(err, targeting.ErrInvalid) || !strings.Contains(err.Error(), "rules[0].if[0].values") {
		t.Errorf("text that is not valid Unicode: %v", err)
	}
}

// TestLimits holds each limit, and what is one beyond.
func TestLimits(t *testing.T) {
	variants := func(n int) (d rules.Definition) {
		for i := range n {
			d.Variants = append(d.Variants, targeting.Variant{Name: fmt.Sprint("v", i), Value: targeting.Int(int64(i))})
		}
		d.Off, d.Default = "v0", "v0"
		return d
	}
	named := func(n int) rules.Definition {
		name := strings.Repeat("é", n/2) + strings.Repeat("x", n%2)
		return rules.Definition{Variants: []targeting.Variant{{Name: name, Value: targeting.Int(1)}}, Off: name, Default: name}
	}
	many := func(n int) rules.Definition { return boolean(make([]rules.Rule, n)...) }
	conditions := func(n int) rules.Definition {
		list := make([]rules.Condition, 0, n)
		for range n - 3 {
			list = append(list, rules.Exists("a"))
		}
		// The groups do not count, what is in them does.
		list = append(list, rules.Any(rules.Exists("a"), rules.AllOf(rules.AllOf(rules.Exists("b"), rules.Exists("c")))))
		return boolean(rules.Rule{If: list, Serve: "on"})
	}
	nested := func(n int) rules.Definition {
		c := rules.Exists("a")
		for i := range n {
			if i%2 == 0 {
				c = rules.Any(c)
			} else {
				c = rules.AllOf(c)
			}
		}
		return boolean(rules.Rule{If: rules.All(c), Serve: "on"})
	}
	expression := func(n int) rules.Definition {
		return boolean(rules.Rule{If: rules.All(rules.Matches("a", strings.Repeat("x", n))), Serve: "on"})
	}
	shares := func(n int) rules.Definition {
		return boolean(rules.Rule{Split: &rules.Split{By: "a", Shares: []rules.Share{
			{Variant: "on", Share: n - 1000}, {Variant: "off", Ramp: &rules.Ramp{From: 1000, To: 10, Start: at, End: at.Add(time.Hour)}},
		}}})
	}
	for _, test := range []struct {
		about string
		make  func(int) rules.Definition
		limit int
		path  string
	}{
		{"variants", variants, 100, "variants"},
		{"bytes of a variant's name", named, 100, "variants"},
		{"bytes of a rule's name", func(n int) rules.Definition {
			return boolean(rules.Rule{Name: strings.Repeat("x", n), Serve: "on"})
		}, 100, "rules[0].name"},
		{"rules", func(n int) rules.Definition {
			d := many(n)
			for i := range d.Rules {
				d.Rules[i].Serve = "on"
			}
			return d
		}, 1000, "rules"},
		{"conditions", conditions, 100, "rules[0].if"},
		{"groups", nested, 8, "rules[0].if[0].any[0].all[0].any[0].all[0].any[0].all[0].any[0].all[0]"},
		{"bytes of an expression", expression, 1000, "rules[0].if[0].values[0]"},
		{"shares", shares, rules.Buckets, "rules[0].split.shares[1]"},
		{"bytes of a variant that is asked for", func(n int) rules.Definition {
			return boolean(rules.Rule{If: rules.All(rules.Flag("b", strings.Repeat("x", n))), Serve: "on"})
		}, 100, "rules[0].if[0].is[0]"},
	} {
		if _, err := rules.New("flag", test.make(test.limit)); err != nil {
			t.Errorf("%d %s: %v", test.limit, test.about, err)
		}
		_, err := rules.New("flag", test.make(test.limit+1))
		if err == nil || !errors.Is(err, targeting.ErrInvalid) || !strings.Contains(err.Error(), "invalid "+test.path+": ") {
			t.Errorf("%d %s: got %v, want invalid %s", test.limit+1, test.about, err, test.path)
		}
	}
}
