// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package targeting

import (
	"fmt"
	"slices"
	"strings"
)

// A Condition is a set of checks, all of which must hold. The zero Condition has
// none, and always holds.
type Condition struct{ *condition }

type condition struct {
	// checks are by variable, in the order in which the variables were first met:
	// evaluation goes by attribute.
	checks []Check
	source JSON   // the exact text, if it was read
	err    *error // why the condition cannot be stored; nil if it can
}

// NewCondition makes a condition of checks. If one of them cannot be stored,
// [Condition.Err] says why, and so does every attempt to store the condition.
func NewCondition(checks ...Check) Condition {
	c := &condition{checks: arrange(slices.Clone(checks))}
	for i := range checks {
		if err := checks[i].validate(); err != nil {
			c.err = &err
			break
		}
	}
	for i := range c.checks {
		c.checks[i].compile()
	}
	return Condition{c}
}

// arrange puts checks where the Python client does: each after the others on its
// variable, or, if there is one with the same operator, in its place. It may
// modify checks, which are in the order in which they are given.
func arrange(checks []Check) []Check {
	if distinct(checks) {
		return checks
	}
	var groups [][]Check
	places := make(map[string]int) // of the variables' groups
	for _, check := range checks {
		place, ok := places[check.Variable]
		if !ok {
			place = len(groups)
			places[check.Variable] = place
			groups = append(groups, nil)
		}
		g := groups[place]
		if i := slices.IndexFunc(g, func(c Check) bool { return c.Operator == check.Operator }); i >= 0 {
			g[i] = check
			continue
		}
		groups[place] = append(g, check)
	}
	return slices.Concat(groups...)
}

// distinct reports whether checks are few, and each is on another variable.
func distinct(checks []Check) bool {
	if len(checks) > minSet {
		return false
	}
	for i := range checks {
		for j := range i {
			if checks[i].Variable == checks[j].Variable {
				return false
			}
		}
	}
	return true
}

// ParseCondition reads a condition in its stored form, an object of lists of
// checks, as the Python client does. It accepts whatever that accepts: more than
// [NewCondition] does.
func ParseCondition(text JSON) (Condition, error) {
	var some [4]Check
	checks, err := appendChecks(some[:0], text)
	if err != nil {
		return Condition{}, err
	}
	return Condition{&condition{checks: slices.Clone(checks), source: text}}, nil
}

// ParseConditions reads the stored list of conditions.
func ParseConditions(text JSON) ([]Condition, error) {
	var someTexts [8]JSON
	texts, err := appendIterable(someTexts[:0], text)
	if err != nil {
		return nil, fmt.Errorf("conditions: %w", err)
	}
	// All conditions are one allocation, and so are all checks: flags are many.
	conditions := make([]Condition, len(texts))
	parts := make([]condition, len(texts))
	var someChecks [8]Check
	checks := someChecks[:0]
	for i, text := range texts {
		before := len(checks)
		if checks, err = appendChecks(checks, text); err != nil {
			return nil, fmt.Errorf("conditions: element %d: %w", i, err)
		}
		parts[i] = condition{source: text, checks: checks[before:]} // for the number
		conditions[i] = Condition{&parts[i]}
	}
	checks = slices.Clone(checks)
	for i := range parts {
		n := len(parts[i].checks)
		parts[i].checks, checks = checks[:n:n], checks[n:]
	}
	return conditions, nil
}

// appendChecks appends the checks of a condition in its stored form.
func appendChecks(checks []Check, text JSON) ([]Check, error) {
	var someFields [4]Field
	fields, err := AppendFields(someFields[:0], text)
	if err != nil {
		return nil, fmt.Errorf("condition: %w", err)
	}
	before := len(checks)
	for _, f := range fields {
		var some [4]JSON
		texts, err := appendIterable(some[:0], f.Value)
		if err != nil {
			return nil, fmt.Errorf("checks under %q: %w", f.Name, err)
		}
		for _, text := range texts {
			check, err := parseCheck(text)
			if err != nil {
				return nil, fmt.Errorf("check under %q: %w", f.Name, err)
			}
			check.compile()
			checks = append(checks, check)
		}
	}
	return append(checks[:before], arrange(checks[before:])...), nil
}

