// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package unleash

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/rules"
)

// ErrInexpressible says that Unleash's model does not express a flag exactly. The error
// that wraps it names the field, and says what Unleash would do otherwise.
var ErrInexpressible = errors.New("not expressible in Unleash's model")

// maxStrategies bounds what the combinations of conditions any may become.
const maxStrategies = 1000

func inexpressible(path, format string, args ...any) error {
	return fmt.Errorf("%s: %s: %w", path, fmt.Sprintf(format, args...), ErrInexpressible)
}

// An expresser turns flags into features.
type expresser struct {
	// flags returns a flag of the same state of the store, or nil if there is none or it
	// cannot be read.
	flags func(name string) *store.Flag
	// targetingKey is the attribute that has the value of Unleash's userId.
	targetingKey string
}

// express returns a flag in Unleash's model.
func (x *expresser) express(f *store.Flag) (feature, error) {
	result := newFeature(f.Name, f.Enabled, f.Created)
	if !f.Enabled {
		return result, nil
	}
	d, err := x.definition(f)
	if err != nil {
		return feature{}, err
	}
	if len(d.Rules) == 0 && d.variant(d.Default).Value.Equal(targeting.Bool(true)) {
		return result, nil // on for everyone
	}
	steps, err := x.steps(d, 0)
	if err != nil {
		return feature{}, err
	}
	on := func(s step) bool { return d.isOn(s.variant) }
	last := len(steps)
	for last > 0 && !on(steps[last-1]) {
		last-- // whoever comes here has the flag off anyway
	}
	for _, s := range steps[:last] {
		if !on(s) {
			return feature{}, inexpressible(s.path, "it keeps requests from later rules, and strategies only let in")
		}
		for _, constraints := range s.alternatives {
			result.Strategies = append(result.Strategies, newStrategy(f.Name, constraints, s.variant))
		}
		if len(result.Strategies) > maxStrategies {
			return feature{}, inexpressible(s.path, "the flag needs more than %d strategies", maxStrategies)
		}
	}
	// A feature without strategies would be on for everyone.
	result.Enabled = len(result.Strategies) > 0
	return result, nil
}

// A definition is what an enabled flag serves, by rules.
type definition struct {
	rules.Definition
	variants []targeting.Variant
	boolean  bool
}

// definition returns the rules of an enabled flag. A plain flag is on for everyone.
func (x *expresser) definition(f *store.Flag) (*definition, error) {
	s := f.Rules()
	switch {
	case s.Err() != nil:
		return nil, fmt.Errorf("%w: %w", s.Err(), ErrInexpressible)
	case !s.IsZero():
		return &definition{Definition: s.Definition(), variants: s.Variants(), boolean: s.IsBoolean()}, nil
	case len(f.Conditions) > 0:
		return nil, inexpressible("conditions", "those of Carta's model pass where an attribute is missing")
	case !f.Bucketer.IsNoOp():
		return nil, inexpressible("bucketer", "Unleash puts users into other buckets")
	}
	on, off := targeting.OnOff(true), targeting.OnOff(false)
	return &definition{
		Definition: rules.Definition{Off: off.Name, Default: on.Name},
		variants:   []targeting.Variant{*on, *off},
		boolean:    true,
	}, nil
}

func (d *definition) variant(name string) *targeting.Variant {
	i := slices.IndexFunc(d.variants, func(v targeting.Variant) bool { return v.Name == name })
	return &d.variants[i] // rules name no variant that the flag does not have
}

// isOn reports whether a flag that serves a variant is on.
func (d *definition) isOn(v *targeting.Variant) bool {
	if d.boolean {
		return v.Value.Equal(targeting.Bool(true))
	}
	return v.Name != d.Off
}

// A step is a rule, or the default, which always holds.
type step struct {
	path         string
	variant      *targeting.Variant
	alternatives [][]constraint // the step holds if all constraints of one of them do
}

// always is what holds for every request.
var always = [][]constraint{nil}

// steps returns the rules of a flag up to one that always holds, which the default does.
func (x *expresser) steps(d *definition, depth int) ([]step, error) {
	var steps []step
	for i, rule := range d.Rules {
		path := fmt.Sprintf("rules[%d]", i)
		if rule.Split != nil {
			return nil, inexpressible(path+".split", "Unleash puts users into other buckets")
		}
		alternatives, err := x.all(rule.If, path+".if", depth)
		if err != nil {
			return nil, err
		}
		if len(alternatives) == 0 {
			continue // it never holds
		}
		certain := slices.ContainsFunc(alternatives, func(a []constraint) bool { return len(a) == 0 })
		if certain {
			return append(steps, step{path, d.variant(rule.Serve), always}), nil
		}
		steps = append(steps, step{path, d.variant(rule.Serve), alternatives})
	}
	return append(steps, step{"default", d.variant(d.Default), always}), nil
}

// all returns when all of some conditions hold.
func (x *expresser) all(conditions []rules.Condition, path string, depth int) ([][]constraint, error) {
	alternatives := always
	for i, c := range conditions {
		next, err := x.condition(&c, fmt.Sprintf("%s[%d]", path, i), depth)
		if err != nil {
			return nil, err
		}
		var combined [][]constraint
		for _, a := range alternatives {
			for _, b := range next {
				combined = append(combined, slices.Concat(a, b))
			}
			if len(combined) > maxStrategies {
				return nil, inexpressible(path, "the combinations of its conditions need more than %d strategies", maxStrategies)
			}
		}
		alternatives = combined
	}
	return alternatives, nil
}

