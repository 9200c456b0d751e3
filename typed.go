// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipper

import (
	"context"
	"sync/atomic"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
)

// A ValueDeclaration is a [Declaration] of a flag that has a value: a text, a number or
// an object, which is decoded into a T. Make it with [DeclareString], [DeclareInt],
// [DeclareFloat] or [DeclareObject], as a rule as a package's variable. It is immutable
// and safe for concurrent use.
//
//	var Theme = flipper.DeclareString("theme", "light", flipper.Owner("team-web"))
//
//	page.SetTheme(Theme.Value(ctx, features, flipper.String("plan", plan)))
type ValueDeclaration[T any] struct {
	declaration
	otherwise T
	read      reader[T]
}

// DeclareString declares a flag whose value is text, with the default: what it answers
// where there is no answer. It neither creates nor checks anything.
func DeclareString(name, otherwise string, opts ...DeclareOption) *ValueDeclaration[string] {
	return declareValue(name, otherwise, readString, opts)
}

// DeclareInt is [DeclareString] of an int. A number with a fraction, or beyond an int64,
// is no int; 1.0 is.
func DeclareInt(name string, otherwise int64, opts ...DeclareOption) *ValueDeclaration[int64] {
	return declareValue(name, otherwise, readInt, opts)
}

// DeclareFloat is [DeclareString] of a float. An int is rounded to the nearest float.
func DeclareFloat(name string, otherwise float64, opts ...DeclareOption) *ValueDeclaration[float64] {
	return declareValue(name, otherwise, readFloat, opts)
}

// DeclareObject is [DeclareString] of an object, or any other JSON, that is decoded into
// a T: [ObjectOr] says how. What is stored as the default is what encoding/json makes of
// otherwise, which leaves out fields that are not exported.
//
//	var Limits = flipper.DeclareObject("limits", limits{Uploads: 10, Members: 3})
func DeclareObject[T any](name string, otherwise T, opts ...DeclareOption) *ValueDeclaration[T] {
	return declareValue(name, otherwise, newDecoder[T]().read, opts)
}

func declareValue[T any](name string, otherwise T, read reader[T], opts []DeclareOption) *ValueDeclaration[T] {
	d := &ValueDeclaration[T]{newDeclaration(name, opts), otherwise, read}
	d.byDefault, d.err = encode(otherwise)
	d.fits = func(v *targeting.Variant) error {
		_, err := read(v)
		return err
	}
	return d
}

// DeclareString is [DeclareString] of a flag in the namespace: see [Namespace.Name]. An
// object is declared with that name:
//
//	flipper.DeclareObject(checkout.Name("limits"), Limits{Uploads: 10})
func (n Namespace) DeclareString(name, otherwise string, opts ...DeclareOption) *ValueDeclaration[string] {
	return DeclareString(n.Name(name), otherwise, opts...)
}

// DeclareInt is [DeclareInt] of a flag in the namespace: see [Namespace.Name].
func (n Namespace) DeclareInt(name string, otherwise int64, opts ...DeclareOption) *ValueDeclaration[int64] {
	return DeclareInt(n.Name(name), otherwise, opts...)
}

// DeclareFloat is [DeclareFloat] of a flag in the namespace: see [Namespace.Name].
func (n Namespace) DeclareFloat(name string, otherwise float64, opts ...DeclareOption) *ValueDeclaration[float64] {
	return DeclareFloat(n.Name(name), otherwise, opts...)
}

func (d *ValueDeclaration[T]) common() *declaration {
	if d == nil {
		return nil
	}
	return &d.declaration
}

// Default returns what the flag answers where there is no answer.
func (d *ValueDeclaration[T]) Default() T { return d.otherwise }

// Value returns the value that the flag serves to a request with these attributes and
// those that ctx carries. It never fails: where there is no answer, or the flag's value
// is of another kind, it returns the declared default, and the cause is reported, as by
// [FeatureFlagClient.IsEnabled]. A disabled flag serves its off variant.
//
//go:noinline
func (d *ValueDeclaration[T]) Value(ctx context.Context, c *FeatureFlagClient, attrs ...Attr) T {
	return valueOr(ctx, c, d.name, c.peek(d.name), c.required, d.otherwise, d.read, attrs)
}

