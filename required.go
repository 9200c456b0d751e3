// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipper

import (
	"errors"
	"fmt"
	"slices"

	"github.com/flipper-go/flipper/targeting"
)

// ErrMissingAttribute says that an evaluation lacks an attribute that is required.
// See [WithRequiredAttributes].
var ErrMissingAttribute = errors.New("a required attribute is missing")

// WithRequiredAttributes names attributes that every request must have. If one of them is
// missing, null or an empty list, the answer is the caller's default, and the reported
// error matches [ErrMissingAttribute]. A flag that is not enabled is off all the same,
// whatever the default.
//
// It makes Carta's model fail closed, in which conditions pass for requests that lack the
// attribute, and a rollout puts all of them into one bucket. By default nothing is
// required. For one flag, see
// [FeatureFlag.WithRequiredAttributes].
func WithRequiredAttributes(names ...string) Option {
	return func(c *FeatureFlagClient) { c.required = c.required.with(names) }
}

// WithRequiredAttributes returns a handle to the same flag that requires these
// attributes too. It is for guards:
//
//	buy := flipper.Guard(flag.WithRequiredAttributes("user_id"), buyNew, buyOld)
//
// The option [WithRequiredAttributes] does the same for a client.
func (f *FeatureFlag) WithRequiredAttributes(names ...string) *FeatureFlag {
	required := f.required.with(names)
	return newHandle(f.client, f.name, f.otherwise, required)
}

// requirements are the attributes that an evaluation must have. Where there are none,
// the pointer to them is nil.
type requirements []requirement

type requirement struct {
	name string
	err  error // what is said if it is missing; made once, since it may be said often
}

func (r *requirements) with(names []string) *requirements {
	var all requirements
	if r != nil {
		all = slices.Clone(*r)
	}
	for _, name := range names {
		if !slices.ContainsFunc(all, func(other requirement) bool { return other.name == name }) {
			all = append(all, requirement{name, fmt.Errorf("%w: %q", ErrMissingAttribute, name)})
		}
	}
	if len(all) == 0 {
		return nil
	}
	return &all
}

// check returns the error of the first attribute that a request lacks.
func (r *requirements) check(attrs, inherited []Attr) error {
	for i := range *r {
		if required := &(*r)[i]; isMissing(required.name, attrs, inherited) {
			return required.err
		}
	}
	return nil
}

// isMissing reports whether a request has no attribute of a name, or one that says
// nothing.
func isMissing(name string, attrs, inherited []Attr) bool {
	r := targeting.Request{Attrs: attrs, Inherited: inherited}
	a := r.Find(name)
	if a == nil {
		return true
	}
	switch a.Value.Kind() {
	case targeting.KindNull:
		return true
	case targeting.KindList:
		return len(a.Value.Elements()) == 0
	}
	return false
}
