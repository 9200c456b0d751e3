// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipper

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/flipper-go/flipper/targeting"
)

// An Attr is an attribute of a request: a name and a value. The int 1, the float
// 1.0 and the text "1" are different values for a sticky rollout, so all services
// must give an attribute in the same kind.
type Attr = targeting.Attr

// String returns an attribute whose value is text.
func String(name, value string) Attr { return Attr{Name: name, Value: targeting.Text(value)} }

// Int returns an attribute whose value is an int.
func Int(name string, value int) Attr { return Attr{Name: name, Value: targeting.Int(int64(value))} }

// Int64 returns an attribute whose value is an int.
func Int64(name string, value int64) Attr { return Attr{Name: name, Value: targeting.Int(value)} }

// Uint64 returns an attribute whose value is an int. It allocates for values beyond
// the largest int64.
func Uint64(name string, value uint64) Attr { return Attr{Name: name, Value: targeting.Uint(value)} }

// Float64 returns an attribute whose value is a float.
func Float64(name string, value float64) Attr {
	return Attr{Name: name, Value: targeting.Float(value)}
}

// Bool returns an attribute whose value is true or false.
func Bool(name string, value bool) Attr { return Attr{Name: name, Value: targeting.Bool(value)} }

// Value returns an attribute with a value of any kind, such as a list.
func Value(name string, value targeting.Value) Attr { return Attr{Name: name, Value: value} }

// Any returns an attribute whose value is whatever [targeting.ValueOf] takes. The
// error matches [store.ErrInvalid].
func Any(name string, value any) (Attr, error) {
	v, err := targeting.ValueOf(value)
	if err != nil {
		return Attr{}, fmt.Errorf("attribute %q: %w", name, err)
	}
	return Attr{Name: name, Value: v}, nil
}

// A scope is a context that carries something for evaluations. It is a context,
// and not a value in one, so that it is one allocation. It is immutable but for
// the pins, which are shared by all scopes below the one that they began in.
type scope struct {
	context.Context
	attrs []Attr // each name once
	pins  *pins  // nil unless flags are pinned
}

type scopeKey struct{}

// Value hands the scope itself to scopeOf, also through contexts around it.
func (s *scope) Value(key any) any {
	if key == (scopeKey{}) {
		return s
	}
	return s.Context.Value(key)
}

// noScope is what a context carries that carries nothing.
var noScope = new(scope)

// scoped is set once a scope was made. A program that makes none does not pay for
// the search through its contexts.
var scoped atomic.Bool

func scopeOf(ctx context.Context) *scope {
	if !scoped.Load() {
		return noScope
	}
	if s, ok := ctx.Value(scopeKey{}).(*scope); ok {
		return s
	}
	return noScope
}

// noteScope is called for every scope that is made. To load first keeps the flag
// in the caches of all processors.
func noteScope() {
	if !scoped.Load() {
		scoped.Store(true)
	}
}

// WithAttrs returns a context that carries attributes, besides those that ctx carries
// already, for all evaluations that use it. If several attributes have one name, the one
// that was set last counts, and an attribute of the call wins over all of them.
func WithAttrs(ctx context.Context, attrs ...Attr) context.Context {
	if len(attrs) == 0 {
		return ctx
	}
	outer := scopeOf(ctx)
	// Few attributes are usual, and then share the scope's allocation.
	var made struct {
		scope scope
		space [4]Attr
	}
	made.scope = scope{ctx, mergeInto(made.space[:0], outer.attrs, attrs), outer.pins}
	noteScope()
	return &made.scope
}

// mergeInto appends to space what [appendAttrs] does, or to a slice of its own if
// space is too small.
func mergeInto(space, inherited, attrs []Attr) []Attr {
	if n := len(inherited) + len(attrs); n > cap(space) {
		space = make([]Attr, 0, n)
	}
	return appendAttrs(space, inherited, attrs)
}

// appendAttrs appends attributes to merged, in which each name is once. One that
// is there already is replaced.
func appendAttrs(merged []Attr, lists ...[]Attr) []Attr {
	for _, list := range lists {
		for _, attr := range list {
			if i := slices.IndexFunc(merged, func(a Attr) bool { return a.Name == attr.Name }); i >= 0 {
				merged[i] = attr
				continue
			}
			merged = append(merged, attr)
		}
	}
	return merged
}

// AttrsFrom returns the attributes that a context carries. Do not modify them.
func AttrsFrom(ctx context.Context) []Attr { return scopeOf(ctx).attrs }
