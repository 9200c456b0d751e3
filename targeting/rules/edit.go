// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"iter"
	"slices"
)

// Conditions yields all conditions with their paths, such as rules[2].if[0].any[1]:
// those within any and all after the group that they are in. The conditions may be
// modified.
func (d *Definition) Conditions() iter.Seq2[string, *Condition] {
	return func(yield func(string, *Condition) bool) {
		for i := range d.Rules {
			if !yieldConditions(join(element("rules", i), "if"), d.Rules[i].If, yield) {
				return
			}
		}
	}
}

func yieldConditions(path string, conditions []Condition, yield func(string, *Condition) bool) bool {
	for i := range conditions {
		c, at := &conditions[i], element(path, i)
		if !yield(at, c) || !yieldConditions(join(at, "any"), c.Any, yield) || !yieldConditions(join(at, "all"), c.All, yield) {
			return false
		}
	}
	return true
}

// Insert puts a rule before the one at a position, counted from 0. The number of
// rules is the position behind the last one.
func (d *Definition) Insert(position int, rule Rule) error {
	if position < 0 || position > len(d.Rules) {
		return noPosition(position, len(d.Rules))
	}
	d.Rules = slices.Insert(d.Rules, position, rule)
	return nil
}

// Remove removes the rule at a position, counted from 0.
func (d *Definition) Remove(position int) error {
	if position < 0 || position >= len(d.Rules) {
		return noPosition(position, len(d.Rules)-1)
	}
	d.Rules = slices.Delete(d.Rules, position, position+1)
	return nil
}

// Replace puts a rule in the place of the one at a position, counted from 0.
func (d *Definition) Replace(position int, rule Rule) error {
	if position < 0 || position >= len(d.Rules) {
		return noPosition(position, len(d.Rules)-1)
	}
	d.Rules[position] = rule
	return nil
}

// Move takes the rule at one position to another, both counted from 0. The rules in
// between move up or down by one.
func (d *Definition) Move(from, to int) error {
	for _, position := range []int{from, to} {
		if position < 0 || position >= len(d.Rules) {
			return noPosition(position, len(d.Rules)-1)
		}
	}
	rule := d.Rules[from]
	d.Rules = slices.Insert(slices.Delete(d.Rules, from, from+1), to, rule)
	return nil
}

func noPosition(position, last int) error {
	if last < 0 {
		return invalid(element("rules", position), "there are no rules")
	}
	return invalid(element("rules", position), "there is no such position: the first is 0, the last %d", last)
}

// Rollout returns the flag's rollout: the split of the last rule, if that has no
// conditions. It is nil if there is none.
func (d *Definition) Rollout() *Split {
	if len(d.Rules) == 0 {
		return nil
	}
	last := &d.Rules[len(d.Rules)-1]
	if len(last.If) > 0 {
		return nil
	}
	return last.Split
}

// SetRollout replaces the flag's rollout, or adds it behind the other rules. A nil
// split removes it.
func (d *Definition) SetRollout(split *Split) {
	last := len(d.Rules) - 1
	switch {
	case d.Rollout() == nil && split != nil:
		d.Rules = append(d.Rules, Rule{Split: split})
	case d.Rollout() != nil && split != nil:
		d.Rules[last].Split = split
	case d.Rollout() != nil:
		d.Rules = d.Rules[:last]
	}
}
