// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package carta_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
)

func TestNewConditionRefuses(t *testing.T) {
	for _, c := range []struct {
		check carta.Check
		says  string
	}{
		{carta.Equal("a__b", 1), `must not hold "__"`},
		{carta.Equal("a__gt", 1), `must not hold "__"`},
		{carta.Equal("a_", 1), `nor end in "_"`},
		{carta.Greater("a_", 1), `nor end in "_"`},
		{carta.Equal("self", 1), "reserved"},
		{carta.Equal("\xff", 1), "UTF-8"},
		{carta.Equal("a", "\xff"), "UTF-8"},
		{carta.In("a", "b", "\xff"), "UTF-8"},
		{carta.In("a", map[string]int{"\xff": 1}), "UTF-8"},
		{carta.Equal("a", []int{1}), "In or NotIn"},
		{carta.NotEqual("a", []int{1}), "In or NotIn"},
		{carta.Greater("a", nil), "null has no order"},
		{carta.GreaterOrEqual("a", []int{1}), "list has no order"},
		{carta.Less("a", map[string]int{}), "object has no order"},
		{carta.LessOrEqual("a", math.NaN()), "NaN has no order"},
		{carta.NewCheck("a", carta.OpIn, 1), "needs a list"},
		{carta.NewCheck("a", carta.OpNotIn, nil), "needs a list"},
		{carta.NewCheck("a", carta.Operator(99), 1), "unknown operator"},
		{carta.Equal("a", struct{}{}), "no JSON form"},
		{carta.In("a", 1, func() {}), "no JSON form"},
		{carta.In("a", []string{"b"}, []string{"c"}), "a list within the list"},
		{carta.NotIn("a", [][]int{{1}}), "a list within the list"},
		{carta.NewCheck("a", carta.OpIn, []any{"b", []any{}}), "a list within the list"},
	} {
		err := carta.NewCondition(carta.Equal("fine", 1), c.check).Err()
		if !errors.Is(err, targeting.ErrInvalid) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s on %q with %s: %v, want ErrInvalid that says %q", c.check.Operator, c.check.Variable, c.check.Value, err, c.says)
		}
	}
}

// TestSingleSlice returns the values in a slice, as people have them.
func TestSingleSlice(t *testing.T) {
	type plan string
	for _, values := range [][]any{
		{[]string{"pro", "team"}},
		{[]any{"pro", "team"}},
		{[2]string{"pro", "team"}},
		{[]plan{"pro", "team"}},
		{&[]string{"pro", "team"}},
		{targeting.List(targeting.Text("pro"), targeting.Text("team"))},
		{[]targeting.Value{targeting.Text("pro"), targeting.Text("team")}},
	} {
		want := carta.NewCondition(carta.In("plan", "pro", "team"), carta.NotIn("plan", "pro", "team"))
		got := carta.NewCondition(carta.In("plan", values...), carta.NotIn("plan", values...))
		if got.Err() != nil || got.JSON() != want.JSON() {
			t.Errorf("%T: %s, %v, want %s", values[0], got, got.Err(), want)
		}
	}
	if c := carta.NewCondition(carta.NotIn("plan", []string{})); c.Err() != nil || len(c.Checks()[0].Value.Elements()) != 0 {
		t.Errorf("an empty slice: %s, %v", c, c.Err())
	}
}

func TestNewConditionAccepts(t *testing.T) {
	for _, check := range []carta.Check{
		carta.Equal("", 1),
		carta.Equal("_a", nil),
		carta.Equal("é 1", map[string]int{"a": 1}),
		carta.In("a"), // nobody
		carta.NewCheck("a", carta.OpIn, "substring of"),
		carta.NewCheck("a", carta.OpNotIn, map[string]int{"key": 1}),
		carta.Equal("a", math.NaN()),
	} {
		if err := carta.NewCondition(check).Err(); err != nil {
			t.Error(err)
		}
	}
}

