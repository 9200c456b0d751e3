// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package targeting

import "fmt"

// A Condition is a set of checks, all of which must hold. The zero Condition has
// none, and always holds.
type Condition struct{ *condition }

type condition struct {
	groups []group
	source JSON  // the exact text, if it was read
	err    error // why the condition cannot be stored
}

// A group is the checks on one variable. Evaluation goes by attribute, so they
// are together.
type group struct {
	variable string
	checks   []Check
}

// NewCondition makes a condition of checks. If one of them cannot be stored,
// [Condition.Err] says why, and so does every attempt to store the condition.
func NewCondition(checks ...Check) Condition {
	c := &condition{}
	places := map[string]int{}
	for _, check := range checks {
		if err := check.validate(); err != nil && c.err == nil {
			c.err = err
		}
		c.add(check, places)
	}
	return Condition{c}
}

// add puts a check where the Python client does: after the others on its
// variable, or, if there is one with the same operator, in its place. places
// has the places of the groups by variable; it is the same map for all checks.
func (c *condition) add(check Check, places map[string]int) {
	check.compile()
	place, ok := places[check.Variable]
	if !ok {
		places[check.Variable] = len(c.groups)
		c.groups = append(c.groups, group{check.Variable, []Check{check}})
		return
	}
	g := &c.groups[place]
	for i := range g.checks {
		if g.checks[i].Operator == check.Operator {
			g.checks[i] = check
			return
		}
	}
	g.checks = append(g.checks, check)
}

// ParseCondition reads a condition in its stored form, an object of lists of
// checks, as the Python client does. It accepts whatever that accepts: more than
// [NewCondition] does.
func ParseCondition(text JSON) (Condition, error) {
	fields, err := SplitObject(text)
	if err != nil {
		return Condition{}, fmt.Errorf("condition: %w", err)
	}
	c := &condition{source: text}
	places := map[string]int{}
	for _, f := range fields {
		checks, err := splitIterable(f.Value)
		if err != nil {
			return Condition{}, fmt.Errorf("checks under %q: %w", f.Name, err)
		}
		for _, text := range checks {
			check, err := parseCheck(text)
			if err != nil {
				return Condition{}, fmt.Errorf("check under %q: %w", f.Name, err)
			}
			c.add(check, places)
		}
	}
	return Condition{c}, nil
}

// ParseConditions reads the stored list of conditions.
func ParseConditions(text JSON) ([]Condition, error) {
	texts, err := splitIterable(text)
	if err != nil {
		return nil, fmt.Errorf("conditions: %w", err)
	}
	conditions := make([]Condition, len(texts))
	for i, text := range texts {
		if conditions[i], err = ParseCondition(text); err != nil {
			return nil, fmt.Errorf("conditions: element %d: %w", i, err)
		}
	}
	return conditions, nil
}

// splitIterable gives the elements of a list. The Python client iterates over
// whatever is there, so empty text and an empty object count as empty lists.
func splitIterable(text JSON) ([]JSON, error) {
	if v, err := ParseJSON(text); err == nil &&
		(v.kind == KindText && v.text == "" || v.kind == KindObject && len(v.more.members) == 0) {
		return nil, nil
	}
	return splitList(text)
}

func parseCheck(text JSON) (Check, error) {
	fields, err := SplitObject(text)
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
	return c.err
}

// Checks gives the condition's checks: by variable, in the order in which the
// variables were first met.
func (c Condition) Checks() []Check {
	if c.condition == nil {
		return nil
	}
	var checks []Check
	for _, g := range c.groups {
		checks = append(checks, g.checks...)
	}
	return checks
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
		for i, g := range c.groups {
			if i > 0 {
				b = append(b, ", "...)
			}
			b = AppendText(b, g.variable)
			b = append(b, ": ["...)
			for j, check := range g.checks {
				if j > 0 {
					b = append(b, ", "...)
				}
				b = check.appendCanonical(b)
			}
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
