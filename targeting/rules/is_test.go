// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package rules_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/rules"
)

// huge is beyond int64 and is no float64.
const huge = "123456789012345678901234567890"

func TestIs(t *testing.T) {
	digits := strings.Repeat("7", 4300)
	for _, c := range []comparison{
		{values: []any{"café"}, passes: []any{"café"}, fails: []any{"cafe\u0301", "Café", "caf", "", "café ", 1, 1.5, json.Number(huge)}, never: append([]any{true, false}, anyKind...)},
		{values: []any{""}, passes: []any{""}, fails: []any{" ", 0}, never: []any{false}},
		{values: []any{"DE", "AT"}, passes: []any{"DE", "AT"}, fails: []any{"CH", "de", 1}, never: []any{true}},
		{values: []any{"a", "b", "c", "d", "e", "f", "g", "h", "i"}, passes: []any{"a", "i"}, fails: []any{"j", 1, 1.5}, never: []any{true, infinite}},

		// Numbers by exact value, and their keys.
		{values: []any{1}, passes: []any{1, 1.0, "1"}, fails: []any{"1.0", "01", "+1", "1e0", " 1", 2, 1.5, "true", ""}, never: []any{true, notANumber, infinite}},
		{values: []any{1.0}, passes: []any{1, 1.0, "1"}, fails: []any{"1.0", 2}, never: []any{true}},
		{values: []any{"1"}, passes: []any{1, 1.0, "1"}, fails: []any{"1.0", 2, 1.5, json.Number(huge)}, never: []any{true, notANumber}},
		{values: []any{"1.0"}, passes: []any{"1.0"}, fails: []any{1, 1.0, "1"}},
		{values: []any{1.5}, passes: []any{1.5}, fails: []any{"1.5", 1, 2, "1"}},
		{values: []any{"1.5"}, passes: []any{"1.5"}, fails: []any{1.5, 1}},
		{values: []any{0}, passes: []any{0, 0.0, json.Number("-0.0"), "0"}, fails: []any{"-0", "", 1}, never: []any{false}},
		{values: []any{"-0"}, passes: []any{"-0"}, fails: []any{0, 0.0, "0"}},
		{values: []any{-7}, passes: []any{-7, -7.0, "-7"}, fails: []any{7, "7", "- 7"}},

		// The doubles end at 2^53, and so do the keys of floats. Ints have keys at any size.
		{values: []any{1 << 53}, passes: []any{1 << 53, float64(1 << 53), "9007199254740992"}, fails: []any{1<<53 + 1, 1<<53 - 1}},
		{values: []any{1<<53 + 1}, passes: []any{1<<53 + 1, "9007199254740993"}, fails: []any{float64(1 << 53), 1 << 53}},
		{values: []any{float64(1 << 53)}, passes: []any{1 << 53, float64(1 << 53)}, fails: []any{"9007199254740992", 1<<53 + 1}},
		{values: []any{"9007199254740992"}, passes: []any{"9007199254740992", 1 << 53}, fails: []any{float64(1 << 53)}},
		{values: []any{float64(1<<53 - 1)}, passes: []any{1<<53 - 1, "9007199254740991"}, fails: []any{1 << 53}},
		{values: []any{1e30}, passes: []any{1e30, json.Number("1000000000000000019884624838656")}, fails: []any{json.Number("1000000000000000000000000000000"), "1e30", "1000000000000000019884624838656"}},
		{values: []any{json.Number("1000000000000000019884624838656")}, passes: []any{1e30, json.Number("1000000000000000019884624838656"), "1000000000000000019884624838656"}, fails: []any{1e31}},
		{values: []any{"1000000000000000019884624838656"}, passes: []any{json.Number("1000000000000000019884624838656"), "1000000000000000019884624838656"}, fails: []any{1e30}},
		{values: []any{json.Number(huge)}, passes: []any{json.Number(huge), huge}, fails: []any{json.Number(huge + "1"), 1.2345678901234568e29, 1}},
		{values: []any{json.Number(digits)}, passes: []any{json.Number(digits), digits}, fails: []any{digits[1:], 7}},
		{values: []any{digits + "7"}, passes: []any{digits + "7"}, fails: []any{digits, 7}},
		{values: []any{"9223372036854775807"}, passes: []any{int64(1<<63 - 1), "9223372036854775807"}, fails: []any{float64(1 << 63), uint64(1 << 63)}},
		{values: []any{uint64(1 << 63)}, passes: []any{uint64(1 << 63), float64(1 << 63), "9223372036854775808"}, fails: []any{int64(1<<63 - 1)}},
		{values: []any{int64(-1 << 63)}, passes: []any{int64(-1 << 63), float64(-1 << 63), "-9223372036854775808"}, fails: []any{float64(1 << 63)}},

		// Booleans compare with booleans only.
		{values: []any{true}, passes: []any{true}, fails: []any{false}, never: []any{1, "true", "1", 1.0, ""}},
		{values: []any{false}, passes: []any{false}, fails: []any{true}, never: []any{0, "false", "0", ""}},
		{values: []any{true, false}, passes: []any{true, false}, never: []any{"x", 1}},

		// Values of several kinds: comparable with one is enough.
		{values: []any{"pro", true}, passes: []any{"pro", true}, fails: []any{false, "free", 1}, never: anyKind},
		{values: []any{"pro", 1, 2.5}, passes: []any{"pro", 1, "1", 2.5}, fails: []any{"2.5", "free", 2}, never: []any{true}},

		// What is not finite compares with nothing.
		{values: []any{notANumber}, never: []any{notANumber, infinite, 1, "NaN", true}},
		{values: []any{infinite}, never: []any{infinite, -infinite, 1, 1e308, "Infinity"}},
		{values: []any{infinite, 1}, passes: []any{1, "1"}, fails: []any{2, "x"}, never: []any{infinite, notANumber}},
	} {
		c.op = rules.OpIs
		c.check(t)
	}
}

