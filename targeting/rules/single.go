// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package rules

import "github.com/flipper-go/flipper/targeting"

// ParseRule reads one rule in its stored form. Whether it fits a flag, such as its
// variants, is checked by [New]. The error matches [targeting.ErrInvalid] and names the
// field.
func ParseRule(text targeting.JSON) (Rule, error) {
	v, err := readValue(text)
	if err != nil {
		return Rule{}, err
	}
	return readRule("", v)
}

// ParseCondition reads one condition in its stored form, as [ParseRule] does a rule.
func ParseCondition(text targeting.JSON) (Condition, error) {
	v, err := readValue(text)
	if err != nil {
		return Condition{}, err
	}
	return readCondition("", v, 0)
}

// String returns the rule's stored form.
func (r Rule) String() string { return string(appendRule(nil, r)) }
