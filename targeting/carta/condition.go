// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package carta

import (
	"slices"

	"github.com/flipper-go/flipper/targeting"
)

// A Condition is a set of checks, all of which must hold. The zero Condition has
// none, and always holds.
type Condition struct{ *condition }

type condition struct {
	// checks are by variable, in the order in which the variables were first met:
	// evaluation goes by attribute.
	checks []Check
	source targeting.JSON // the exact text, if it was read
	err    *error         // why the condition cannot be stored; nil if it can
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

// Err says why the condition cannot be stored: the error matches [ErrInvalid]
// and names the check. It is nil for a condition that was read.
func (c Condition) Err() error {
	if c.condition == nil {
		return nil
	}
	return orNil(c.err)
}

// Checks returns the condition's checks: by variable, in the order in which the
// variables were first met.
func (c Condition) Checks() []Check {
	if c.condition == nil {
		return nil
	}
	return append([]Check(nil), c.checks...)
}

// JSON returns the condition's stored form: exactly as it was read, if it was.
func (c Condition) JSON() targeting.JSON {
	if c.condition != nil && c.source != "" {
		return c.source
	}
	return targeting.JSON(c.AppendCanonical(nil))
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
				b = targeting.AppendText(b, check.Variable)
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
	b = targeting.AppendText(b, c.Variable)
	b = append(b, `, "value": `...)
	b = c.Value.AppendJSON(b)
	b = append(b, `, "operator": `...)
	if c.Operator == OpEqual {
		b = append(b, "null"...)
	} else {
		b = targeting.AppendText(b, c.Operator.symbol())
	}
	return append(b, '}')
}

// String returns the stored form.
func (c Condition) String() string { return string(c.JSON()) }
