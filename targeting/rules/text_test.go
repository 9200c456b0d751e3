// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package rules_test

import (
	"encoding/json"
	"testing"

	"github.com/flipper-go/flipper/targeting/rules"
)

// notText are attributes that an operator on text cannot compare.
var notText = append([]any{1, 1.5, true, false}, anyKind...)

func TestText(t *testing.T) {
	for _, c := range []comparison{
		{op: rules.OpContains, values: []any{"é"}, passes: []any{"é", "café au lait"}, fails: []any{"e\u0301", "É", ""}, never: notText},
		{op: rules.OpContains, values: []any{"a", "b"}, passes: []any{"xa", "bx"}, fails: []any{"x", "AB"}},
		{op: rules.OpStartsWith, values: []any{"ab", "x"}, passes: []any{"ab", "abc", "xyz"}, fails: []any{"a", "", "Ab", " ab"}, never: notText},
		{op: rules.OpEndsWith, values: []any{"@example.com"}, passes: []any{"@example.com", "a@example.com"}, fails: []any{"a@Example.com", "a@example.com ", "example.com"}, never: notText},
		{op: rules.OpContains, values: []any{"1"}, fails: []any{"2"}, never: []any{1, 12, true}},
		{op: rules.OpMatches, values: []any{"b+"}, passes: []any{"abba", "b"}, fails: []any{"", "B"}, never: append([]any{"b\xff"}, notText...)},
		{op: rules.OpMatches, values: []any{"^b$"}, passes: []any{"b"}, fails: []any{"ab", "b\n", "bb"}},
		{op: rules.OpMatches, values: []any{"^a", "(?i)z$"}, passes: []any{"ab", "xZ"}, fails: []any{"ba", "zx"}},
		{op: rules.OpMatches, values: []any{`^\pL{2}$`}, passes: []any{"éü"}, fails: []any{"e\u0301x"}},
	} {
		c.check(t)
	}
}

func TestNumbers(t *testing.T) {
	notNumbers := append([]any{"5", "", true, false}, anyKind...)
	for _, c := range []comparison{
		{op: rules.OpGreater, values: []any{5}, passes: []any{6, 5.0000001, json.Number(huge), 1e300}, fails: []any{5, 5.0, 4, json.Number("-" + huge)}, never: notNumbers},
		{op: rules.OpGreaterOrEqual, values: []any{5}, passes: []any{5, 5.0, 6}, fails: []any{4, 4.9999999}, never: notNumbers},
		{op: rules.OpLess, values: []any{5}, passes: []any{4, 4.9, json.Number("-" + huge)}, fails: []any{5, 5.0, 6}, never: notNumbers},
		{op: rules.OpLessOrEqual, values: []any{5}, passes: []any{5, 5.0, 4}, fails: []any{5.1, 6}, never: notNumbers},
		{op: rules.OpGreater, values: []any{float64(1 << 53)}, passes: []any{1<<53 + 1}, fails: []any{1 << 53, float64(1 << 53)}},
		{op: rules.OpLess, values: []any{json.Number(huge)}, passes: []any{json.Number("123456789012345678901234567889"), 1}, fails: []any{json.Number(huge), json.Number(huge + "0"), 1e40}},
		// One of the values must match.
		{op: rules.OpGreater, values: []any{10, 5}, passes: []any{6}, fails: []any{5}},
		{op: rules.OpGreater, values: []any{notANumber}, never: []any{1, infinite, "x"}},
		{op: rules.OpGreater, values: []any{notANumber, 5}, passes: []any{6}, fails: []any{5}, never: []any{infinite}},
	} {
		c.check(t)
	}
}
