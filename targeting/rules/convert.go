// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
)

// A Conversion turns conditions and a bucketer of Carta's model into rules.
type Conversion struct {
	// Definition is what takes their place. A rollout keeps Carta's hash, so that
	// everybody stays on the side that they are on.
	Definition Definition
	// Differences say which requests are answered otherwise than before, one sentence
	// each. It is empty if there are none.
	Differences []string
}

// FromCarta converts Carta's model, at a time: a ramp that has ended becomes a constant
// share. What rules cannot express is refused, with an error that matches
// [targeting.ErrInvalid] and says what it is.
func FromCarta(conditions []carta.Condition, b carta.Bucketer, now time.Time) (Conversion, error) {
	c := Conversion{Definition: Definition{Off: "off", Default: "on"}}
	if len(conditions) == 0 && b.IsNoOp() {
		return c, nil
	}
	c.Definition.Default = "off"
	if len(conditions) > 0 {
		return c, c.fromConditions(conditions, b)
	}
	return c, c.fromBucketer(b, now)
}

func cannotConvert(format string, args ...any) error {
	return fmt.Errorf("%w: rules cannot express %s", targeting.ErrInvalid, fmt.Sprintf(format, args...))
}

func (c *Conversion) differ(format string, args ...any) {
	c.Differences = append(c.Differences, fmt.Sprintf(format, args...))
}

func (c *Conversion) fromConditions(conditions []carta.Condition, b carta.Bucketer) error {
	rule := Rule{Serve: "on"}
	var names []string
	var values []targeting.Value
	for _, condition := range conditions {
		for _, check := range condition.Checks() {
			test, always, err := fromCheck(check)
			if err != nil {
				return err
			}
			if !slices.Contains(names, check.Variable) {
				names = append(names, check.Variable)
			}
			if !always {
				rule.If = append(rule.If, test)
				values = append(values, test.Values...)
			}
		}
	}
	without := "were on"
	if !b.IsNoOp() {
		without = "were decided by the rollout, which nothing else asks"
	}
	if len(rule.If) == 0 {
		c.Definition.Default = "on"
		if !b.IsNoOp() {
			c.differ("Requests without any attributes %s; they will be on.", without)
		}
		return nil
	}
	if len(rule.If) > maxConditions {
		return cannotConvert("%d checks in one rule: at most %d are allowed", len(rule.If), maxConditions)
	}
	c.Definition.Rules = []Rule{rule}
	c.differ("Requests without any attributes %s; they will be off.", without)
	c.differ("Requests that do not give %s: a check on what is missing was passed; it will not be.", listNames(names, "or"))
	c.differ("Requests that give null, or a list, for one of them: null and lists were compared as they are; null will count as missing, and a list will pass if one of its elements does.")
	c.kindDifferences(values)
	return nil
}

// kindDifferences tells of values that the two models compare with other kinds of
// attributes.
func (c *Conversion) kindDifferences(values []targeting.Value) {
	numeric, boolean := false, false
	for _, v := range values {
		text, isText := v.AsText()
		_, isBool := v.AsBool()
		numeric = numeric || isText && isDecimal(text) || !isText && !isBool
		boolean = boolean || isBool || v.Equal(targeting.Int(0)) || v.Equal(targeting.Int(1))
	}
	if numeric {
		c.differ("Requests that give a number as text, or text as a number, such as \"42\" and 42: the two were different; they will be equal where a rule asks what is equal, and an order of text and numbers will not hold, where it was an error.")
	}
	if boolean {
		c.differ("Requests that give true for 1, false for 0, or the other way round: they were equal; they will not be.")
	}
}