// What NewCondition accepts is read back as the same.
func TestConditionRoundTrip(t *testing.T) {
	made := carta.NewCondition(
		carta.GreaterOrEqual("age", 18), carta.Equal("plan", "pro"), carta.Less("age", 65.0),
		carta.NotIn("country", "XX", nil, 1), carta.LessOrEqual("age", 99), carta.NotEqual("", nil),
	)
	if err := made.Err(); err != nil {
		t.Fatal(err)
	}
	read, err := carta.ParseCondition(made.JSON())
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(read.AppendCanonical(nil)), made.String(); got != want {
		t.Errorf("%s comes back as %s", want, got)
	}
	if read.Err() != nil || len(read.Checks()) != 6 {
		t.Errorf("%v, %d checks", read.Err(), len(read.Checks()))
	}
	// By variable, in the order first met.
	var order []string
	for _, check := range read.Checks() {
		order = append(order, check.Variable+" "+check.Operator.String())
	}
	if got := strings.Join(order, ", "); got != "age gte, age lt, age lte, plan eq, country not_in,  ne" {
		t.Error(got)
	}
}

func TestConditionKeepsText(t *testing.T) {
	const text = `{"x": [{"operator": null, "value" : 1.50, "variable":"a", "note": "mine"}], "y":[]}`
	c, err := carta.ParseCondition(text)
	if err != nil {
		t.Fatal(err)
	}
	if c.JSON() != text {
		t.Errorf("JSON is %s", c.JSON())
	}
	if got := c.Checks()[0].ValueJSON(); got != "1.50" {
		t.Errorf("value is %s", got)
	}
	if got := string(c.AppendCanonical(nil)); got != `{"a": [{"variable": "a", "value": 1.5, "operator": null}]}` {
		t.Errorf("canonical form is %s", got)
	}
}

// A long list is searched as a set, and keeps its text all the same.
func TestConditionKeepsTextOfLists(t *testing.T) {
	for _, value := range []targeting.JSON{
		`[1, 2]`, `[1,2]`,
		`[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17]`,
		`[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]`,
		`[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30]`,
	} {
		c, err := carta.ParseCondition(`{"a": [{"variable": "a", "value": ` + value + `, "operator": "in"}]}`)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Checks()[0].ValueJSON(); got != value {
			t.Errorf("value is %s, want %s", got, value)
		}
		for attribute, want := range map[int64]bool{2: true, 99: false} {
			r := &targeting.Request{Attrs: []targeting.Attr{{Name: "a", Value: targeting.Int(attribute)}}}
			if on, _, err := carta.Evaluate(true, []carta.Condition{c}, carta.NoBucketer(), r); on != want || err != nil {
				t.Errorf("%d in %s: %t, %v", attribute, value, on, err)
			}
		}
	}
}

