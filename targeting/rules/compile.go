// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/flipper-go/flipper/targeting"
)

// What a definition holds at most.
const (
	maxVariants   = 100
	maxRules      = 1000
	maxConditions = 100 // of a rule, those within any and all counted
	maxName       = 100 // bytes of the name of a variant or a rule
)

// A compiler prepares a definition for evaluation.
type compiler struct {
	flag string
	*ruleset
	expressionsSize int // of the regular expressions so far
}

func compile(flag string, d Definition) (*ruleset, error) {
	c := compiler{flag: flag, ruleset: &ruleset{definition: &d}}
	if err := c.variants(); err != nil {
		return nil, err
	}
	off, err := c.variant("off", d.Off)
	if err != nil {
		return nil, err
	}
	c.disabled = &targeting.Decision{Reason: targeting.ReasonDisabled, Variant: off, Rule: -1}
	if c.boolean {
		if on, _ := off.Value.AsBool(); on {
			return nil, invalid("off", "names %q, whose value is true: the off variant of a boolean flag must be false", d.Off)
		}
	}
	if len(d.Rules) > maxRules {
		return nil, invalid("rules", "has %d rules, at most %d are allowed", len(d.Rules), maxRules)
	}
	c.rules = make([]rule, len(d.Rules))
	for i := range d.Rules {
		if err := c.rule(i, &d.Rules[i], &c.rules[i]); err != nil {
			return nil, err
		}
	}
	fallback, err := c.variant("default", d.Default)
	if err != nil {
		return nil, err
	}
	c.fallback = c.decision(fallback, targeting.ReasonDefault, -1)
	if len(d.Rules) == 0 {
		c.fallback.Reason = targeting.ReasonStatic
	}
	return c.ruleset, nil
}

// variants checks the variants.
func (c *compiler) variants() error {
	variants := c.definition.Variants
	if variants == nil {
		c.boolean = true
		return nil
	}
	if len(variants) > maxVariants {
		return invalid("variants", "has %d variants, at most %d are allowed", len(variants), maxVariants)
	}
	for i, v := range variants {
		at := join("variants", v.Name)
		if err := checkName("variants", v.Name); err != nil {
			return err
		}
		if f, ok := findNotFinite(v.Value); ok {
			return invalid(at, "%s is no value of a variant", f)
		}
		class := variantClass(v.Value)
		if class == "" {
			return invalid(at, "must not be null")
		}
		if first := variantClass(variants[0].Value); class != first {
			return invalid(at, "is %s, where %q is %s: all variants are of one kind", class, variants[0].Name, first)
		}
		c.boolean = i == 0 && class == "a boolean" || c.boolean
	}
	return nil
}

// findNotFinite finds a number that is not finite, which JSON does not have, in a value.
func findNotFinite(v targeting.Value) (number targeting.Value, ok bool) {
	switch v.Kind() {
	case targeting.KindFloat:
		f, _ := v.AsFloat()
		return v, math.IsNaN(f) || math.IsInf(f, 0)
	case targeting.KindList:
		for _, element := range v.Elements() {
			if number, ok := findNotFinite(element); ok {
				return number, true
			}
		}
	case targeting.KindObject:
		for _, m := range v.Members() {
			if number, ok := findNotFinite(m.Value); ok {
				return number, true
			}
		}
	}
	return v, false
}

// variantClass names the kinds that the variants of one flag can be of.
func variantClass(v targeting.Value) string {
	switch v.Kind() {
	case targeting.KindBool:
		return "a boolean"
	case targeting.KindInt, targeting.KindFloat:
		return "a number"
	case targeting.KindText:
		return "text"
	case targeting.KindList, targeting.KindObject:
		return "an object or a list"
	}
	return ""
}

func checkName(at, name string) error {
	switch {
	case name == "":
		return invalid(at, "a name is empty")
	case len(name) > maxName:
		return invalid(at, "the name %q... has %d bytes, at most %d are allowed", name[:20], len(name), maxName)
	case !utf8.ValidString(name):
		return invalid(at, "the name %q is not valid Unicode", name)
	}
	return nil
}

// variant returns the variant of a name.
func (c *compiler) variant(at, name string) (*targeting.Variant, error) {
	if c.definition.Variants == nil {
		for _, on := range []bool{true, false} {
			if v := targeting.OnOff(on); v.Name == name {
				return v, nil
			}
		}
		return nil, invalid(at, "there is no variant %q: write on or off", name)
	}
	var names []string
	for i := range c.definition.Variants {
		if v := &c.definition.Variants[i]; v.Name == name {
			return v, nil
		}
		names = append(names, c.definition.Variants[i].Name)
	}
	return nil, invalid(at, "there is no variant %q: write one of %s", name, strings.Join(names, ", "))
}

// decision returns what is decided where a variant is served. rule is the position of
// the rule that does, or -1.
func (c *compiler) decision(v *targeting.Variant, reason targeting.Reason, rule int) *targeting.Decision {
	d := &targeting.Decision{Reason: reason, Variant: v, Rule: rule}
	if rule >= 0 {
		d.RuleName = c.definition.Rules[rule].Name
	}
	if c.boolean {
		d.Enabled, _ = v.Value.AsBool()
	} else {
		d.Enabled = v != c.disabled.Variant
	}
	return d
}