// TestIsUnicode compares text that is not valid Unicode by its bytes.
func TestIsUnicode(t *testing.T) {
	if got := holds(t, rules.Is("a", "\ufffd"), targeting.Attr{Name: "a", Value: targeting.Text("\xff")}); got {
		t.Error("an invalid byte equals U+FFFD")
	}
}

// TestIsList shows that a single slice, of Go or of the model, stands for its elements.
func TestIsList(t *testing.T) {
	for _, c := range []rules.Condition{
		rules.Is("a", []string{"x", "y"}), rules.Is("a", [2]string{"x", "y"}), rules.Is("a", targeting.List(targeting.Text("x"), targeting.Text("y"))), rules.Is("a", "x", "y"),
	} {
		if !holds(t, c, attr("a", "y")) || holds(t, c, attr("a", "z")) {
			t.Errorf("%s does not hold for its elements alone", c)
		}
	}
}

func TestLists(t *testing.T) {
	object := map[string]any{"x": "x"}
	for _, c := range []comparison{
		{
			op: rules.OpIs, values: []any{"x"},
			passes: []any{[]any{"x"}, []any{"y", "x"}, []any{nil, []any{"x"}, "x"}, []any{true, "x"}},
			fails:  []any{[]any{"y"}, []any{"y", []any{"x"}}, []any{object, "y"}, []any{nil, "y"}, []any{1}, []any{true, 1}},
			never:  []any{[]any{[]any{"x"}}, []any{object}, []any{nil}, []any{true}, []any{notANumber}},
		},
		{op: rules.OpGreater, values: []any{5}, passes: []any{[]any{6}, []any{1, 6}, []any{"6", 6}}, fails: []any{[]any{5}, []any{1, "6"}, []any{true, 1}}, never: []any{[]any{"6"}, []any{true}, []any{[]any{6}}}},
		{op: rules.OpVersionGreaterOrEqual, values: []any{"2.0.0"}, passes: []any{[]any{"1.0.0", "2.0.0"}, []any{"latest", "3"}}, fails: []any{[]any{"1.0.0", "latest"}}, never: []any{[]any{"latest", 2}}},
		{op: rules.OpInNetwork, values: []any{"10.0.0.0/8"}, passes: []any{[]any{"192.0.2.1", "10.1.1.1"}}, fails: []any{[]any{"192.0.2.1", "x"}}, never: []any{[]any{"x", 10}}},
		{op: rules.OpBefore, values: []any{"2026-12-01T00:00:00Z"}, passes: []any{[]any{"x", 0}}, fails: []any{[]any{"2027-01-01T00:00:00Z", "x"}}, never: []any{[]any{"x", true}}},
	} {
		c.check(t)
	}
}

func TestPointers(t *testing.T) {
	attrs := []targeting.Attr{
		attr("address", map[string]any{
			"country": "AT", "": "empty", "a/b": map[string]any{"~": "tilde"}, "null": nil, "none": []any{}, "list": []any{"x", "y"},
		}),
		attr("/x", "slash"), attr("", "no name"), attr("a~b", "tilde"), attr("list", []any{map[string]any{"x": 1}}), attr("~1", "literal"), attr("text", "AT"),
	}
	for name, value := range map[string]string{
		"/address/country": "AT", "/address/": "empty", "/address/a~1b/~0": "tilde", "/~1x": "slash", "/": "no name", "/a~0b": "tilde", "a~b": "tilde",
		"~1": "literal", "/~01": "literal", "/address/list": "y", "/text": "AT",
	} {
		if !holds(t, rules.Is(name, value), attrs...) {
			t.Errorf("the pointer %q does not lead to %q", name, value)
		}
	}
	for _, name := range []string{
		"/address/city", "/address/null", "/address/none", "/address/country/x", "/list/0", "/list/0/x", "/list/x", "/Address/country", "/x", "/address/list/0", "address/country", "/address/a/b",
	} {
		if holds(t, rules.Exists(name), attrs...) || holds(t, rules.Not(rules.Is(name, "AT")), attrs...) || !holds(t, rules.Not(rules.Exists(name)), attrs...) {
			t.Errorf("something is at %q", name)
		}
	}
	for _, name := range []string{"/~", "/a~2", "/a/~x", "/~~0"} {
		refused(t, boolean(rules.Rule{If: rules.All(rules.Exists(name)), Serve: "on"}), "rules[0].if[0].attribute", "~ is written ~0")
		refused(t, boolean(rules.Rule{Split: rules.Percent(name, 10, "on")}), "rules[0].split.by", "~ is written ~0")
		refused(t, boolean(rules.Rule{If: rules.All(rules.InRange(name, "", 0, 1)), Serve: "on"}), "rules[0].if[0].share.by", "~ is written ~0")
	}
	// What a split and a share are by may be a pointer, too.
	nested := attr("user", map[string]any{"id": 42})
	split := target(t, "NEW_CHECKOUT", boolean(rules.Rule{Split: &rules.Split{By: "/user/id", Shares: []rules.Share{{Variant: "on", Share: 2493}}}}))
	if got := serve(t, split, request(nested), nil); got != "on" {
		t.Errorf("a split by a pointer: %s", got)
	}
	if !holds(t, rules.InRange("/user/id", "NEW_CHECKOUT", 2492, 2493), nested) {
		t.Error("a share by a pointer")
	}
}