func TestChecksOfOneKeyCollapse(t *testing.T) {
	c := carta.NewCondition(carta.Equal("a", 1), carta.Equal("b", 2), carta.Equal("a", 3), carta.Greater("a", 0))
	if got, want := c.String(), `{"a": [{"variable": "a", "value": 3, "operator": null}, {"variable": "a", "value": 0, "operator": "gt"}], `+
		`"b": [{"variable": "b", "value": 2, "operator": null}]}`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestZeroCondition(t *testing.T) {
	var c carta.Condition
	if c.Err() != nil || c.Checks() != nil || c.JSON() != "{}" {
		t.Errorf("%v, %v, %s", c.Err(), c.Checks(), c.JSON())
	}
	r := &targeting.Request{Attrs: []targeting.Attr{{Name: "a"}}}
	if on, reason, err := carta.Evaluate(true, []carta.Condition{c}, carta.NoBucketer(), r); !on || reason != targeting.ReasonTargetingMatch || err != nil {
		t.Errorf("%t, %s, %v", on, reason, err)
	}
}

func TestParseConditionRefuses(t *testing.T) {
	for _, text := range []targeting.JSON{
		``, `null`, `[]`, `1`, `{"a": null}`, `{"a": 1}`, `{"a": "x"}`, `{"a": {"b": 1}}`, `{"a": [null]}`, `{"a": [[]]}`,
		`{"a": [{}]}`, `{"a": [{"variable": "a", "value": 1}]}`, `{"a": [{"variable": 1, "value": 1, "operator": null}]}`,
		`{"a": [{"variable": "a", "value": 1, "operator": ""}]}`, `{"a": [{"variable": "a", "value": 1, "operator": "eq"}]}`,
		`{"a": [{"variable": "a", "value": 1, "operator": 1}]}`, `{"a": [{"variable": "a__b", "value": 1, "operator": null}]}`,
		`{"a": [{"variable": "a_", "value": 1, "operator": "gt"}]}`, `{"a": [{"variable": "self", "value": 1, "operator": null}]}`,
	} {
		if c, err := carta.ParseCondition(text); !errors.Is(err, targeting.ErrInvalid) {
			t.Errorf("%s: %s, %v, want ErrInvalid", text, c, err)
		}
	}
	for _, text := range []targeting.JSON{`null`, `1`, `{"a": 1}`, `"x"`, `[1]`, `[{}, null]`} {
		if c, err := carta.ParseConditions(text); !errors.Is(err, targeting.ErrInvalid) {
			t.Errorf("%s: %v, %v, want ErrInvalid", text, c, err)
		}
	}
}

func TestOperators(t *testing.T) {
	for o := carta.OpEqual; o <= carta.OpNotIn; o++ {
		if again, err := carta.ParseOperator(o.String()); again != o || err != nil {
			t.Errorf("%s: %s, %v", o, again, err)
		}
	}
	if o, err := carta.ParseOperator(""); o != carta.OpEqual || err != nil {
		t.Errorf("empty symbol: %s, %v", o, err)
	}
	for _, symbol := range []string{"GT", "==", "not in", "Operator(9)"} {
		if o, err := carta.ParseOperator(symbol); !errors.Is(err, targeting.ErrInvalid) {
			t.Errorf("%q: %s, %v, want ErrInvalid", symbol, o, err)
		}
	}
	if got := carta.Operator(9).String(); got != "Operator(9)" {
		t.Error(got)
	}
}

// TestRepeatedNamesInCondition has names that come twice: the last value counts,
// and the first may be unreadable.
func TestRepeatedNamesInCondition(t *testing.T) {
	const good = `{"variable": "a", "value": 1, "operator": null}`
	for _, text := range []targeting.JSON{
		`{"a": [{"variable": 1}], "a": [` + good + `]}`,
		`{"a": [{"variable": "b", "value": 2, "operator": null}], "a": [` + good + `]}`,
		`{"a": "text", "b": [], "a": [` + good + `]}`,
		`{"a": [{"variable": 1, "value": 1, "operator": {}, "variable": "a", "operator": null}]}`,
	} {
		for what, read := range map[string]func() ([]carta.Condition, error){
			"condition": func() ([]carta.Condition, error) {
				c, err := carta.ParseCondition(text)
				return []carta.Condition{c}, err
			},
			"conditions": func() ([]carta.Condition, error) {
				all, err := carta.ParseConditions(`[{"z": []}, ` + text + `, {}]`)
				if err != nil || len(all) != 3 {
					return nil, fmt.Errorf("%d conditions, %w", len(all), err)
				}
				return all[1:2], nil
			},
		} {
			got, err := read()
			if err != nil {
				t.Errorf("%s %s: %v", what, text, err)
				continue
			}
			if checks := got[0].Checks(); len(checks) != 1 || checks[0].Variable != "a" || got[0].JSON() != text {
				t.Errorf("%s %s: %v, as %s", what, text, checks, got[0].JSON())
			}
		}
	}
	for _, text := range []targeting.JSON{
		`{"a": [` + good + `], "a": [{"variable": 1}]}`,
		`{"a": [` + good + `], "a": 1}`,
		`{"a": [` + good + `], "a": [}`,
		`{"a": [` + good + `]`,
		`{"a": [` + good + `]} x`,
	} {
		if c, err := carta.ParseCondition(text); !errors.Is(err, targeting.ErrInvalid) {
			t.Errorf("%s: %v, %v", text, c, err)
		}
	}
}
