// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package telemetry has what metrics of evaluations have in common, whatever
// system they are for. Packages flipperprometheus and flipperotel build on it; use
// it to write a hook for another system.
//
//	evaluations := telemetry.NewEvaluations(telemetry.DefaultMaxFlags)
//	features := flipper.New(flags, flipper.WithHook(evaluations))
//	...
//	for count := range evaluations.Counts() {
//		report(count.Flag, count.Enabled, count.Reason, count.ErrorType, count.Number)
//	}
//
// # Cardinality
//
// The name of a flag may come from anywhere, a request included. So a flag has
// counts of its own only once it was found in the store, and only as many flags
// have as NewEvaluations is told. All others are counted as [OtherFlags].
package telemetry

import (
	"context"
	"errors"
	"iter"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting/carta"
)

// DefaultMaxFlags is how many flags have counts of their own, where nothing else is
// said.
const DefaultMaxFlags = 1000

// OtherFlags is what stands for the name of all flags that have no counts of their
// own. A flag that is really called so is counted with them.
const OtherFlags = "_other"

// Evaluations counts evaluations by flag, answer, reason and type of error. It is a
// [flipper.Hook], and safe for concurrent use. Counting a flag again takes no lock and
// does not allocate.
type Evaluations struct {
	maxFlags int
	other    counts

	mu    sync.Mutex // held by the one who replaces flags
	flags atomic.Pointer[map[string]*counts]
}

var _ flipper.Hook = (*Evaluations)(nil)

// counts are those of one flag.
type counts [2][len(outcomes)]atomic.Uint64

// An outcome is what decided, or failed.
type outcome struct{ reason, errorType string }

// outcomes are all that are told apart. An evaluation that is none of them counts
// as the last.
var outcomes = [...]outcome{
	{lower(flipper.ReasonStatic), ""},
	{lower(flipper.ReasonTargetingMatch), ""},
	{lower(flipper.ReasonDefault), ""},
	{lower(flipper.ReasonSplit), ""},
	{lower(flipper.ReasonDisabled), ""},
	{lower(flipper.ReasonCached), ""},
	{lower(flipper.ReasonStale), ""},
	{reasonError, ErrorFlagNotFound},
	{reasonError, ErrorParse},
	{reasonError, ErrorInvalidContext},
	{reasonError, ErrorTypeMismatch},
	{reasonError, ErrorUnavailable},
	{reasonError, ErrorTimeout},
	{reasonError, ErrorCanceled},
	{reasonError, ErrorClosed},
	{reasonError, ErrorInvalid},
	{reasonError, ErrorGeneral},
	{reasonUnknown, ""},
}

var reasonError = lower(flipper.ReasonError)

// reasonUnknown is OpenFeature's word for reasons that have no other.
const reasonUnknown = "unknown"

func lower(r flipper.Reason) string { return strings.ToLower(string(r)) }

// firstError is the first outcome with an error.
const firstError = 7

// outcomeOf returns the place of an outcome.
func outcomeOf(e *flipper.Evaluation) int {
	if e.Err != nil {
		errorType := ErrorType(e.Err)
		for i := firstError; i < len(outcomes)-1; i++ {
			if outcomes[i].errorType == errorType {
				return i
			}
		}
		return len(outcomes) - 2
	}
	switch e.Reason {
	case flipper.ReasonStatic:
		return 0
	case flipper.ReasonTargetingMatch:
		return 1
	case flipper.ReasonDefault:
		return 2
	case flipper.ReasonSplit:
		return 3
	case flipper.ReasonDisabled:
		return 4
	case flipper.ReasonCached:
		return 5
	case flipper.ReasonStale:
		return 6
	}
	return len(outcomes) - 1
}

// Reason returns an evaluation's reason as metrics and traces name it: OpenFeature's
// term in lower case, or "unknown" if it is none of those of package flipper.
func Reason(e flipper.Evaluation) string { return outcomes[outcomeOf(&e)].reason }

// NewEvaluations returns counts for at most so many flags. All others are counted
// together, as [OtherFlags].
func NewEvaluations(maxFlags int) *Evaluations {
	e := &Evaluations{maxFlags: maxFlags}
	e.flags.Store(new(map[string]*counts))
	return e
}

// Evaluated counts an evaluation.
func (e *Evaluations) Evaluated(_ context.Context, name string, evaluation flipper.Evaluation) {
	c, ok := (*e.flags.Load())[name]
	if !ok {
		c = e.unseen(name, evaluation.Err)
	}
	enabled := 0
	if evaluation.Enabled {
		enabled = 1
	}
	c[enabled][outcomeOf(&evaluation)].Add(1)
}

// unseen returns the counts for a flag that has none of its own.
func (e *Evaluations) unseen(name string, err error) *counts {
	// While a store cannot be asked, anything may be a name.
	found := err == nil || errors.Is(err, store.ErrUnreadable) || errors.Is(err, carta.ErrKind) || errors.Is(err, flipper.ErrType)
	if !found || len(*e.flags.Load()) >= e.maxFlags || !utf8.ValidString(name) {
		return &e.other
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	flags := *e.flags.Load()
	if c, ok := flags[name]; ok {
		return c
	}
	if len(flags) >= e.maxFlags {
		return &e.other
	}
	more := make(map[string]*counts, len(flags)+1)
	maps.Copy(more, flags)
	c := new(counts)
	more[strings.Clone(name)] = c // it may be part of something large
	e.flags.Store(&more)
	return c
}

// A Count says how often a flag was evaluated with one outcome.
type Count struct {
	// Flag is the flag's name, or [OtherFlags]. It is valid UTF-8.
	Flag string
	// Enabled is the answer.
	Enabled bool
	// Reason is as the function [Reason] returns it.
	Reason string
	// ErrorType is as the function [ErrorType] returns it. It is empty unless Reason
	// is "error".
	ErrorType string
	// Number only ever grows.
	Number uint64
}

// Counts returns the counts that are not 0, in no particular order.
func (e *Evaluations) Counts() iter.Seq[Count] {
	return func(yield func(Count) bool) {
		for name, c := range *e.flags.Load() {
			if !c.each(name, yield) {
				return
			}
		}
		e.other.each(OtherFlags, yield)
	}
}

func (c *counts) each(name string, yield func(Count) bool) bool {
	for enabled := range c {
		for i := range c[enabled] {
			number := c[enabled][i].Load()
			if number == 0 {
				continue
			}
			if !yield(Count{name, enabled == 1, outcomes[i].reason, outcomes[i].errorType, number}) {
				return false
			}
		}
	}
	return true
}

// Age returns the age of the oldest data that a store holds of the flags with counts
// of their own, and of how many of them the store has tried to learn what is
// current, and could not.
func (e *Evaluations) Age(dated store.Dated) (oldest time.Duration, stale int) {
	for name := range *e.flags.Load() {
		age, isStale := dated.Age(name)
		oldest = max(oldest, age)
		if isStale {
			stale++
		}
	}
	return oldest, stale
}