// anyOf returns when one of some conditions holds.
func (x *expresser) anyOf(conditions []rules.Condition, path string, depth int) ([][]constraint, error) {
	var alternatives [][]constraint
	for i, c := range conditions {
		next, err := x.condition(&c, fmt.Sprintf("%s[%d]", path, i), depth)
		if err != nil {
			return nil, err
		}
		alternatives = append(alternatives, next...)
	}
	return alternatives, nil
}

func (x *expresser) condition(c *rules.Condition, path string, depth int) ([][]constraint, error) {
	switch {
	case c.Any != nil:
		return x.anyOf(c.Any, path+".any", depth)
	case c.All != nil:
		return x.all(c.All, path+".all", depth)
	case c.Flag != "":
		return x.asked(c, path, depth)
	case c.Share != nil:
		return nil, inexpressible(path+".share", "Unleash puts users into other buckets")
	case c.Time != nil:
		return nil, inexpressible(path+".time", "Unleash's clients go by their own clocks, and by what a context says that the time is")
	}
	test, err := x.test(c, path)
	if err != nil {
		return nil, err
	}
	return [][]constraint{{test}}, nil
}

// asked returns when another flag serves one of some variants.
func (x *expresser) asked(c *rules.Condition, path string, depth int) ([][]constraint, error) {
	f := x.flags(c.Flag)
	switch {
	case f == nil:
		return nil, inexpressible(path+".flag", "flag %q does not exist, or cannot be read", c.Flag)
	case depth == rules.MaxDepth:
		return nil, inexpressible(path+".flag", "%v", rules.ErrDepth)
	}
	in := func(variant string) bool { return slices.Contains(c.Is, variant) != c.Not }
	if !f.Enabled {
		if f.Rules().Err() != nil {
			return nil, inexpressible(path+".flag", "the rules of flag %q cannot be read", c.Flag)
		}
		off := targeting.OnOff(false).Name
		if !f.Rules().IsZero() {
			off = f.Rules().Definition().Off
		}
		if in(off) {
			return always, nil
		}
		return nil, nil
	}
	d, err := x.definition(f)
	if err != nil {
		return nil, fmt.Errorf("%s.flag: flag %q: %w", path, c.Flag, err)
	}
	steps, err := x.steps(d, depth+1)
	if err != nil {
		return nil, fmt.Errorf("%s.flag: flag %q: %w", path, c.Flag, err)
	}
	// The first steps let in, the others do not: then it does not matter that they are
	// asked in order.
	first := slices.IndexFunc(steps, func(s step) bool { return !in(s.variant.Name) })
	if first < 0 {
		return always, nil
	}
	for _, s := range steps[first:] {
		if in(s.variant.Name) {
			return nil, inexpressible(path+".flag", "in flag %q an earlier rule keeps requests from %s", c.Flag, s.path)
		}
	}
	var alternatives [][]constraint
	for _, s := range steps[:first] {
		alternatives = append(alternatives, s.alternatives...)
	}
	return alternatives, nil
}

// operators are those that Unleash's clients understand as Flipper does.
var operators = map[rules.Operator]string{
	rules.OpIs:         "IN",
	rules.OpContains:   "STR_CONTAINS",
	rules.OpStartsWith: "STR_STARTS_WITH",
	rules.OpEndsWith:   "STR_ENDS_WITH",
}

// test returns the constraint of a test of an attribute.
func (x *expresser) test(c *rules.Condition, path string) (constraint, error) {
	operator, ok := operators[c.Op]
	switch {
	case c.Not:
		return constraint{}, inexpressible(path+".not", "in Unleash a negated constraint holds where the attribute is missing")
	case !ok:
		return constraint{}, inexpressible(path+".op", "Unleash's clients compare by %s otherwise, or not at all", c.Op)
	case strings.HasPrefix(c.Attribute, "/"):
		return constraint{}, inexpressible(path+".attribute", "Unleash's contexts have no objects")
	case slices.Contains(inherited, c.Attribute):
		return constraint{}, inexpressible(path+".attribute", "every object in JavaScript has %s", c.Attribute)
	}
	result := constraint{ContextName: c.Attribute, Operator: operator}
	if c.Attribute == x.targetingKey {
		result.ContextName = subject
	}
	for i, v := range c.Values {
		text, ok := textOf(v)
		if !ok {
			return constraint{}, inexpressible(fmt.Sprintf("%s.values[%d]", path, i), "Unleash's contexts hold text, and %s equals no text", v)
		}
		// Unleash's clients in JavaScript leave white space out.
		if text == "" || strings.TrimFunc(text, isSpace) != text {
			return constraint{}, inexpressible(fmt.Sprintf("%s.values[%d]", path, i), "Unleash's clients drop an empty value, and white space around one")
		}
		result.Values = append(result.Values, text)
	}
	return result, nil
}

// inherited are the names under which Unleash's client for Node.js finds something in
// every context.
var inherited = []string{
	properties, "__defineGetter__", "__defineSetter__", "__lookupGetter__", "__lookupSetter__", "__proto__", "constructor",
	"hasOwnProperty", "isPrototypeOf", "propertyIsEnumerable", "toLocaleString", "toString", "valueOf",
}

func isSpace(r rune) bool { return unicode.IsSpace(r) || r == '\ufeff' }

// textOf returns the text that equals a value, if there is one.
func textOf(v targeting.Value) (string, bool) {
	if text, ok := v.AsText(); ok {
		return text, true
	}
	if v.Kind() == targeting.KindInt {
		return v.String(), true
	}
	const exact = 1 << 53
	if f, ok := v.AsFloat(); ok && f == math.Trunc(f) && math.Abs(f) < exact {
		return targeting.Int(int64(f)).String(), true
	}
	return "", false
}
