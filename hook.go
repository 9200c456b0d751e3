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
	// Evaluated is called after every evaluation, in the caller's goroutine. The
	// caller waits, so it must be quick and must not block. It must be safe for
	// concurrent use. The Enabled of e is the caller's answer: with an Err, the
	// caller's default.
	Evaluated(ctx context.Context, name string, e Evaluation)
}

// WithHook adds a hook. Several hooks are called in the order of their options. By
// default there is none.
func WithHook(hook Hook) Option {
	return func(c *FeatureFlagClient) {
		observers := c.observed()
		observers.hooks = append(observers.hooks, hook)
	}
}

// An Impression is one evaluation in full: what was decided, for whom and why.
type Impression struct {
	// Time is when the flag was evaluated.
	Time time.Time
	// Name is the flag's.
	Name string
	// Evaluation is the answer. With an Err, its Enabled is the caller's default.
	Evaluation
	// Attrs are the attributes of the call and of its context, each name once. They may
	// be personal data. The recorder owns the slice.
	Attrs []Attr
}

// A Recorder takes impressions. Package impression has one that delivers them in the
// background.
type Recorder interface {
	// Record is called in the caller's goroutine, under the same conditions as the
	// method of a [Hook].
	Record(ctx context.Context, i Impression)
}

// WithImpressions records a random share of all evaluations, from 0 to 1. By default
// none are recorded.
//
// Recording an evaluation allocates, because its attributes are copied. Every other
// evaluation costs one random number.
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
