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
	// Enabled is the answer. If there is an error, it is the caller's default.
	Enabled bool
	// Reason says what decided.
	Reason Reason
	// Err says why there is no answer: it matches [store.ErrNotFound],
	// [store.ErrUnreadable], [store.ErrUnavailable], the context's error, or
	// [carta.ErrKind] where the Python client would raise TypeError. It is
	// nil unless Reason is [ReasonError].
	Err error
	// Age is how long ago the store last knew that the flag is as it was
	// evaluated. It is 0 for stores that read what is current.
	Age time.Duration
}

// IsEnabled reports whether a flag is on for a request with these attributes and
// those that ctx carries. It never fails: if there is no such flag, or the store
// cannot tell in time, or a condition cannot be evaluated, the answer is false,
// and the cause is reported (see [WithLogger] and [WithErrorHandler]).
//
// On stores that answer from memory it neither blocks nor allocates.
func (c *FeatureFlagClient) IsEnabled(ctx context.Context, name string, attrs ...Attr) bool {
	return c.IsEnabledOr(ctx, name, false, attrs...)
}

// IsEnabledOr is [FeatureFlagClient.IsEnabled] with another answer than false for
// when there is none.
func (c *FeatureFlagClient) IsEnabledOr(ctx context.Context, name string, otherwise bool, attrs ...Attr) bool {
	return c.isEnabled(ctx, name, c.peek(name), otherwise, attrs)
}

// isEnabled answers from a flag that was found in memory, or nil.
func (c *FeatureFlagClient) isEnabled(ctx context.Context, name string, f *store.Flag, otherwise bool, attrs []Attr) bool {
	// What most flags are most of the time is answered without more ado.
	if f != nil && isPlain(f) && c.observers == nil && scopeOf(ctx).pins == nil {
		return f.Enabled
	}
	on, reason, err := c.evaluate(ctx, name, f, attrs)
	if err == nil && c.observers == nil {
		return on
	}
	return c.answer(ctx, name, otherwise, on, reason, err, attrs)
}

// answer gives the caller's default if there is an error, and tells of both, the
// error and the evaluation, whoever wants to know.
func (c *FeatureFlagClient) answer(ctx context.Context, name string, otherwise, on bool, reason Reason, err error, attrs []Attr) bool {
	if err != nil {
		c.reports.report(ctx, name, err)
		on = otherwise
	}
	if c.observers != nil {
		e := Evaluation{Enabled: on, Reason: reason, Err: err}
		date(&e, c.dated, name)
		c.observers.tell(ctx, name, e, attrs)
	}
	return on
}

// Evaluate is [FeatureFlagClient.IsEnabled] with the reason, and with the error
// instead of a report.
func (c *FeatureFlagClient) Evaluate(ctx context.Context, name string, attrs ...Attr) Evaluation {
	return c.EvaluateOr(ctx, name, false, attrs...)
}

// EvaluateOr is [FeatureFlagClient.Evaluate] with another answer than false for
// when there is none.
func (c *FeatureFlagClient) EvaluateOr(ctx context.Context, name string, otherwise bool, attrs ...Attr) Evaluation {
	on, reason, err := c.evaluate(ctx, name, c.peek(name), attrs)
	if err != nil {
		on = otherwise
	}
	e := Evaluation{Enabled: on, Reason: reason, Err: err}
	date(&e, c.dated, name)
	if c.observers != nil {
		c.observers.tell(ctx, name, e, attrs)
	}
	return e
}

// evaluate evaluates a flag that was found in memory; if that is nil, it asks the
// store.
func (c *FeatureFlagClient) evaluate(ctx context.Context, name string, f *store.Flag, attrs []Attr) (on bool, reason Reason, err error) {
	s := scopeOf(ctx)
	if s.pins != nil {
		return c.evaluatePinned(ctx, name, f, s, attrs)
	}
	if f == nil {
		if f, err = c.find(ctx, name); err != nil {
			return false, ReasonError, err
		}
	}
	if isPlain(f) { // to make a request of it would take longer than to answer
		return f.Evaluate(nil)
	}
	return f.Evaluate(&targeting.Request{Attrs: attrs, Inherited: s.attrs})
}

// isPlain reports whether a flag answers Enabled to everybody. It does not look at
// Enabled: processors cannot foresee it, and to be wrong costs them more than the
// answer.
func isPlain(f *store.Flag) bool {
	return len(f.Conditions) == 0 && f.Bucketer.IsNoOp()
}

func (c *FeatureFlagClient) evaluatePinned(ctx context.Context, name string, f *store.Flag, s *scope, attrs []Attr) (on bool, reason Reason, err error) {
	key := pinKey{c, name}
	if f == nil && s.pins.get(key) == nil {
		// The store is asked without a lock, so that a slow flag delays no other.
		f, err = c.find(ctx, name)
		if err != nil && ctx.Err() != nil {
			return false, ReasonError, err // that one caller gave up says nothing about the flag
		}
	}
	return s.pins.evaluate(key, f, err, s, attrs)
}

// peek gives the flag if the store holds it in memory, or nil.
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

// find gives the flag if peek gave nil: the store may know that there is none.
func (c *FeatureFlagClient) find(ctx context.Context, name string) (*store.Flag, error) {
	if c.peeker != nil {
		if f, known := c.peeker.Peek(name); known {
			if f == nil {
				return nil, store.ErrNotFound
			}
			return f, nil
		}
	}
	if c.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.timeout)
		defer cancel()
	}
	return c.store.Get(ctx, name)
}
