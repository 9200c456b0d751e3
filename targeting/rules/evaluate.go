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
	d, err := t.decide(r, flags)
	return *d, err
}

func (t *Target) decide(r *targeting.Request, flags Flags) (*targeting.Decision, error) {
	if t.Rules.ruleset == nil {
		return DecideCarta(t.Enabled, t.Conditions, t.Bucketer, r)
	}
	return t.Rules.Decide(t.Enabled, r, flags)
}

// Decide is [Evaluate] of a flag with rules, without copying. Do not modify the
// decision.
func (s Ruleset) Decide(enabled bool, r *targeting.Request, flags Flags) (*targeting.Decision, error) {
	if enabled && s.asks != nil {
		return s.decideAsking(r, flags)
	}
	return s.decide(enabled, r, nil)
}

// DecideAlone is Decide of a flag whose conditions ask no flags: see [Ruleset.Asks].
func (s Ruleset) DecideAlone(enabled bool, r *targeting.Request) (*targeting.Decision, error) {
	return s.decide(enabled, r, nil)
}

// decideAsking is on its own, so that others need no room on the stack.
func (s *ruleset) decideAsking(r *targeting.Request, flags Flags) (*targeting.Decision, error) {
	e := evaluation{flags: flags}
	return s.decide(true, r, &e)
}

// noDecision is what is returned beside an error.
var noDecision = targeting.NoDecision

// What is decided by Carta's model.
var (
	cartaStatic   = cartaDecision(true, targeting.ReasonStatic)
	cartaMatch    = cartaDecision(true, targeting.ReasonTargetingMatch)
	cartaDefault  = cartaDecision(false, targeting.ReasonDefault)
	cartaDisabled = cartaDecision(false, targeting.ReasonDisabled)
	cartaOnSplit  = cartaDecision(true, targeting.ReasonSplit)
	cartaOffSplit = cartaDecision(false, targeting.ReasonSplit)
)

func cartaDecision(on bool, reason targeting.Reason) targeting.Decision {
	return targeting.Decision{Enabled: on, Reason: reason, Variant: targeting.OnOff(on), Rule: -1}
}

// DecideCarta decides by Carta's model. Do not modify the decision.
func DecideCarta(enabled bool, conditions []carta.Condition, b carta.Bucketer, r *targeting.Request) (*targeting.Decision, error) {
	on, reason, err := carta.Evaluate(enabled, conditions, b, r)
	if err != nil {
		return &noDecision, err
	}
	switch reason {
	case targeting.ReasonSplit:
		if on {
			return &cartaOnSplit, nil
		}
		return &cartaOffSplit, nil
	case targeting.ReasonTargetingMatch:
		return &cartaMatch, nil
	case targeting.ReasonDefault:
		return &cartaDefault, nil
	case targeting.ReasonDisabled:
		return &cartaDisabled, nil
	}
	return &cartaStatic, nil
}

// decide asks the rules in their order. e is nil if no condition asks a flag.
func (s *ruleset) decide(enabled bool, r *targeting.Request, e *evaluation) (*targeting.Decision, error) {
	switch {
	case !enabled:
		// Also of rules that cannot be read: a kill is a kill.
		return s.disabled, nil
	case s.err != nil:
		return &noDecision, s.err
	}
	for i := range s.rules {
		rule := &s.rules[i]
		if len(rule.conditions) > 0 {
			holds, err := holdAll(rule.conditions, r, e)
			if err != nil {
				return &noDecision, fmt.Errorf("rules[%d]: %w", i, err)
			}
			if !holds {
				continue
			}
		}
		if rule.serve != nil {
			return rule.serve, nil
		}
		if d := rule.split.pick(r, i); d != nil {
			return d, nil
		}
	}
	return s.fallback, nil
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
	more  map[string]*answer
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
	if a := e.recall(name); a != nil {
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
	e.remember(name, d.Variant, height)
	return d.Variant, nil
}

// evaluate evaluates a flag that is asked, with what it draws for itself.
func (e *evaluation) evaluate(t *Target, r *targeting.Request) (d *targeting.Decision, err error) {
	random, drawn := r.Random, r.Drawn
	r.Random, r.Drawn = t.Random, t.Drawn
	if t.Rules.ruleset == nil {
		d, err = DecideCarta(t.Enabled, t.Conditions, t.Bucketer, r)
	} else {
		d, err = t.Rules.decide(t.Enabled, r, e)
	}
	r.Random, r.Drawn = random, drawn
	return d, err
}

// recall returns what was remembered of a flag, or nil.
func (e *evaluation) recall(name string) *answer {
	for i := range min(e.count, len(e.first)) {
		if e.first[i].name == name {
			return &e.first[i]
		}
	}
	if e.more == nil {
		return nil
	}
	return e.more[name]
}

func (e *evaluation) remember(name string, variant *targeting.Variant, height int) {
	if e.count < len(e.first) {
		a := &e.first[e.count]
		a.name, a.variant, a.height = name, variant, height
	} else {
		if e.more == nil {
			e.more = make(map[string]*answer)
		}
		e.more[name] = &answer{name, variant, height}
	}
	e.count++
}
