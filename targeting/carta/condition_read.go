// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package carta

import (
	"fmt"
	"slices"

	"github.com/flipper-go/flipper/internal/jsonscan"
	"github.com/flipper-go/flipper/targeting"
)

// A parser reads conditions.
type parser struct{ jsonscan.Scanner }

func (p *parser) value(depth int) (targeting.Value, error) {
	return targeting.ReadValue(&p.Scanner, depth)
}

// ParseCondition reads a condition in its stored form, an object of lists of
// checks, as the Python client does. It accepts whatever that accepts: more than
// [NewCondition] does.
func ParseCondition(text targeting.JSON) (Condition, error) {
	p := parser{jsonscan.Scanner{Text: string(text)}}
	if err := p.CheckUTF8(); err != nil {
		return Condition{}, fmt.Errorf("condition: %w", err)
	}
	p.Space()
	var some [4]Check
	checks, err := p.condition(some[:0], 0)
	if err == nil {
		err = p.End()
	}
	if err != nil {
		return Condition{}, err
	}
	return Condition{&condition{checks: slices.Clone(checks), source: text}}, nil
}

// ParseConditions reads the stored list of conditions.
func ParseConditions(text targeting.JSON) ([]Condition, error) {
	p := parser{jsonscan.Scanner{Text: string(text)}}
	if err := p.CheckUTF8(); err != nil {
		return nil, fmt.Errorf("conditions: %w", err)
	}
	p.Space()
	// What is read is collected here first: flags are many, and keep no more than
	// they need.
	var someSources [8]targeting.JSON
	var someEnds [8]int
	var someChecks [8]Check
	sources, ends, checks := someSources[:0], someEnds[:0], someChecks[:0]
	more, err := p.beginIterable()
	for ; more; more, err = p.Next(']') {
		start := p.Pos
		var err error
		if checks, err = p.condition(checks, 1); err != nil {
			return nil, fmt.Errorf("conditions: element %d: %w", len(sources), err)
		}
		sources = append(sources, targeting.JSON(p.Text[start:p.Pos]))
		ends = append(ends, len(checks))
	}
	if err == nil {
		err = p.End()
	}
	if err != nil {
		return nil, fmt.Errorf("conditions: %w", err)
	}
	// All conditions are one allocation, and so are all checks.
	conditions, made, kept := make([]Condition, len(sources)), make([]condition, len(sources)), slices.Clone(checks)
	start := 0
	for i, end := range ends {
		made[i] = condition{source: sources[i], checks: kept[start:end:end]}
		conditions[i] = Condition{&made[i]}
		start = end
	}
	return conditions, nil
}

// condition reads a condition, and appends its checks. depth is how deep it is
// nested.
func (p *parser) condition(checks []Check, depth int) ([]Check, error) {
	if p.Peek(0) != '{' {
		return nil, fmt.Errorf("condition: %w", p.Errorf("an object is needed"))
	}
	start, before, given := p.Pos, len(checks), checks
	var someNames [4]string
	names := someNames[:0]
	more, err := p.Begin('}')
	for ; more; more, err = p.Next('}') {
		name, err := p.Name()
		if err != nil {
			return nil, fmt.Errorf("condition: %w", err)
		}
		again := len(names) == minSet || slices.Contains(names, name)
		names = append(names, name)
		if !again {
			checks, err = p.checks(checks, name, depth+1)
		}
		if again || err != nil {
			p.Pos = start
			return p.oddCondition(given, depth)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("condition: %w", err)
	}
	return append(checks[:before], arrange(checks[before:])...), nil
}

// oddCondition reads a condition that has many members, or one of them twice, or
// one that cannot be read, which does not matter if its name comes again.
func (p *parser) oddCondition(checks []Check, depth int) ([]Check, error) {
	text, err := p.Skipped(depth)
	if err != nil {
		return nil, fmt.Errorf("condition: %w", err)
	}
	fields, err := targeting.SplitObject(targeting.JSON(text))
	if err != nil {
		return nil, fmt.Errorf("condition: %w", err)
	}
	before := len(checks)
	for _, f := range fields {
		inner := parser{jsonscan.Scanner{Text: string(f.Value)}}
		if checks, err = inner.checks(checks, f.Name, depth+1); err != nil {
			return nil, err
		}
	}
	return append(checks[:before], arrange(checks[before:])...), nil
}

// checks reads a list of checks, which is under a name, and appends them.
func (p *parser) checks(checks []Check, under string, depth int) ([]Check, error) {
	more, err := p.beginIterable()
	for ; more; more, err = p.Next(']') {
		check, err := p.check(depth + 1)
		if err != nil {
			return nil, fmt.Errorf("check under %q: %w", under, err)
		}
		check.compile()
		checks = append(checks, check)
	}
	if err != nil {
		return nil, fmt.Errorf("checks under %q: %w", under, err)
	}
	return checks, nil
}

// beginIterable reads the opening bracket of a list, as begin does. The Python
// client iterates over whatever is there, so empty text and an empty object count
// as empty lists.
func (p *parser) beginIterable() (more bool, err error) {
	if p.Peek(0) == '[' {
		return p.Begin(']')
	}
	start := p.Pos
	v, err := p.value(0)
	if err == nil && (v.Kind() == targeting.KindText && v.String() == `""` || v.Kind() == targeting.KindObject && len(v.Members()) == 0) {
		return false, nil
	}
	p.Pos = start
	return false, p.Errorf("a list is needed")
}

// check reads a check. Of a name given twice, the last value counts.
func (p *parser) check(depth int) (Check, error) {
	if p.Peek(0) != '{' {
		return Check{}, p.Errorf("an object is needed")
	}
	var variable, operator targeting.Value
	var check Check
	var source targeting.JSON
	var seen [3]bool
	more, err := p.Begin('}')
	for ; more; more, err = p.Next('}') {
		name, err := p.Name()
		if err != nil {
			return Check{}, err
		}
		switch name {
		case "variable":
			variable, err = p.value(depth + 1)
			seen[0] = true
		case "value":
			start := p.Pos
			check.Value, err = p.value(depth + 1)
			source = targeting.JSON(p.Text[start:p.Pos])
			seen[1] = true
		case "operator":
			operator, err = p.value(depth + 1)
			seen[2] = true
		default:
			err = p.Skip(depth + 1)
		}
		if err != nil {
			return Check{}, err
		}
	}
	name, isText := variable.AsText()
	symbol, hasSymbol := operator.AsText()
	switch {
	case err != nil:
		return Check{}, err
	case !seen[0] || !seen[1] || !seen[2]:
		return Check{}, fmt.Errorf("%w: needs variable, value and operator", targeting.ErrInvalid)
	case !isText:
		return Check{}, fmt.Errorf("%w variable: must be text, not %s", targeting.ErrInvalid, variable.Kind())
	case hasSymbol:
		check.Variable, check.Operator, err = joinCheckKey(name, symbol)
	case operator.Kind() == targeting.KindNull:
		check.Variable, check.Operator, err = ParseCheckKey(name)
	default:
		return Check{}, fmt.Errorf("%w operator: must be null or text, not %s", targeting.ErrInvalid, operator.Kind())
	}
	check.keepSource(source)
	return check, err
}
