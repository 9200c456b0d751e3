// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"github.com/flipper-go/flipper/targeting"
)

// A Step is what an evaluation found at one rule.
type Step struct {
	// Rule is the rule's position, from 0, and Name its name.
	Rule int
	Name string
	// Decided says that the rule decided. It is the last step then.
	Decided bool
	// Variant is what the rule served, if it decided.
	Variant string
	// Tests are those that were not passed, so that the rule did not hold: one, or all
	// within a group any. It is empty if the conditions hold.
	Tests []TestResult
	// Split says where the request is in the rule's split. It is nil if the conditions
	// do not hold or the rule has no split.
	Split *SplitResult
	// Err says why there is no decision. It is the last step then.
	Err error
}

// A TestOutcome says why a test was not passed.
type TestOutcome uint8

// The outcomes of tests that are not passed.
const (
	// NotPassed says that the attribute does not match, or, if the test is negated,
	// that it does.
	NotPassed TestOutcome = iota
	// NotGiven says that the attribute is missing.
	NotGiven
	// NotComparable says that the operator cannot compare the attribute, such as text
	// where a number belongs.
	NotComparable
)

// A TestResult is a test that was not passed.
type TestResult struct {
	// Path is where the condition is, as in rules[2].if[0].
	Path string
	// Condition is the test as it is written.
	Condition Condition
	// Outcome says why it was not passed.
	Outcome TestOutcome
	// Value is the attribute, if it was given.
	Value targeting.Value
	// Variant is what the other flag serves, if the test asks one.
	Variant string
	// Bucket is the request's bucket, if the test is a share and its attribute was
	// given.
	Bucket int
}

// A SplitResult is where a request is in a split.
type SplitResult struct {
	// By names the attribute. It is empty for a random split.
	By string
	// Given says whether the request has a bucket: if not, the attribute is missing, or
	// of a kind that has none.
	Given bool
	// Bucket is the request's bucket, from 0.
	Bucket int
	// From and To are the range of buckets that decided, if one did. It excludes To.
	From, To int
}

// Explain evaluates as [Evaluate] does, and returns what it found, rule by rule, up to
// the one that decided. It is empty for a flag that is disabled, has no rules, or
// decides by Carta's model. It is for people: it allocates and takes its time.
func Explain(t *Target, r *targeting.Request, flags Flags) []Step {
	s := t.Rules.ruleset
	if s == nil || !t.Enabled || s.err != nil {
		return nil
	}
	e := &evaluation{flags: flags}
	x := explainer{r, e}
	var steps []Step
	for i := range s.rules {
		step := x.rule(i, &s.definition.Rules[i], &s.rules[i])
		steps = append(steps, step)
		if step.Decided || step.Err != nil {
			break
		}
	}
	return steps
}

type explainer struct {
	request *targeting.Request
	*evaluation
}

func (x explainer) rule(position int, d *Rule, rule *rule) Step {
	step := Step{Rule: position, Name: d.Name}
	var holds bool
	holds, step.Tests, step.Err = x.all(join(element("rules", position), "if"), d.If, rule.conditions)
	switch {
	case step.Err != nil || !holds:
		return step
	case rule.serve != nil:
		step.Decided, step.Variant = true, rule.serve.Variant.Name
		return step
	}
	split := &SplitResult{By: d.Split.By}
	step.Split = split
	if rule.split.isRandom() {
		split.Given, split.Bucket = true, draw(x.request, position)
	} else if split.Bucket, split.Given = rule.split.bucket(x.request); !split.Given {
		return step
	}
	if decided := rule.split.at(split.Bucket, x.request); decided != nil {
		step.Decided, step.Variant = true, decided.Variant.Name
		split.From, split.To = rule.split.rangeOf(split.Bucket, x.request)
	}
	return step
}

// rangeOf returns the range of the share that has a bucket.
func (s *split) rangeOf(bucket int, r *targeting.Request) (from, to int) {
	for _, share := range s.shares {
		if bucket < share.end {
			return from, share.end
		}
		from = share.end
	}
	return from, from + s.ramp.share(now(r))
}

// all explains conditions that must all hold: the first that does not, if there is
// one.
func (x explainer) all(path string, defined []Condition, conditions []condition) (holds bool, tests []TestResult, err error) {
	for i := range conditions {
		if holds, tests, err = x.condition(element(path, i), &defined[i], &conditions[i]); !holds {
			return false, tests, err
		}
	}
	return true, nil, nil
}

func (x explainer) condition(path string, d *Condition, c *condition) (holds bool, tests []TestResult, err error) {
	switch c.test {
	case testAll:
		return x.all(join(path, "all"), d.All, c.group)
	case testAny:
		for i := range c.group {
			holds, more, err := x.condition(element(join(path, "any"), i), &d.Any[i], &c.group[i])
			if holds || err != nil {
				return holds, nil, err
			}
			tests = append(tests, more...)
		}
		return false, tests, nil
	}
	o, err := c.evaluate(x.request, x.evaluation)
	if err != nil || o == passed {
		return o == passed, nil, err
	}
	result := TestResult{Path: path, Condition: *d}
	switch o {
	case missing:
		result.Outcome = NotGiven
	case incomparable:
		result.Outcome = NotComparable
	}
	var value *targeting.Value
	switch c.test {
	case testFlag:
		if v, err := x.ask(x.request, c.flag.name); err == nil {
			result.Variant = v.Name
		}
	case testShare:
		if bucket, ok := c.share.bucket(x.request); ok {
			result.Bucket = bucket
		}
		value = c.share.find(x.request)
	case testTime:
	default:
		value = c.path.find(x.request)
	}
	if value != nil {
		result.Value = *value
	}
	return false, []TestResult{result}, nil
}