func (c *compiler) rule(position int, d *Rule, r *rule) (err error) {
	at := element("rules", position)
	if d.Name != "" {
		if err := checkName(join(at, "name"), d.Name); err != nil {
			return err
		}
	}
	if n := countConditions(d.If); n > maxConditions {
		return invalid(join(at, "if"), "has %d conditions, at most %d are allowed", n, maxConditions)
	}
	if r.conditions, err = c.conditions(join(at, "if"), d.If); err != nil {
		return err
	}
	if d.Split == nil {
		variant, err := c.variant(join(at, "serve"), d.Serve)
		if err == nil {
			r.serve = c.decision(variant, targeting.ReasonTargetingMatch, position)
		}
		return err
	}
	r.split, err = c.split(join(at, "split"), d.Split, position)
	return err
}

// countConditions counts the conditions, those within groups and not the groups.
func countConditions(conditions []Condition) (n int) {
	for i := range conditions {
		switch c := &conditions[i]; {
		case c.Any != nil:
			n += countConditions(c.Any)
		case c.All != nil:
			n += countConditions(c.All)
		default:
			n++
		}
	}
	return n
}

func (c *compiler) split(at string, d *Split, rule int) (*split, error) {
	s := new(split)
	if d.By != "" {
		var err error
		if s.bucketing, err = newBucketing(at, c.flag, d.By, d.Salt, d.Hash); err != nil {
			return nil, err
		}
	} else {
		if d.Hash != "" {
			return nil, invalid(join(at, "hash"), "does not go with a random split: name an attribute in by, or leave the hash out")
		}
		s.special = &specialBucketing{random: true}
	}
	end := 0
	for i, defined := range d.Shares {
		at := element(join(at, "shares"), i)
		variant, err := c.variant(join(at, "variant"), defined.Variant)
		if err != nil {
			return nil, err
		}
		decision := c.decision(variant, targeting.ReasonSplit, rule)
		size := defined.Share
		switch {
		case defined.Ramp != nil && i < len(d.Shares)-1:
			return nil, invalid(join(at, "ramp"), "must be that of the last share")
		case defined.Ramp != nil:
			if s.ramp, err = newRamp(join(at, "ramp"), defined.Ramp, decision); err != nil {
				return nil, err
			}
			size = max(defined.Ramp.From, defined.Ramp.To)
		case size < 0 || size > Buckets:
			return nil, invalid(join(at, "share"), "%d is not from 0 to %d (%d is 1 %%)", size, Buckets, Buckets/100)
		}
		if end+size > Buckets {
			return nil, invalid(at, "the shares add up to %d, at most %d are allowed", end+size, Buckets)
		}
		end += size
		if defined.Ramp == nil {
			s.shares = append(s.shares, share{end, decision})
		}
	}
	return s, nil
}

func newRamp(at string, d *Ramp, decision *targeting.Decision) (*ramp, error) {
	switch {
	case d.From < 0 || d.From > Buckets:
		return nil, invalid(join(at, "from"), "%d is not from 0 to %d", d.From, Buckets)
	case d.To < 0 || d.To > Buckets:
		return nil, invalid(join(at, "to"), "%d is not from 0 to %d", d.To, Buckets)
	case !d.Start.Before(d.End):
		return nil, invalid(join(at, "end"), "%s is not after start, %s", formatTime(d.End), formatTime(d.Start))
	}
	return &ramp{decision, d.From, d.To, d.Start.UnixMicro(), d.End.UnixMicro()}, nil
}

func (c *compiler) conditions(at string, list []Condition) ([]condition, error) {
	if len(list) == 0 {
		return nil, nil
	}
	conditions := make([]condition, len(list))
	for i := range list {
		if err := c.condition(element(at, i), &list[i], &conditions[i]); err != nil {
			return nil, err
		}
	}
	return conditions, nil
}

func (c *compiler) condition(at string, d *Condition, to *condition) (err error) {
	to.not, to.operands = d.Not, new(operands)
	switch {
	case d.Flag != "":
		return c.flagTest(at, d, to)
	case d.Share != nil:
		return c.shareTest(join(at, "share"), d.Share, to)
	case d.Time != nil:
		to.test = testTime
		if !d.Time.From.IsZero() && !d.Time.Until.IsZero() && !d.Time.From.Before(d.Time.Until) {
			return invalid(join(at, "time.until"), "%s is not after from, %s", formatTime(d.Time.Until), formatTime(d.Time.From))
		}
		to.period = d.Time
		return nil
	case d.Any != nil:
		to.test = testAny
		to.group, err = c.conditions(join(at, "any"), d.Any)
		return err
	case d.All != nil:
		to.test = testAll
		to.group, err = c.conditions(join(at, "all"), d.All)
		return err
	}
	return c.attributeTest(at, d, to)
}

