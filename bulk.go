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
	"github.com/flipper-go/flipper/targeting/rules"
)

// maxQuestions is how many flags [FeatureFlagClient.EvaluateNames] asks a store
// for at the same time, if the store has to ask a server.
const maxQuestions = 16

// EvaluateNames evaluates several flags for one request, such as all flags of a page. It
// returns the evaluations in the order of the names.
//
// It costs less than evaluating one by one, because it computes what the flags have in
// common only once, such as the bucket of a user. If the store answers from memory, all
// answers come from one state of its flags. If it has to ask a server, the flags are read
// at the same time and share the client's time-out (see [WithTimeout]).
func (c *FeatureFlagClient) EvaluateNames(ctx context.Context, names []string, attrs ...Attr) []Evaluation {
	s, r := newBatch(ctx, attrs)
	evaluations := make([]Evaluation, len(names))
	var b batch
	if c.flags != nil {
		b.view, b.viewed = c.flags.Load(), true
	}
	var unknown []int
	for i, name := range names {
		if pinned := c.pinned(s, name); pinned != nil {
			c.evaluatePin(ctx, &b, &r, &evaluations[i], pinned)
			continue
		}
		var f *store.Flag
		known := false
		switch {
		case c.flags != nil:
			f, known = b.view.Peek(name)
		case c.peeker != nil:
			f, known = c.peeker.Peek(name)
		}
		if !known {
			unknown = append(unknown, i)
			continue
		}
		c.evaluateFound(ctx, &b, s, &r, &evaluations[i], name, f, nil)
	}
	if len(unknown) == 0 {
		return evaluations
	}
	for i, answer := range c.askAll(ctx, names, unknown) {
		c.evaluateFound(ctx, &b, s, &r, &evaluations[unknown[i]], names[unknown[i]], answer.flag, answer.err)
	}
	return evaluations
}

// EvaluateAll evaluates all stored flags, and all flags of [WithDeclarations], for a page
// or an API that needs them by name. A flag that cannot be read or evaluated has an
// evaluation with an Err. If the flags cannot be listed, EvaluateAll returns the error and
// no evaluations. Only ctx bounds the time that it takes.
func (c *FeatureFlagClient) EvaluateAll(ctx context.Context, attrs ...Attr) (map[string]Evaluation, error) {
	s, r := newBatch(ctx, attrs)
	b := batch{listed: make(listedFlags)}
	failures := make(map[string]error)
	for f, err := range c.List(ctx) {
		unreadable, ok := errors.AsType[*store.UnreadableError](err)
		switch {
		case err == nil:
			b.listed[f.Name] = f
		case ok:
			b.listed[unreadable.Name], failures[unreadable.Name] = nil, err
		default:
			return nil, err
		}
	}
	evaluations := make(map[string]Evaluation, len(b.listed))
	evaluate := func(name string, f *store.Flag, err error) {
		var e Evaluation
		if pinned := c.pinned(s, name); pinned != nil {
			c.evaluatePin(ctx, &b, &r, &e, pinned)
		} else {
			c.evaluateFound(ctx, &b, s, &r, &e, name, f, err)
		}
		evaluations[name] = e
	}
	for name, f := range b.listed {
		evaluate(name, f, failures[name])
	}
	for name := range c.declaredDefaults {
		if _, stored := b.listed[name]; !stored {
			evaluate(name, nil, store.ErrNotFound)
		}
	}
	return evaluations, nil
}

// A batch is where the conditions of flags that are asked together find other flags:
// in one state of the store, if it has one.
type batch struct {
	view   snapshot.View
	viewed bool
	listed listedFlags
}

func (b *batch) flags(ctx context.Context, c *FeatureFlagClient) rules.Flags {
	if pins := scopeOf(ctx).pins; pins != nil {
		return &pinnedFlags{c, ctx, pins}
	}
	switch {
	case b.viewed:
		return viewFlags{b.view}
	case b.listed != nil:
		return b.listed
	}
	return &storedFlags{c, ctx}
}

// newBatch returns what the evaluations for one request share: the scope of the
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

// pinned returns what a scope has pinned of a flag, or nil.
func (c *FeatureFlagClient) pinned(s *scope, name string) *pin {
	if s.pins == nil {
		return nil
	}
	return s.pins.get(pinKey{c, name})
}

// evaluateFound evaluates what the store has returned, and pins it if the scope is one
// that pins. A flag of nil without an error is one that does not exist.
func (c *FeatureFlagClient) evaluateFound(ctx context.Context, b *batch, s *scope, r *targeting.Request, e *Evaluation, name string, f *store.Flag, err error) {
	if f == nil && err == nil {
		err = store.ErrNotFound
	}
	if s.pins == nil || err != nil && ctx.Err() != nil {
		c.evaluateInto(ctx, b, r, e, name, f, err)
		return
	}
	c.evaluatePin(ctx, b, r, e, s.pins.add(pinKey{c, name}, f, err))
}

func (c *FeatureFlagClient) evaluatePin(ctx context.Context, b *batch, r *targeting.Request, e *Evaluation, pinned *pin) {
	r.Random, r.Drawn = pinned.random, true
	c.evaluateInto(ctx, b, r, e, pinned.key.name, pinned.flag, pinned.err)
	r.Drawn = false
}

// evaluateInto makes an evaluation in place.
func (c *FeatureFlagClient) evaluateInto(ctx context.Context, b *batch, r *targeting.Request, e *Evaluation, name string, f *store.Flag, err error) {
	d := &noDecision
	if err == nil && c.required != nil && f.Enabled {
		err = c.required.check(r.Attrs, r.Inherited)
	}
	if err == nil {
		var flags rules.Flags
		if f.Rules().Asks() != nil {
			flags = b.flags(ctx, c)
		}
		d, err = f.Decide(r, flags)
	}
	*e = c.evaluationOf(name, d, err, fallbackDeclared)
	c.tell(ctx, name, e, r.Attrs)
}

type answer struct {
	flag *store.Flag
	err  error
}

// askAll asks the store for the names at some places, several at a time.
func (c *FeatureFlagClient) askAll(ctx context.Context, names []string, places []int) []answer {
	answers := make([]answer, len(places))
	err := c.within(ctx, names[places[0]], func(ctx context.Context) error {
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
		for _, a := range answers {
			if !says(a.err) {
				return a.err
			}
		}
		return nil
	})
	if err != nil {
		for i := range answers {
			if answers[i] == (answer{}) { // the store was not asked
				answers[i].flag, answers[i].err = c.held(names[places[i]], err)
			}
		}
	}
	return answers
}
