// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipper

import (
	"context"
	"time"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
)

// A Reason says why an evaluation answered as it did. The terms are
// OpenFeature's.
type Reason = targeting.Reason

// The reasons.
const (
	ReasonStatic         = targeting.ReasonStatic
	ReasonTargetingMatch = targeting.ReasonTargetingMatch
	ReasonDefault        = targeting.ReasonDefault
	ReasonSplit          = targeting.ReasonSplit
	ReasonDisabled       = targeting.ReasonDisabled
	ReasonError          = targeting.ReasonError

	// ReasonCached says that the answer is based on a copy of the flag that is
	// some time old; see [Evaluation.Age].
	ReasonCached Reason = "CACHED"
	// ReasonStale says that the answer is based on an old copy of the flag,
	// because the store's backend could not be asked; see [Evaluation.Age].
	ReasonStale Reason = "STALE"
)

// An Evaluation is an answer, and how it came about.
type Evaluation struct {
	// Enabled says whether the flag is on. If there is an error, it is the caller's
	// default. Of a flag whose variants are no booleans it says whether another
	// variant than the off variant is served.
	Enabled bool
	// Variant names what is served: on or off, if the flag defines no variants. It is
	// empty if there is an error.
	Variant string
	// Value is the variant's value. If there is an error, it is the caller's default.
	Value targeting.Value
	// Reason says what decided.
	Reason Reason
	// Rule is the position of the rule that decided, from 0, or -1 if none did.
	Rule int
	// RuleName is the rule's name, if it has one.
	RuleName string
	// Err says why there is no answer: it matches [store.ErrNotFound],
	// [store.ErrUnreadable], [store.ErrUnavailable], the context's error,
	// [rules.ErrDepth], [ErrType], [ErrMissingAttribute], or [carta.ErrKind] where the Python client would
	// raise TypeError. It is nil unless Reason is [ReasonError].
	Err error
	// Age is how long ago the store last knew that the flag is as it was
	// evaluated. It is 0 for stores that read what is current.
	Age time.Duration
}

// evaluationOf returns the evaluation for a decision, or for the error in its place.
// Then otherwise is what the caller gets.
func (c *FeatureFlagClient) evaluationOf(name string, d *targeting.Decision, err error, otherwise fallback) Evaluation {
	e := Evaluation{Enabled: d.Enabled, Reason: d.Reason, Rule: d.Rule, RuleName: d.RuleName, Err: err}
	switch {
	case err != nil:
		e.Value = c.resolve(otherwise, name)
		e.Enabled = isTrue(e.Value)
	case d.Variant != nil:
		e.Variant, e.Value = d.Variant.Name, d.Variant.Value
	default: // disabled, with rules that cannot be read
		e.Value = targeting.Bool(false)
	}
	return e
}

// IsEnabled reports whether a flag is on for a request with these attributes and
// those that ctx carries. It never fails: if there is no such flag, or the store
// cannot tell in time, or a condition cannot be evaluated, the answer is false, or
// what is declared (see [WithDeclarations]), and the cause is reported (see
// [WithLogger] and [WithErrorHandler]).
//
// On stores that answer from memory it neither blocks nor allocates.
func (c *FeatureFlagClient) IsEnabled(ctx context.Context, name string, attrs ...Attr) bool {
	return c.isEnabled(ctx, name, c.peek(name), fallbackDeclared, attrs)
}

// IsEnabledOr is [FeatureFlagClient.IsEnabled] with a default other than false.
func (c *FeatureFlagClient) IsEnabledOr(ctx context.Context, name string, otherwise bool, attrs ...Attr) bool {
	return c.isEnabled(ctx, name, c.peek(name), fallbackOf(otherwise), attrs)
}

// isEnabled answers from a flag that was found in memory, or nil.
func (c *FeatureFlagClient) isEnabled(ctx context.Context, name string, f *store.Flag, otherwise fallback, attrs []Attr) bool {
	// What most flags are most of the time is answered without more ado.
	if f != nil && !c.thorough {
		if s := scopeOf(ctx); s.pins == nil {
			if isPlain(f) {
				return f.Enabled
			}
			if d := decideAlone(f, attrs, s.attrs); d != nil {
				return d.Enabled
			}
		}
	}
	return c.isEnabledWith(ctx, name, f, otherwise, c.required, attrs)
}

// isEnabledWith answers from a flag that was found in memory, or nil, for requests
// that must have some attributes.
func (c *FeatureFlagClient) isEnabledWith(ctx context.Context, name string, f *store.Flag, otherwise fallback, required *requirements, attrs []Attr) bool {
	d, err := c.evaluate(ctx, name, f, required, attrs)
	if err == nil && c.observers == nil {
		return d.Enabled
	}
	return c.answer(ctx, name, otherwise, d, err, attrs)
}

// answer returns the caller's default if there is an error, and tells of both, the
// error and the evaluation, whoever wants to know.
func (c *FeatureFlagClient) answer(ctx context.Context, name string, otherwise fallback, d *targeting.Decision, err error, attrs []Attr) bool {
	if err != nil {
		c.reports.report(ctx, name, err)
	}
	e := c.evaluationOf(name, d, err, otherwise)
	c.tell(ctx, name, &e, attrs)
	return e.Enabled
}

