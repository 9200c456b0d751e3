// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipperopenfeature

import (
	"context"
	"fmt"

	"github.com/open-feature/go-sdk/openfeature"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/store"
)

// The variants of a flag.
const (
	variantOn  = "on"
	variantOff = "off"
)

// BooleanEvaluation answers whether a flag is on. With an error it answers
// defaultValue. A flag that is off answers false, whatever defaultValue is.
func (p *Provider) BooleanEvaluation(ctx context.Context, flag string, defaultValue bool, flatCtx openfeature.FlattenedContext) openfeature.BoolResolutionDetail {
	var space [attributesOnStack]flipper.Attr
	attrs, err := p.appendAttrs(space[:0], flatCtx)
	if err != nil {
		return failed(defaultValue, openfeature.NewInvalidContextResolutionError(err.Error()))
	}
	e := p.client.Evaluate(ctx, flag, attrs...)
	if e.Err != nil {
		return failed(defaultValue, p.resolutionError(flag, e.Err))
	}
	detail := openfeature.BoolResolutionDetail{Value: e.Enabled}
	detail.Reason = openfeature.Reason(e.Reason)
	detail.Variant = variantOff
	if e.Enabled {
		detail.Variant = variantOn
	}
	if !p.noMetadata {
		detail.FlagMetadata = p.flagMetadata(ctx, flag)
	}
	return detail
}

// StringEvaluation answers defaultValue with TYPE_MISMATCH, or with FLAG_NOT_FOUND:
// flags are boolean.
func (p *Provider) StringEvaluation(ctx context.Context, flag, defaultValue string, _ openfeature.FlattenedContext) openfeature.StringResolutionDetail {
	return mismatch(ctx, p, flag, "a string", defaultValue)
}

// FloatEvaluation answers defaultValue with TYPE_MISMATCH, or with FLAG_NOT_FOUND:
// flags are boolean.
func (p *Provider) FloatEvaluation(ctx context.Context, flag string, defaultValue float64, _ openfeature.FlattenedContext) openfeature.FloatResolutionDetail {
	return mismatch(ctx, p, flag, "a float", defaultValue)
}

// IntEvaluation answers defaultValue with TYPE_MISMATCH, or with FLAG_NOT_FOUND:
// flags are boolean.
func (p *Provider) IntEvaluation(ctx context.Context, flag string, defaultValue int64, _ openfeature.FlattenedContext) openfeature.IntResolutionDetail {
	return mismatch(ctx, p, flag, "an int", defaultValue)
}

// ObjectEvaluation answers defaultValue with TYPE_MISMATCH, or with FLAG_NOT_FOUND:
// flags are boolean.
func (p *Provider) ObjectEvaluation(ctx context.Context, flag string, defaultValue any, _ openfeature.FlattenedContext) openfeature.InterfaceResolutionDetail {
	return mismatch(ctx, p, flag, "an object", defaultValue)
}

func mismatch[T any](ctx context.Context, p *Provider, flag, wanted string, defaultValue T) openfeature.GenericResolutionDetail[T] {
	if _, err := p.lookup(ctx, flag); err != nil {
		return failed(defaultValue, p.resolutionError(flag, err))
	}
	return failed(defaultValue, openfeature.NewTypeMismatchResolutionError(
		fmt.Sprintf("flag %q is boolean, not %s", flag, wanted)))
}

func failed[T any](defaultValue T, err openfeature.ResolutionError) openfeature.GenericResolutionDetail[T] {
	detail := openfeature.GenericResolutionDetail[T]{Value: defaultValue}
	detail.Reason = openfeature.ErrorReason
	detail.ResolutionError = err
	return detail
}

// lookup gives the flag as it is stored. It is no evaluation: nobody is told of it.
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