// Flag returns a handle to the flag. Where there is no answer, the handle answers with
// the declared default.
func (d *ValueDeclaration[T]) Flag(c *FeatureFlagClient) *ValueFlag[T] {
	return newValueFlag(c, d.name, d.otherwise, d.read, c.required)
}

// A ValueFlag is a handle to a flag that has a value, from
// [ValueDeclaration.Flag]. It can be held for as long as the client; there may be no such
// flag. It is safe for concurrent use. To change the flag, use the client.
//
// Like a [FeatureFlag] that is held, it is the fastest way to ask a flag that gives
// everybody the same answer.
type ValueFlag[T any] struct {
	client    *FeatureFlagClient
	name      string
	otherwise T
	read      reader[T]
	required  *requirements // the client's, and the handle's own; nil if there are none

	// direct says that kept may be the answer, as in a [FeatureFlag].
	direct bool
	kept   atomic.Pointer[keptValue[T]]
}

// A keptValue is the value of a variant that a flag served to everybody.
type keptValue[T any] struct {
	variant *targeting.Variant
	value   T
	// version is that of flags that are known to serve the variant to everybody. Whoever
	// finds that others do so too moves it on, so that only another variant allocates.
	version atomic.Uint64
}

func newValueFlag[T any](c *FeatureFlagClient, name string, otherwise T, read reader[T], required *requirements) *ValueFlag[T] {
	direct := c.flags != nil && c.observers == nil && required == nil
	return &ValueFlag[T]{client: c, name: name, otherwise: otherwise, read: read, direct: direct, required: required}
}

// Name returns the flag's name.
func (f *ValueFlag[T]) Name() string { return f.name }

// Default returns the handle's answer where there is none: what is declared.
func (f *ValueFlag[T]) Default() T { return f.otherwise }

// WithRequiredAttributes returns a handle to the same flag that requires these
// attributes, besides those that this handle requires already. It is what
// [WithRequiredAttributes] is for a client.
func (f *ValueFlag[T]) WithRequiredAttributes(names ...string) *ValueFlag[T] {
	return newValueFlag(f.client, f.name, f.otherwise, f.read, f.required.with(names))
}

// Value is [ValueDeclaration.Value].
//
//go:noinline
func (f *ValueFlag[T]) Value(ctx context.Context, attrs ...Attr) T {
	c := f.client
	if !f.direct {
		return valueOr(ctx, c, f.name, c.peek(f.name), f.required, f.otherwise, f.read, attrs)
	}
	view := c.flags.Load()
	if kept := f.kept.Load(); kept != nil && kept.version.Load() == view.Version() && scopeOf(ctx).pins == nil {
		return kept.value
	}
	flag := view.Find(f.name)
	if flag != nil {
		f.keep(flag, view.Version())
	}
	return valueOr(ctx, c, f.name, flag, nil, f.otherwise, f.read, attrs)
}

// keep keeps the value of a flag that serves it to everybody.
func (f *ValueFlag[T]) keep(flag *store.Flag, version uint64) {
	d := flag.Rules().Static(flag.Enabled)
	if d == nil {
		return
	}
	if kept := f.kept.Load(); kept != nil && kept.variant == d.Variant {
		kept.version.Store(version)
		return
	}
	value, err := f.read(d.Variant)
	if err != nil {
		return // it is reported at each call
	}
	kept := &keptValue[T]{variant: d.Variant, value: value}
	kept.version.Store(version)
	f.kept.Store(kept)
}

// Evaluate is [ValueFlag.Value] with the variant and the reason, and with the error
// instead of a report. If there is an error, it has the declared default as its Value;
// one that matches [ErrType] says that the flag's value is of another kind.
func (f *ValueFlag[T]) Evaluate(ctx context.Context, attrs ...Attr) Evaluation {
	return evaluateValue(ctx, f.client, f.name, f.required, f.otherwise, f.read, attrs)
}