func (c *compiler) flagTest(at string, d *Condition, to *condition) error {
	to.test = testFlag
	for i, name := range d.Is {
		if err := checkName(element(join(at, "is"), i), name); err != nil {
			return err
		}
	}
	to.flag = &flagTest{d.Flag, d.Is}
	if !slices.Contains(c.asks, d.Flag) {
		c.asks = append(c.asks, d.Flag)
	}
	return nil
}

func (c *compiler) shareTest(at string, d *Range, to *condition) error {
	to.test = testShare
	b, err := newBucketing(at, c.flag, d.By, d.Salt, d.Hash)
	switch {
	case err != nil:
		return err
	case d.From < 0 || d.From >= Buckets:
		return invalid(join(at, "from"), "%d is not from 0 to %d", d.From, Buckets-1)
	case d.To <= d.From || d.To > Buckets:
		return invalid(join(at, "to"), "%d is not above from, %d, up to %d", d.To, d.From, Buckets)
	}
	to.share = &shareTest{b, d.From, d.To}
	return nil
}

// attributeTest prepares the comparison of an attribute.
func (c *compiler) attributeTest(at string, d *Condition, to *condition) (err error) {
	if to.path, err = newPath(join(at, "attribute"), d.Attribute); err != nil {
		return err
	}
	if d.Op == OpExists {
		to.test = testExists
		return nil
	}
	values := make([]string, len(d.Values)) // of the operators that take text
	for i, v := range d.Values {
		at := element(join(at, "values"), i)
		text, isText := v.AsText()
		values[i] = text
		switch d.Op {
		case OpIs:
			switch v.Kind() {
			case targeting.KindText, targeting.KindInt, targeting.KindFloat, targeting.KindBool:
			default:
				return invalid(at, "is compares with text, numbers and booleans, not %s", kindName(v))
			}
		case OpGreater, OpGreaterOrEqual, OpLess, OpLessOrEqual:
			if v.Kind() != targeting.KindInt && v.Kind() != targeting.KindFloat {
				return invalid(at, "%s compares numbers, not %s: write a number, without quotes", d.Op, kindName(v))
			}
		default:
			if !isText {
				return invalid(at, "%s takes text, not %s", d.Op, kindName(v))
			}
		}
	}
	switch d.Op {
	case OpIs:
		to.compileIs(d.Values)
	case OpContains, OpStartsWith, OpEndsWith:
		for i, text := range values {
			if text == "" {
				return invalid(element(join(at, "values"), i), "must not be empty: every text has the empty text")
			}
		}
		to.test = map[Operator]testKind{OpContains: testContains, OpStartsWith: testStartsWith, OpEndsWith: testEndsWith}[d.Op]
		to.texts = values
	case OpMatches:
		to.test = testMatches
		to.rare = new(rareTest)
		for i, text := range values {
			e, err := c.expression(element(join(at, "values"), i), text)
			if err != nil {
				return err
			}
			to.rare.expressions = append(to.rare.expressions, e)
		}
	case OpGreater, OpGreaterOrEqual, OpLess, OpLessOrEqual:
		to.test = testNumber
		to.rare = &rareTest{order: orderOf(d.Op), numbers: d.Values}
	case OpBefore, OpAfter:
		to.test = testAttributeTime
		to.rare = &rareTest{order: orderOf(d.Op)}
		for i, text := range values {
			t, ok := parseTime(text)
			if !ok {
				return invalid(element(join(at, "values"), i), "%q is no time: write it as in 2026-12-01T08:00:00Z", text)
			}
			to.rare.times = append(to.rare.times, t)
		}
	case OpVersionEqual, OpVersionGreater, OpVersionGreaterOrEqual, OpVersionLess, OpVersionLessOrEqual:
		to.test = testVersion
		to.rare = &rareTest{order: orderOf(d.Op)}
		for i, text := range values {
			v, ok := parseVersion(text)
			if !ok {
				return invalid(element(join(at, "values"), i), "%q is no version: write it as in 2.4.0 or 2.4.0-beta.1", text)
			}
			to.rare.versions = append(to.rare.versions, v)
		}
	case OpInNetwork:
		to.test = testNetwork
		to.rare = new(rareTest)
		for i, text := range values {
			network, ok := parseNetwork(text)
			if !ok {
				return invalid(element(join(at, "values"), i), "%q is no address and no block: write it as in 10.1.2.3 or 10.0.0.0/8", text)
			}
			to.rare.networks = append(to.rare.networks, network)
		}
	default:
		return unknownOperator(join(at, "op"), d.Op)
	}
	return nil
}

// An order is a set of outcomes of a comparison.
type order uint8

const (
	less order = 1 << iota
	equal
	greater
)

func orderOf(op Operator) order {
	switch op {
	case OpGreater, OpAfter, OpVersionGreater:
		return greater
	case OpGreaterOrEqual, OpVersionGreaterOrEqual:
		return greater | equal
	case OpLess, OpBefore, OpVersionLess:
		return less
	case OpLessOrEqual, OpVersionLessOrEqual:
		return less | equal
	}
	return equal
}

// has reports whether the outcome of a comparison is in the set.
func (o order) has(outcome int) bool {
	switch {
	case outcome < 0:
		return o&less != 0
	case outcome > 0:
		return o&greater != 0
	}
	return o&equal != 0
}
