// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipper

import (
	"context"
	"errors"
	"fmt"
)

// ErrDisabled says that a guarded function was not called, because its flag is off and
// there is no fallback.
var ErrDisabled = errors.New("flag is off")

// Guard returns a function that calls fn if the flag is on, and otherwise calls fallback
// with the same argument. Each call evaluates the flag, with the attributes that the
// context carries. Without a fallback, the function returns an error that matches
// [ErrDisabled] where the Python client's decorator, is_enabled(features, name,
// redirect), returns None.
//
// For functions of another shape, see [Choose].
func Guard[In, Out any](flag *FeatureFlag, fn, fallback func(context.Context, In) (Out, error)) func(context.Context, In) (Out, error) {
	return func(ctx context.Context, in In) (out Out, err error) {
		if flag.IsEnabled(ctx) {
			return fn(ctx, in)
		}
		if fallback == nil {
			return out, fmt.Errorf("%q: %w", flag.name, ErrDisabled)
		}
		return fallback(ctx, in)
	}
}

// Choose returns on if the flag is on, and off if not. The values may be anything,
// in particular two functions of the same type:
//
//	render := flipper.Choose(ctx, newPage, renderNew, renderOld)
func Choose[T any](ctx context.Context, flag *FeatureFlag, on, off T, attrs ...Attr) T {
	if flag.IsEnabled(ctx, attrs...) {
		return on
	}
	return off
}
