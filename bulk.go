// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipper

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/flipper-go/flipper/internal/snapshot"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
)

// maxQuestions is how many flags [FeatureFlagClient.EvaluateNames] asks a store
// for at the same time, if the store has to ask a server.
const maxQuestions = 16

// EvaluateNames is [FeatureFlagClient.Evaluate] of several flags for one request,
// such as all that a page shows. The evaluations are in the order of the names.
//
// It costs less than asking one by one: what the flags have in common, such as
// the bucket of a user, is computed once. On a store that answers from memory all
// answers are of one state of its flags; on one that has to ask a server the flags
// are read at the same time, and share the client's time-out (see [WithTimeout]).
func (c *FeatureFlagClient) EvaluateNames(ctx context.Context, names []string, attrs ...Attr) []Evaluation {
	s, r := newBatch(ctx, attrs)
	evaluations := make([]Evaluation, len(names))
	var view snapshot.View // one state for all
	if c.flags != nil {
		view = c.flags.Load()
	}
	var unknown []int
	for i, name := range names {
		if pinned := c.pinned(s, name); pinned != nil {
			c.evaluatePin(ctx, &r, &evaluations[i], pinned)
			continue
		}
		var f *store.Flag
		known := false
		switch {
		case c.flags != nil:
			f, known = view.Peek(name)
		case c.peeker != nil:
			f, known = c.peeker.Peek(name)
		}
		if !known {
			unknown = append(unknown, i)
			continue
		}
		c.evaluateFound(ctx, s, &r, &evaluations[i], name, f, nil)
	}
	if len(unknown) == 0 {
		return evaluations
	}
	for i, answer := range c.ask(ctx, names, unknown) {
		c.evaluateFound(ctx, s, &r, &evaluations[unknown[i]], names[unknown[i]], answer.flag, answer.err)
	}
	return evaluations
}

// EvaluateAll is [FeatureFlagClient.EvaluateNames] of all flags, for a page or an
// API that needs them by name. A flag that is stored but cannot be read has an
// evaluation with an Err, as one that cannot be evaluated has. If the flags cannot
// be listed there are no evaluations, only the error; ctx bounds the time.
func (c *FeatureFlagClient) EvaluateAll(ctx context.Context, attrs ...Attr) (map[string]Evaluation, error) {
	s, r := newBatch(ctx, attrs)
	evaluations := make(map[string]Evaluation)
	for f, err := range c.List(ctx) {
		var name string
		unreadable, ok := errors.AsType[*store.UnreadableError](err)
		switch {
		case err == nil:
			name = f.Name
		case ok:
			name = unreadable.Name
		default:
			return nil, err
		}
		var e Evaluation
		if pinned := c.pinned(s, name); pinned != nil {
			c.evaluatePin(ctx, &r, &e, pinned)
		} else {
			c.evaluateFound(ctx, s, &r, &e, name, f, err)
		}
		evaluations[name] = e
	}
	return evaluations, nil
}

// newBatch gives what the evaluations for one request share: the scope of the
// context, and a request, which remembers what the flags have in common. They are
// not one struct with the context, so that the attributes stay on the stack.
func newBatch(ctx context.Context, attrs []Attr) (*scope, targeting.Request) {
	s := scopeOf(ctx)
	r := targeting.Request{Attrs: attrs, Inherited: s.attrs}
	if s.pins != nil {
		r.Time = s.pins.time
	} else {
		r.Time = time.Now()
	}
	return s, r
}

// pinned gives what a scope has pinned of a flag, or nil.
func (c *FeatureFlagClient) pinned(s *scope, name string) *pin {
	if s.pins == nil {
		return nil
	}
	return s.pins.get(pinKey{c, name})
}

// evaluateFound evaluates what the store has given, and pins it if the scope is one
// that pins. A flag of nil without an error is one that does not exist.
func (c *FeatureFlagClient) evaluateFound(ctx context.Context, s *scope, r *targeting.Request, e *Evaluation, name string, f *store.Flag, err error) {
	if f == nil && err == nil {
		err = store.ErrNotFound
	}
	if s.pins == nil || err != nil && ctx.Err() != nil {
		c.evaluateInto(ctx, r, e, name, f, err)
		return
	}
	c.evaluatePin(ctx, r, e, s.pins.add(pinKey{c, name}, f, err))
}

func (c *FeatureFlagClient) evaluatePin(ctx context.Context, r *targeting.Request, e *Evaluation, pinned *pin) {
	r.Random, r.Drawn = pinned.random, true
	c.evaluateInto(ctx, r, e, pinned.key.name, pinned.flag, pinned.err)
	r.Drawn = false
}

// evaluateInto makes an evaluation in place.
func (c *FeatureFlagClient) evaluateInto(ctx context.Context, r *targeting.Request, e *Evaluation, name string, f *store.Flag, err error) {
	if err != nil {
		e.Reason, e.Err = ReasonError, err
	} else {
		e.Enabled, e.Reason, e.Err = f.Evaluate(r)
	}
	date(e, c.dated, name)
	if c.observers != nil {
		c.observers.tell(ctx, name, *e, r.Attrs)
	}
}

type answer struct {
	flag *store.Flag
	err  error
}

// ask asks the store for the names at some places, several at a time.
func (c *FeatureFlagClient) ask(ctx context.Context, names []string, places []int) []answer {
	if c.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.timeout)
		defer cancel()
	}
	answers := make([]answer, len(places))
	next := make(chan int, len(places))
	for i := range places {
		next <- i
	}
	close(next)
	var asking sync.WaitGroup
	for range min(len(places), maxQuestions) {
		asking.Go(func() {
			for i := range next {
				answers[i].flag, answers[i].err = c.store.Get(ctx, names[places[i]])
			}
		})
	}
	asking.Wait()
	return answers
}
