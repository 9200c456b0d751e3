// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipperopenfeature

import (
	"context"
	"fmt"
	"math"

	"github.com/open-feature/go-sdk/openfeature"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
)

// BooleanEvaluation returns the boolean that a flag serves. With an error it returns
// defaultValue. A disabled flag is false, whatever defaultValue is and whatever its
// variants are: a flag that was switched off is off for everybody. An enabled flag whose
// variants are no booleans is a TYPE_MISMATCH.
func (p *Provider) BooleanEvaluation(ctx context.Context, flag string, defaultValue bool, flatCtx openfeature.FlattenedContext) openfeature.BoolResolutionDetail {
	e, err := p.evaluate(ctx, flag, defaultValue, flatCtx)
	if err == nil && isOff(&e) {
		e.Value = targeting.Bool(false)
	}
	return resolve(ctx, p, flag, defaultValue, e, err, targeting.Value.AsBool)
}

// StringEvaluation returns the text that a flag serves, or defaultValue with an error. A
// disabled flag serves its off variant.
func (p *Provider) StringEvaluation(ctx context.Context, flag, defaultValue string, flatCtx openfeature.FlattenedContext) openfeature.StringResolutionDetail {
	e, err := p.strings.evaluate(ctx, p, flag, defaultValue, flatCtx)
	return resolve(ctx, p, flag, defaultValue, e, err, targeting.Value.AsText)
}

// FloatEvaluation returns the number that a flag serves, or defaultValue with an error.
// An int is rounded to the nearest float. A disabled flag serves its off variant.
func (p *Provider) FloatEvaluation(ctx context.Context, flag string, defaultValue float64, flatCtx openfeature.FlattenedContext) openfeature.FloatResolutionDetail {
	e, err := p.floats.evaluate(ctx, p, flag, defaultValue, flatCtx)
	return resolve(ctx, p, flag, defaultValue, e, err, floatOf)
}

// IntEvaluation returns the int that a flag serves, or defaultValue with an error. 1.0 is
// an int; a number with a fraction, or beyond an int64, is a TYPE_MISMATCH. A disabled
// flag serves its off variant.
func (p *Provider) IntEvaluation(ctx context.Context, flag string, defaultValue int64, flatCtx openfeature.FlattenedContext) openfeature.IntResolutionDetail {
	e, err := p.ints.evaluate(ctx, p, flag, defaultValue, flatCtx)
	return resolve(ctx, p, flag, defaultValue, e, err, intOf)
}

// ObjectEvaluation returns the object or list that a flag serves, or defaultValue with an
// error. It is a map[string]any or []any, and the caller's own. Numbers in it are int64,
// or float64 if they were written with a point or exponent or are beyond an int64. A
// disabled flag serves its off variant.
func (p *Provider) ObjectEvaluation(ctx context.Context, flag string, defaultValue any, flatCtx openfeature.FlattenedContext) openfeature.InterfaceResolutionDetail {
	e, err := p.objects.evaluate(ctx, p, flag, objectOrList{}, flatCtx)
	return resolve(ctx, p, flag, defaultValue, e, err, objectOrListOf)
}

// evaluate asks the client, once, for a flag of any type. The error is that of the
// evaluation, or a [contextError].
func (p *Provider) evaluate(ctx context.Context, flag string, defaultValue bool, flatCtx openfeature.FlattenedContext) (flipper.Evaluation, error) {
	var space [attributesOnStack]flipper.Attr
	attrs, err := p.appendAttrs(ctx, space[:0], flatCtx)
	if err != nil {
		return flipper.Evaluation{}, contextError{err}
	}
	e := p.client.EvaluateOr(ctx, flag, defaultValue, attrs...)
	return e, e.Err
}

// isOff reports whether a flag is off for everybody. An answer from an old copy does
// not say whether the flag is disabled. There the off variant has to do, unless a rule
// served it: a kill must not depend on how old the copy is.
func isOff(e *flipper.Evaluation) bool {
	switch e.Reason {
	case flipper.ReasonDisabled:
		return true
	case flipper.ReasonCached, flipper.ReasonStale:
		return !e.Enabled && e.Rule < 0
	}
	return false
}

// resolve returns OpenFeature's form of an evaluation, with the value that read finds.
func resolve[T any](ctx context.Context, p *Provider, flag string, defaultValue T, e flipper.Evaluation, err error, read func(targeting.Value) (T, bool)) openfeature.GenericResolutionDetail[T] {
	if err != nil {
		return failed(defaultValue, p.resolutionError(flag, err))
	}
	value, ok := read(e.Value)
	if !ok {
		return failed(defaultValue, openfeature.NewTypeMismatchResolutionError(
			fmt.Sprintf("flag %q: variant %q is %s, which is not the type that was asked for", flag, e.Variant, e.Value.Kind())))
	}
	detail := openfeature.GenericResolutionDetail[T]{Value: value}
	detail.Reason = openfeature.Reason(e.Reason)
	detail.Variant = e.Variant
	if !p.noMetadata {
		detail.FlagMetadata = p.flagMetadata(ctx, flag, e.Rule, e.RuleName)
	}
	return detail
}

func intOf(v targeting.Value) (int64, bool) {
	if i, ok := v.AsInt(); ok {
		return i, true
	}
	const limit = 1 << 63 // as a float64: exact
	if f, ok := v.AsFloat(); ok && -limit <= f && f < limit && f == math.Trunc(f) {
		return int64(f), true
	}
	return 0, false
}

func floatOf(v targeting.Value) (float64, bool) {
	if f, ok := v.AsFloat(); ok {
		return f, true
	}
	if i, ok := v.AsInt(); ok {
		return float64(i), true
	}
	if i, ok := v.AsBigInt(); ok {
		f, _ := i.Float64()
		return f, !math.IsInf(f, 0)
	}
	return 0, false
}

func objectOrListOf(v targeting.Value) (any, bool) {
	if k := v.Kind(); k != targeting.KindObject && k != targeting.KindList {
		return nil, false
	}
	return anyOf(v)
}

// anyOf is [targeting.Value.Any] without *big.Int. ok is false if there is an int beyond
// a float64.
func anyOf(v targeting.Value) (value any, ok bool) {
	switch v.Kind() {
	case targeting.KindInt:
		if i, ok := v.AsInt(); ok {
			return i, true
		}
		return floatOf(v)
	case targeting.KindList:
		list := make([]any, len(v.Elements()))
		for i, element := range v.Elements() {
			if list[i], ok = anyOf(element); !ok {
				return nil, false
			}
		}
		return list, true
	case targeting.KindObject:
		object := make(map[string]any, len(v.Members()))
		for _, m := range v.Members() {
			if object[m.Key], ok = anyOf(m.Value); !ok {
				return nil, false
			}
		}
		return object, true
	}
	return v.Any(), true
}

func failed[T any](defaultValue T, err openfeature.ResolutionError) openfeature.GenericResolutionDetail[T] {
	detail := openfeature.GenericResolutionDetail[T]{Value: defaultValue}
	detail.Reason = openfeature.ErrorReason
	detail.ResolutionError = err
	return detail
}

// lookup returns the flag as it is stored. It is no evaluation: nobody is told of it.
func (p *Provider) lookup(ctx context.Context, flag string) (*store.Flag, error) {
	if p.peeker != nil {
		if f, known := p.peeker.Peek(flag); known {
			if f == nil {
				return nil, store.ErrNotFound
			}
			return f, nil
		}
	}
	ctx, cancel := context.WithTimeout(ctx, flipper.DefaultTimeout)
	defer cancel()
	return p.store.Get(ctx, flag)
}
