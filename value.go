// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipper

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
)

// ErrType says that a flag's value is of another kind than was asked for.
var ErrType = errors.New("the value is of another kind than was asked for")

// errNoValue says that a disabled flag has rules that cannot be read, so nobody knows
// its off variant.
var errNoValue = fmt.Errorf("the flag is disabled, and its off variant is not known: %w", store.ErrUnreadable)

// The methods below are not inlined: where a caller's package gets the call of a generic
// function by inlining, the compiler takes the attributes for ones that are kept, and
// allocates them.

// StringOr returns the text that a flag serves to a request with these attributes and
// those that ctx carries. It never fails: where there is no answer, or the flag's
// value is no text, it returns otherwise, and the cause is reported, as by
// [FeatureFlagClient.IsEnabled]. A disabled flag serves its off variant.
//
//go:noinline
func (c *FeatureFlagClient) StringOr(ctx context.Context, name, otherwise string, attrs ...Attr) string {
	return valueOr(ctx, c, name, c.peek(name), c.required, otherwise, readString, attrs)
}

// IntOr is [FeatureFlagClient.StringOr] for ints. A number with a fraction, or beyond
// an int64, is no int; 1.0 is.
//
//go:noinline
func (c *FeatureFlagClient) IntOr(ctx context.Context, name string, otherwise int64, attrs ...Attr) int64 {
	return valueOr(ctx, c, name, c.peek(name), c.required, otherwise, readInt, attrs)
}

// FloatOr is [FeatureFlagClient.StringOr] for floats. An int is rounded to the nearest
// float.
//
//go:noinline
func (c *FeatureFlagClient) FloatOr(ctx context.Context, name string, otherwise float64, attrs ...Attr) float64 {
	return valueOr(ctx, c, name, c.peek(name), c.required, otherwise, readFloat, attrs)
}

// StringOr is [FeatureFlagClient.StringOr].
//
//go:noinline
func (f *FeatureFlag) StringOr(ctx context.Context, otherwise string, attrs ...Attr) string {
	return valueOr(ctx, f.client, f.name, f.client.peek(f.name), f.required, otherwise, readString, attrs)
}

// IntOr is [FeatureFlagClient.IntOr].
//
//go:noinline
func (f *FeatureFlag) IntOr(ctx context.Context, otherwise int64, attrs ...Attr) int64 {
	return valueOr(ctx, f.client, f.name, f.client.peek(f.name), f.required, otherwise, readInt, attrs)
}

// FloatOr is [FeatureFlagClient.FloatOr].
//
//go:noinline
func (f *FeatureFlag) FloatOr(ctx context.Context, otherwise float64, attrs ...Attr) float64 {
	return valueOr(ctx, f.client, f.name, f.client.peek(f.name), f.required, otherwise, readFloat, attrs)
}

// A reader reads the value of a variant. It may keep what it made of it.
type reader[T any] func(v *targeting.Variant) (T, error)

// valueOr is the typed answer of a flag that was found in memory, or nil, for requests
// that must have some attributes.
func valueOr[T any](ctx context.Context, c *FeatureFlagClient, name string, f *store.Flag, required *requirements, otherwise T, read reader[T], attrs []Attr) T {
	if f != nil && required == nil && c.observers == nil {
		if s := scopeOf(ctx); s.pins == nil {
			if d := decideAlone(f, attrs, s.attrs); d != nil && d.Variant != nil {
				if value, err := read(d.Variant); err == nil {
					return value
				}
			}
		}
	}
	d, err := c.evaluate(ctx, name, f, required, attrs)
	value, err := readDecision(d, err, read)
	if err != nil {
		c.reports.report(ctx, name, err)
		value = otherwise
	}
	if c.observers == nil {
		return value
	}
	e := evaluationOfValue(c, name, d, err, otherwise)
	c.tell(ctx, name, &e, attrs)
	return value
}

// evaluateValue is [FeatureFlagClient.Evaluate] for those who ask for a T.
func evaluateValue[T any](ctx context.Context, c *FeatureFlagClient, name string, required *requirements, otherwise T, read reader[T], attrs []Attr) Evaluation {
	d, err := c.evaluate(ctx, name, c.peek(name), required, attrs)
	_, err = readDecision(d, err, read)
	e := evaluationOfValue(c, name, d, err, otherwise)
	c.tell(ctx, name, &e, attrs)
	return e
}

// readDecision returns the value that was decided. err is that of the decision.
func readDecision[T any](d *targeting.Decision, err error, read reader[T]) (value T, _ error) {
	switch {
	case err != nil:
		return value, err
	case d.Variant == nil:
		return value, errNoValue
	}
	return read(d.Variant)
}

// evaluationOfValue returns the evaluation for a decision whose value was read, or for
// the error in its place.
func evaluationOfValue[T any](c *FeatureFlagClient, name string, d *targeting.Decision, err error, otherwise T) Evaluation {
	if err == nil {
		return c.evaluationOf(name, d, nil, fallbackOff)
	}
	e := c.evaluationOf(name, &noDecision, err, fallbackOff)
	e.Value, _ = encode(otherwise) // null for what has no JSON form
	return e
}

func typeError(v *targeting.Variant, want string) error {
	return fmt.Errorf("variant %q is %s, not %s: %w", v.Name, v.Value.Kind(), want, ErrType)
}

func readString(v *targeting.Variant) (string, error) {
	text, ok := v.Value.AsText()
	if !ok {
		return "", typeError(v, "text")
	}
	return text, nil
}

func readInt(v *targeting.Variant) (int64, error) {
	if i, ok := v.Value.AsInt(); ok {
		return i, nil
	}
	const limit = 1 << 63 // as a float64: exact
	if f, ok := v.Value.AsFloat(); ok && -limit <= f && f < limit && f == math.Trunc(f) {
		return int64(f), nil
	}
	return 0, typeError(v, "an int of 64 bits")
}

func readFloat(v *targeting.Variant) (float64, error) {
	if f, ok := v.Value.AsFloat(); ok {
		return f, nil
	}
	if i, ok := v.Value.AsInt(); ok {
		return float64(i), nil
	}
	if i, ok := v.Value.AsBigInt(); ok {
		if f, _ := i.Float64(); !math.IsInf(f, 0) {
			return f, nil
		}
	}
	return 0, typeError(v, "a float")
}
