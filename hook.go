// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipper

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/flipper-go/flipper/store"
)

// A Hook is called after each evaluation, for metrics and traces. Packages below
// telemetry have hooks for slog, Prometheus and OpenTelemetry.
//
// A client that has no hook pays nothing for them. The package comment says when to use
// a hook, and when one of the other ways to be told.
type Hook interface {
	// Evaluated is called after every evaluation, in the goroutine of the
	// caller, who waits for it: it must be quick, must not block, and must be
	// safe for concurrent use. The Enabled of e is what the caller got, so with
	// an Err it is the caller's default.
	Evaluated(ctx context.Context, name string, e Evaluation)
}

// WithHook adds a hook. By default there is none; those of several options are
// called in their order.
func WithHook(hook Hook) Option {
	return func(c *FeatureFlagClient) {
		observers := c.observed()
		observers.hooks = append(observers.hooks, hook)
	}
}

// An Impression is one evaluation with all that is known of it: what was decided,
// for whom and why.
type Impression struct {
	// Time is when the flag was evaluated.
	Time time.Time
	// Name is the flag's.
	Name string
	// Evaluation is the answer. Its Enabled is what the caller got, so with an
	// Err it is the caller's default.
	Evaluation
	// Attrs are those of the call and of its context, each name once. They may
	// be personal data. The recorder owns the slice.
	Attrs []Attr
}

// A Recorder takes impressions. Package impression has one that hands them on in
// the background.
type Recorder interface {
	// Record is called in the goroutine of the caller of the evaluation, as
	// [Hook] says of its method.
	Record(ctx context.Context, i Impression)
}

// WithImpressions records a share of all evaluations, from 0 to 1, drawn at
// random, by flag and by caller alike. By default none are recorded.
//
// A recorded evaluation allocates, because its attributes are copied. Others
// cost the draw.
func WithImpressions(r Recorder, share float64) Option {
	return func(c *FeatureFlagClient) {
		observers := c.observed()
		observers.recorders = append(observers.recorders, sampledRecorder{r, share})
	}
}

// observers are whom the client tells of evaluations.
type observers struct {
	hooks     []Hook
	recorders []sampledRecorder
}

type sampledRecorder struct {
	Recorder
	share float64
}

func (c *FeatureFlagClient) observed() *observers {
	if c.observers == nil {
		c.observers = new(observers)
	}
	return c.observers
}

// tell tells of an evaluation. It copies attrs if it keeps them, so that they can
// stay on the caller's stack.
func (o *observers) tell(ctx context.Context, name string, e Evaluation, attrs []Attr) {
	for _, hook := range o.hooks {
		hook.Evaluated(ctx, name, e)
	}
	for _, r := range o.recorders {
		if r.share < 1 && rand.Float64() >= r.share {
			continue
		}
		r.Record(ctx, Impression{Time: time.Now(), Name: name, Evaluation: e, Attrs: mergeInto(nil, scopeOf(ctx).attrs, attrs)})
	}
}

// date completes an evaluation with what a store tells that answers from copies.
func date(e *Evaluation, dated store.Dated, name string) {
	if dated == nil {
		return
	}
	var stale bool
	e.Age, stale = dated.Age(name)
	switch {
	case e.Err != nil:
	case stale:
		e.Reason = ReasonStale
	case e.Age > 0:
		e.Reason = ReasonCached
	}
}
