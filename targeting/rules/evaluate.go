// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"errors"
	"fmt"

	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
)

// ErrDepth says that flags ask each other more than 8 deep, or in a circle.
var ErrDepth = errors.New("flags ask each other more than 8 deep, or in a circle")

// A Target is what evaluation needs of a flag: whether it is enabled, and its rules,
// or Carta's model.
type Target struct {
	Enabled bool

	// Rules decide, if they are not the zero Ruleset.
	Rules Ruleset

	// Conditions and Bucketer are Carta's model, for flags without rules.
	Conditions []carta.Condition
	Bucketer   carta.Bucketer

	// Random is what the flag draws for this request, if Drawn is set. It is as in
	// [targeting.Request], for flags that conditions ask.
	Random float64
	Drawn  bool
}

// Flags are the flags that conditions can ask.
type Flags interface {
	// Target returns the flag of a name. The error says why there is none. All flags
	// of an evaluation should come from one state of the store.
	Target(name string) (Target, error)
}

// MaxDepth is how far below the flag that is evaluated others may be asked.
const MaxDepth = 8

// Evaluate decides what a flag serves for a request. flags are those that its
// conditions can ask; nil stands for none.
//
// The error says why there is no decision: rules that cannot be read; a condition
// asks a flag that is missing, unreadable, or too deep ([ErrDepth]); or, in Carta's
// model, that a check met a value that it cannot compare ([carta.ErrKind]).
//
// Evaluate does not allocate, unless it fails, or a number is beyond 64 bits, or more
// than a few flags are asked.
func Evaluate(t *Target, r *targeting.Request, flags Flags) (targeting.Decision, error) {
	if t.Rules.ruleset == nil {
		return t.evaluateCarta(r)
	}
	if t.Enabled && t.Rules.asks != nil {
		return t.evaluateAsking(r, flags)
	}
	return t.Rules.decide(t.Enabled, r, nil)
}

// evaluateAsking is on its own, so that others need no room on the stack.
func (t *Target) evaluateAsking(r *targeting.Request, flags Flags) (targeting.Decision, error) {
	e := evaluation{flags: flags}
	return t.Rules.decide(t.Enabled, r, &e)
}

func (t *Target) evaluateCarta(r *targeting.Request) (targeting.Decision, error) {
	on, reason, err := carta.Evaluate(t.Enabled, t.Conditions, t.Bucketer, r)
	if err != nil {
		return targeting.NoDecision, err
	}
	return targeting.Decision{Enabled: on, Reason: reason, Variant: targeting.OnOff(on), Rule: -1}, nil
}

// decide asks the rules in their order. e is nil if no condition asks a flag.
func (s *ruleset) decide(enabled bool, r *targeting.Request, e *evaluation) (targeting.Decision, error) {
	switch {
	case !enabled:
		// Also of rules that cannot be read: a kill is a kill.
		return targeting.Decision{Reason: targeting.ReasonDisabled, Variant: s.off, Rule: -1}, nil
	case s.err != nil:
		return targeting.NoDecision, s.err
	case len(s.rules) == 0:
		return s.decision(s.fallback, targeting.ReasonStatic, -1), nil
	}
	for i := range s.rules {
		rule := &s.rules[i]
		holds, err := holdAll(rule.conditions, r, e)
		if err != nil {
			return targeting.NoDecision, fmt.Errorf("rules[%d]: %w", i, err)
		}
		if !holds {
			continue
		}
		if rule.serve != nil {
			return s.decision(rule.serve, targeting.ReasonTargetingMatch, i), nil
		}
		if variant := rule.split.pick(r, i); variant != nil {
			return s.decision(variant, targeting.ReasonSplit, i), nil
		}
	}
	return s.decision(s.fallback, targeting.ReasonDefault, -1), nil
}

func (s *ruleset) decision(v *targeting.Variant, reason targeting.Reason, rule int) targeting.Decision {
	d := targeting.Decision{Reason: reason, Variant: v, Rule: rule}
	if rule >= 0 {
		d.RuleName = s.rules[rule].name
	}
	if s.boolean {
		d.Enabled, _ = v.Value.AsBool()
	} else {
		d.Enabled = v != s.off
	}
	return d
}

// An evaluation is one whose conditions ask flags.
type evaluation struct {
	flags   Flags
	depth   int // how far below the flag that is evaluated
	deepest int // how far below it has been, since the flag that is asked now

	// What was asked is remembered, so that flags that are asked over and over, by
	// many conditions of many flags, are evaluated once.
	count int
	first [4]answer
	more  map[string]answer
}

// An answer is what a flag serves for the request.
type answer struct {
	name    string
	variant *targeting.Variant
	height  int // how far below the flag others were asked
}

// ask returns what another flag serves for the request.
func (e *evaluation) ask(r *targeting.Request, name string) (*targeting.Variant, error) {
	depth := e.depth + 1
	if a, ok := e.recall(name); ok {
		if depth+a.height > MaxDepth {
			return nil, fmt.Errorf("flag %q: %w", name, ErrDepth)
		}
		e.deepest = max(e.deepest, depth+a.height)
		return a.variant, nil
	}
	if depth > MaxDepth {
		return nil, fmt.Errorf("flag %q: %w", name, ErrDepth)
	}
	if e.flags == nil {
		return nil, fmt.Errorf("flag %q: there are no flags to ask", name)
	}
	target, err := e.flags.Target(name)
	if err != nil {
		return nil, fmt.Errorf("flag %q: %w", name, err)
	}
	before := e.deepest
	e.depth, e.deepest = depth, depth
	d, err := e.evaluate(&target, r)
	height := e.deepest - depth
	e.depth, e.deepest = depth-1, max(before, e.deepest)
	if err == nil && d.Variant == nil {
		err = target.Rules.err // disabled, and unreadable
	}
	if err != nil {
		return nil, fmt.Errorf("flag %q: %w", name, err)
	}
	e.remember(answer{name, d.Variant, height})
	return d.Variant, nil
}

// evaluate evaluates a flag that is asked, with what it draws for itself.
func (e *evaluation) evaluate(t *Target, r *targeting.Request) (d targeting.Decision, err error) {
	random, drawn := r.Random, r.Drawn
	r.Random, r.Drawn = t.Random, t.Drawn
	if t.Rules.ruleset == nil {
		d, err = t.evaluateCarta(r)
	} else {
		d, err = t.Rules.decide(t.Enabled, r, e)
	}
	r.Random, r.Drawn = random, drawn
	return d, err
}

func (e *evaluation) recall(name string) (answer, bool) {
	for i := range min(e.count, len(e.first)) {
		if e.first[i].name == name {
			return e.first[i], true
		}
	}
	a, ok := e.more[name]
	return a, ok
}

func (e *evaluation) remember(a answer) {
	if e.count < len(e.first) {
		e.first[e.count] = a
	} else {
		if e.more == nil {
			e.more = make(map[string]answer)
		}
		e.more[a.name] = a
	}
	e.count++
}