// appendIterable appends the texts of the elements of a list. The Python client
// iterates over whatever is there, so empty text and an empty object count as
// empty lists.
func appendIterable(elements []JSON, text JSON) ([]JSON, error) {
	if !strings.HasPrefix(string(text), "[") {
		if v, err := ParseJSON(text); err == nil &&
			(v.kind == KindText && v.text == "" || v.kind == KindObject && len(v.more.members()) == 0) {
			return elements, nil
		}
	}
	return appendElements(elements, text)
}

func parseCheck(text JSON) (Check, error) {
	var someFields [4]Field
	fields, err := AppendFields(someFields[:0], text)
	if err != nil {
		return Check{}, err
	}
	var variable, operator Value
	var value JSON
	var seen [3]bool
	for _, f := range fields {
		switch f.Name {
		case "variable":
			variable, err = ParseJSON(f.Value)
			seen[0] = true
		case "value":
			value = f.Value
			seen[1] = true
		case "operator":
			operator, err = ParseJSON(f.Value)
			seen[2] = true
		}
		if err != nil {
			return Check{}, err
		}
	}
	switch {
	case !seen[0] || !seen[1] || !seen[2]:
		return Check{}, fmt.Errorf("%w: needs variable, value and operator", ErrInvalid)
	case variable.kind != KindText:
		return Check{}, fmt.Errorf("%w variable: must be text, not %s", ErrInvalid, variable.kind)
	case operator.kind != KindText && operator.kind != KindNull:
		return Check{}, fmt.Errorf("%w operator: must be null or text, not %s", ErrInvalid, operator.kind)
	}
	// The Python client joins the two and reads the whole as a check key.
	key := variable.text
	if operator.kind == KindText {
		key += "__" + operator.text
	}
	check := Check{source: value}
	if check.Variable, check.Operator, err = ParseCheckKey(key); err != nil {
		return Check{}, err
	}
	check.Value, err = ParseJSON(value)
	return check, err
}

// Err says why the condition cannot be stored: the error matches [ErrInvalid]
// and names the check. It is nil for a condition that was read.
func (c Condition) Err() error {
	if c.condition == nil {
		return nil
	}
	return orNil(c.err)
}

// Checks gives the condition's checks: by variable, in the order in which the
// variables were first met.
func (c Condition) Checks() []Check {
	if c.condition == nil {
		return nil
	}
	return append([]Check(nil), c.checks...)
}

// JSON gives the condition's stored form: exactly as it was read, if it was.
func (c Condition) JSON() JSON {
	if c.condition != nil && c.source != "" {
		return c.source
	}
	return JSON(c.AppendCanonical(nil))
}

// AppendCanonical appends the stored form as the Python client writes it, from
// what it understands of the condition.
func (c Condition) AppendCanonical(b []byte) []byte {
	b = append(b, '{')
	if c.condition != nil {
		for i, check := range c.checks {
			switch {
			case i > 0 && c.checks[i-1].Variable == check.Variable:
				b = append(b, ", "...)
			case i > 0:
				b = append(b, "], "...)
				fallthrough
			default:
				b = AppendText(b, check.Variable)
				b = append(b, ": ["...)
			}
			b = check.appendCanonical(b)
		}
		if len(c.checks) > 0 {
			b = append(b, ']')
		}
	}
	return append(b, '}')
}

func (c Check) appendCanonical(b []byte) []byte {
	b = append(b, `{"variable": `...)
	b = AppendText(b, c.Variable)
	b = append(b, `, "value": `...)
	b = c.Value.AppendJSON(b)
	b = append(b, `, "operator": `...)
	if c.Operator == OpEqual {
		b = append(b, "null"...)
	} else {
		b = AppendText(b, c.Operator.symbol())
	}
	return append(b, '}')
}

// String gives the stored form.
func (c Condition) String() string { return string(c.JSON()) }
