// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"math"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
	"unique"

	"github.com/flipper-go/flipper/targeting"
)

// An outcome is what a test of a request comes to. Only the first two can be negated.
type outcome uint8

const (
	failed outcome = iota
	passed
	missing      // the attribute is not there
	incomparable // the operator cannot compare the attribute
)

func outcomeOf(ok bool) outcome {
	if ok {
		return passed
	}
	return failed
}

// A condition is a [Condition] that is prepared for evaluation. It is small, because
// what is slow is to get it from memory.
type condition struct {
	test      testKind
	not       bool
	text      unique.Handle[string] // of testAttributeIsText
	name      name                  // of the attribute, for testAttributeIsText
	*operands                       // of all other tests
}

// operands are what a test compares with.
type operands struct {
	path   path
	texts  []string  // of testIsTexts, testContains, ...
	set    *set      // of testIs
	rare   *rareTest // of the other tests of attributes
	flag   *flagTest
	share  *shareTest
	period *Period
	group  []condition // of testAny and testAll
}

type testKind uint8

const (
	// The most frequent test, for which holdAll takes a shorter way: an attribute that
	// is no pointer is one text, not negated.
	testAttributeIsText testKind = iota
	testIsTexts
	testIs
	testContains
	testStartsWith
	testEndsWith
	testMatches
	testNumber
	testAttributeTime
	testVersion
	testNetwork
	testExists
	testFlag
	testShare
	testTime
	testAny
	testAll
)

type rareTest struct {
	order       order // which outcomes of a comparison pass
	numbers     []targeting.Value
	times       []time.Time
	versions    []semver
	networks    []netip.Prefix
	expressions []*regexp.Regexp
}

type flagTest struct {
	name     string
	variants []string
}

type shareTest struct {
	bucketing
	from, to int
}

// holdAll reports whether all conditions hold. An error behind one that does not
// hold does not count.
func holdAll(conditions []condition, r *targeting.Request, e *evaluation) (bool, error) {
	for i := range conditions {
		c := &conditions[i]
		if c.test == testAttributeIsText {
			attr := r.Find(c.name.Value())
			if attr == nil {
				return false, nil
			}
			if text, ok := attr.Value.AsText(); ok {
				if text != c.text.Value() {
					return false, nil
				}
				continue
			}
		}
		outcome, err := c.evaluate(r, e)
		if outcome != passed {
			return false, err
		}
	}
	return true, nil
}

// evaluate tests a request. With an error the outcome is failed.
func (c *condition) evaluate(r *targeting.Request, e *evaluation) (outcome, error) {
	var o outcome
	switch c.test {
	case testFlag:
		variant, err := e.ask(r, c.flag.name)
		if err != nil {
			return failed, err
		}
		o = outcomeOf(slices.Contains(c.flag.variants, variant.Name))
	case testAny:
		for i := range c.group {
			o, err := c.group[i].evaluate(r, e)
			if o == passed || err != nil {
				return o, err
			}
		}
		return failed, nil
	case testAll:
		all, err := holdAll(c.group, r, e)
		return outcomeOf(all), err
	case testShare:
		bucket, ok := c.share.bucket(r)
		if !ok {
			return missing, nil
		}
		o = outcomeOf(c.share.from <= bucket && bucket < c.share.to)
	case testTime:
		o = outcomeOf(c.period.holds(now(r)))
	case testExists:
		o = outcomeOf(c.path.find(r) != nil)
	default:
		v := c.path.find(r)
		if v == nil {
			return missing, nil
		}
		o = c.compare(v)
	}
	if c.not && o <= passed {
		o = passed - o
	}
	return o, nil
}

func (p *Period) holds(at time.Time) bool {
	return (p.From.IsZero() || !at.Before(p.From)) && (p.Until.IsZero() || at.Before(p.Until))
}

// compare compares an attribute: one that is a list passes if one of its elements
// does.
func (c *condition) compare(v *targeting.Value) outcome {
	if v.Kind() != targeting.KindList {
		return c.compareOne(v)
	}
	o := incomparable
	elements := v.Elements()
	for i := range elements {
		switch c.compareOne(&elements[i]) {
		case passed:
			return passed
		case failed:
			o = failed
		}
	}
	return o
}

// compareOne compares a value that is no list. Of one that is, nothing is
// comparable.
func (c *condition) compareOne(v *targeting.Value) outcome {
	text, isText := v.AsText()
	switch c.test {
	case testAttributeIsText, testIsTexts:
		if !isText {
			return comparableWithText(*v)
		}
		return outcomeOf(slices.Contains(c.texts, text))
	case testIs:
		return c.set.test(*v)
	case testNumber:
		return c.rare.compareNumber(*v)
	case testAttributeTime:
		return c.rare.compareTime(*v)
	}
	if !isText {
		return incomparable
	}
	switch c.test {
	case testContains:
		return outcomeOf(slices.ContainsFunc(c.texts, func(part string) bool { return strings.Contains(text, part) }))
	case testStartsWith:
		return outcomeOf(slices.ContainsFunc(c.texts, func(prefix string) bool { return strings.HasPrefix(text, prefix) }))
	case testEndsWith:
		return outcomeOf(slices.ContainsFunc(c.texts, func(suffix string) bool { return strings.HasSuffix(text, suffix) }))
	case testMatches:
		if len(text) > maxMatched || !utf8.ValidString(text) {
			return incomparable // what is not valid would match what it does not hold, U+FFFD
		}
		return outcomeOf(slices.ContainsFunc(c.rare.expressions, func(e *regexp.Regexp) bool { return e.MatchString(text) }))
	case testVersion:
		return c.rare.compareVersion(text)
	default: // testNetwork
		return c.rare.inNetwork(text)
	}
}

// comparableWithText returns the outcome for a value that is no text and equals none:
// numbers can equal texts, though not these.
func comparableWithText(v targeting.Value) outcome {
	if !isFiniteNumber(v) {
		return incomparable
	}
	return failed
}

func isFiniteNumber(v targeting.Value) bool {
	f, isFloat := v.AsFloat()
	return v.Kind() == targeting.KindInt || isFloat && !math.IsNaN(f) && !math.IsInf(f, 0)
}

func (t *rareTest) compareNumber(v targeting.Value) outcome {
	if !isFiniteNumber(v) {
		return incomparable
	}
	o := incomparable
	for i := range t.numbers {
		if !isFiniteNumber(t.numbers[i]) {
			continue
		}
		if order, ok := targeting.CompareNumbers(v, t.numbers[i]); ok && t.order.has(order) {
			return passed
		}
		o = failed
	}
	return o
}

func (t *rareTest) compareTime(v targeting.Value) outcome {
	for i := range t.times {
		outcome, ok := compareTime(v, t.times[i])
		if !ok {
			return incomparable
		}
		if t.order.has(outcome) {
			return passed
		}
	}
	return failed
}

func (t *rareTest) compareVersion(text string) outcome {
	v, ok := parseVersion(text)
	if !ok {
		return incomparable
	}
	for i := range t.versions {
		if t.order.has(v.compare(&t.versions[i])) {
			return passed
		}
	}
	return failed
}

func (t *rareTest) inNetwork(text string) outcome {
	address, ok := parseAddress(text)
	if !ok {
		return incomparable
	}
	for i := range t.networks {
		if t.networks[i].Contains(address) {
			return passed
		}
	}
	return failed
}