// tell completes an evaluation, and tells the observers of it.
func (c *FeatureFlagClient) tell(ctx context.Context, name string, e *Evaluation, attrs []Attr) {
	date(e, c.dated, name)
	if c.observers != nil {
		c.observers.tell(ctx, name, *e, attrs)
	}
}

// Evaluate is [FeatureFlagClient.IsEnabled] with the variant, its value and the
// reason, and with the error instead of a report.
func (c *FeatureFlagClient) Evaluate(ctx context.Context, name string, attrs ...Attr) Evaluation {
	return c.evaluateWith(ctx, name, fallbackDeclared, c.required, attrs)
}

// EvaluateOr is [FeatureFlagClient.Evaluate] with a default other than false.
func (c *FeatureFlagClient) EvaluateOr(ctx context.Context, name string, otherwise bool, attrs ...Attr) Evaluation {
	return c.evaluateWith(ctx, name, fallbackOf(otherwise), c.required, attrs)
}

func (c *FeatureFlagClient) evaluateWith(ctx context.Context, name string, otherwise fallback, required *requirements, attrs []Attr) Evaluation {
	d, err := c.evaluate(ctx, name, c.peek(name), required, attrs)
	e := c.evaluationOf(name, d, err, otherwise)
	c.tell(ctx, name, &e, attrs)
	return e
}

// evaluate evaluates a flag that was found in memory; if that is nil, it asks the
// store.
func (c *FeatureFlagClient) evaluate(ctx context.Context, name string, f *store.Flag, required *requirements, attrs []Attr) (*targeting.Decision, error) {
	s := scopeOf(ctx)
	if s.pins != nil {
		return c.evaluatePinned(ctx, name, f, s, required, attrs)
	}
	if f == nil {
		var err error
		if f, err = c.find(ctx, name); err != nil {
			return &noDecision, err
		}
	}
	if required != nil && f.Enabled {
		if err := required.check(attrs, s.attrs); err != nil {
			return &noDecision, err
		}
	}
	if isPlain(f) { // to make a request of it would take longer than to answer
		return plainDecision(f), nil
	}
	var r targeting.Request // as in decideAlone
	r.Attrs, r.Inherited = attrs, s.attrs
	if f.Rules().Asks() != nil {
		return c.evaluateAsking(ctx, f, &r)
	}
	return f.Decide(&r, nil)
}

// decideAlone returns the decision of a flag whose rules ask no other flag. Where there
// is none, because the flag is another or cannot be evaluated, it returns nil, and
// evaluate finds out why.
func decideAlone(f *store.Flag, attrs, inherited []Attr) *targeting.Decision {
	s := f.Rules()
	if s.IsZero() || s.Asks() != nil {
		return nil
	}
	// Field by field: the compiler makes a literal elsewhere, and to copy what was just
	// written takes longer than most rules.
	var r targeting.Request
	r.Attrs, r.Inherited = attrs, inherited
	if d, err := s.DecideAlone(f.Enabled, &r); err == nil {
		return d
	}
	return nil
}

// isPlain reports whether a flag answers Enabled to everybody. It does not look at
// Enabled: processors cannot foresee it, and to be wrong costs them more than the
// answer.
func isPlain(f *store.Flag) bool {
	return len(f.Conditions) == 0 && f.Bucketer.IsNoOp() && f.Rules().IsZero()
}

// The decisions that no rules are asked for. A decision is passed on by its address:
// copies of it would take longer than most rules.
var (
	noDecision = targeting.NoDecision
	plainOn    = targeting.Decision{Enabled: true, Reason: ReasonStatic, Variant: targeting.OnOff(true), Rule: -1}
	plainOff   = targeting.Decision{Reason: ReasonDisabled, Variant: targeting.OnOff(false), Rule: -1}
)

// plainDecision returns the decision of a flag that is plain.
func plainDecision(f *store.Flag) *targeting.Decision {
	if f.Enabled {
		return &plainOn
	}
	return &plainOff
}

func (c *FeatureFlagClient) evaluatePinned(ctx context.Context, name string, f *store.Flag, s *scope, required *requirements, attrs []Attr) (*targeting.Decision, error) {
	key := pinKey{c, name}
	var err error
	if f == nil && s.pins.get(key) == nil {
		// The store is asked without a lock, so that a slow flag delays no other.
		f, err = c.find(ctx, name)
		if err != nil && ctx.Err() != nil {
			return &noDecision, err // that one caller gave up says nothing about the flag
		}
	}
	return s.pins.evaluate(ctx, key, f, err, s, required, attrs)
}

// peek returns the flag if the store holds it in memory, or nil.
func (c *FeatureFlagClient) peek(name string) *store.Flag {
	if c.flags != nil {
		return c.flags.Load().Find(name)
	}
	if c.peeker != nil {
		f, _ := c.peeker.Peek(name)
		return f
	}
	return nil
}

// find returns the flag if peek returned nil: the store may know that there is none.
func (c *FeatureFlagClient) find(ctx context.Context, name string) (*store.Flag, error) {
	if c.peeker != nil {
		if f, known := c.peeker.Peek(name); known {
			if f == nil {
				return nil, store.ErrNotFound
			}
			return f, nil
		}
	}
	return c.ask(ctx, name)
}