func listNames(names []string, and string) string {
	if len(names) == 1 {
		return names[0]
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " " + and + " " + names[last]
}

// fromCheck converts a check. always says that it holds for every request that gives
// the attribute.
func fromCheck(check carta.Check) (c Condition, always bool, err error) {
	name := check.Variable
	attribute := name
	if name == "" || name[0] == '/' { // a name that would be read as a pointer
		attribute = "/" + strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1")
	}
	v := check.Value
	kind := v.Kind()
	switch check.Operator {
	case carta.OpEqual, carta.OpNotEqual:
		equal := check.Operator == carta.OpEqual
		if kind == targeting.KindNull {
			c = Exists(attribute)
			c.Not = equal
			return c, false, nil
		}
		if kind == targeting.KindList || kind == targeting.KindObject {
			return c, false, cannotConvert("a comparison of %s with %s", name, kindName(v))
		}
		c = Is(attribute, v)
		c.Not = !equal
		return c, false, nil
	case carta.OpIn, carta.OpNotIn:
		return fromMembership(name, attribute, check)
	}
	if b, ok := v.AsBool(); ok { // a number, for Python
		v = targeting.Int(0)
		if b {
			v = targeting.Int(1)
		}
	}
	if v.Kind() != targeting.KindInt && v.Kind() != targeting.KindFloat {
		return c, false, cannotConvert("the order of %s and %s", name, kindName(v))
	}
	op := map[carta.Operator]Operator{
		carta.OpGreater: OpGreater, carta.OpGreaterOrEqual: OpGreaterOrEqual,
		carta.OpLess: OpLess, carta.OpLessOrEqual: OpLessOrEqual,
	}[check.Operator]
	return Test(attribute, op, v), false, nil
}

func fromMembership(name, attribute string, check carta.Check) (c Condition, always bool, err error) {
	not := check.Operator == carta.OpNotIn
	var elements []targeting.Value
	switch v := check.Value; v.Kind() {
	case targeting.KindList:
		elements = v.Elements()
	case targeting.KindObject:
		for _, m := range v.Members() {
			elements = append(elements, targeting.Text(m.Key))
		}
	default:
		return c, false, cannotConvert("whether %s is a part of a text: the value of the check is %s, not a list", name, kindName(v))
	}
	if len(elements) == 0 {
		if not {
			return c, true, nil
		}
		return c, false, cannotConvert("that %s is in an empty list", name)
	}
	for _, element := range elements {
		switch element.Kind() {
		case targeting.KindNull, targeting.KindList, targeting.KindObject:
			return c, false, cannotConvert("that %s is in a list that has %s", name, kindName(element))
		}
	}
	return Condition{Attribute: attribute, Op: OpIs, Values: elements, Not: not}, false, nil
}

func (c *Conversion) fromBucketer(b carta.Bucketer, now time.Time) error {
	share, err := fromPercentage(b, now)
	if err != nil {
		return err
	}
	share.Variant = "on"
	split := &Split{Shares: []Share{share}}
	c.Definition.Rules = []Rule{{Split: split}}
	if b.Type() == "PercentageBucketer" {
		return nil
	}
	keys := b.Keys()
	if len(keys) != 1 {
		if len(keys) == 0 {
			return cannotConvert("a rollout by all attributes together: name one, such as user_id")
		}
		return cannotConvert("a rollout by %s together: it must be by one attribute", listNames(keys, "and"))
	}
	if keys[0] == "" || keys[0][0] == '/' {
		return cannotConvert("a rollout by the attribute %q: Carta's hash needs a plain name", keys[0])
	}
	split.By, split.Hash = keys[0], HashCarta
	before := "were off, and will be"
	nobody := &targeting.Request{Time: now}
	if on, _, err := carta.Evaluate(true, nil, b, nobody); err == nil && on {
		before = fmt.Sprintf("were on (they share bucket %d); they will be off", b.Bucket(nobody))
	}
	if share.Ramp != nil {
		if now.Before(share.Ramp.Start) && share.Ramp.From > 0 {
			c.differ("Until the ramp starts, at %s, the share was smaller than %d of 100 buckets, the smaller the earlier; it will be that.", formatTime(share.Ramp.Start), share.Ramp.From/(Buckets/100))
		}
		c.differ("While the ramp rises, a bucket may be enabled later than before, by less than a 1/50,000 of the ramp's time.")
	}
	c.differ("Requests that do not give %s %s.", keys[0], before)
	c.differ("Requests that give null, true, false, a fraction, an empty text, a list or an object for %s: they had a bucket of their own; they will have none, and be off.", keys[0])
	return nil
}

// fromPercentage returns the share of a bucketer: in buckets, of which Carta's model
// has one hundred, or as a ramp.
func fromPercentage(b carta.Bucketer, now time.Time) (Share, error) {
	p := b.Percentage()
	if p.IsRamp() {
		plan, ok := p.Ramp()
		if !ok {
			return Share{}, cannotConvert("a percentage that is no number: %s", p)
		}
		if plan.Initial > plan.Final {
			return Share{}, cannotConvert("a ramp of Carta's model that falls: it is at its end from the start")
		}
		if now.Before(plan.End) {
			return Share{Ramp: &Ramp{
				From: rampShare(plan.Initial), To: rampShare(plan.Final), Start: plan.Start, End: plan.End,
			}}, nil
		}
	}
	v, err := p.Value(now)
	if err != nil {
		return Share{}, cannotConvert("a percentage that is no number: %s", p)
	}
	order, ok := targeting.CompareNumbers(v, targeting.Int(0))
	switch {
	case !ok:
		return Share{}, cannotConvert("a percentage that is no number: %s", p)
	case order <= 0:
		return Share{}, nil
	}
	f, isFloat := v.AsFloat()
	if !isFloat {
		f = 1 // an int above 0
	}
	if b.Type() == "PercentageBucketer" {
		return Share{Share: int(math.Round(min(f, 1) * Buckets))}, nil
	}
	// Up to and including the percentage: 10 % are 11 of 100 buckets.
	enabled := 0
	for enabled < 100 && float64(enabled)/100 <= f {
		enabled++
	}
	return Share{Share: enabled * (Buckets / 100)}, nil
}

// rampShare returns the share at an end of a ramp: a bucket that the percentage just
// reaches is enabled, but none is at 0.
func rampShare(f float64) int {
	share := int(math.Round(min(max(f, 0), 1) * Buckets))
	if share == 0 || share == Buckets {
		return share
	}
	return share + 1
}
