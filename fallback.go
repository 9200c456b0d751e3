// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipper

import (
	"slices"

	"github.com/flipper-go/flipper/targeting"
)

// WithDeclarations makes the program's declarations known to the client. Where there is
// no answer, and the call has no default of its own, the client answers with the declared
// default: by name, by handle, and in bulk. [FeatureFlagClient.EvaluateAll] includes
// declared flags that are not stored. [FeatureFlagClient.Register] and
// [FeatureFlagClient.Audit] use these declarations if they are called without any.
//
// For a flag that is declared with a value, IsEnabled is false where there is no answer,
// and an evaluation's Value is the declared one. A name that is declared twice, with
// different defaults, has the default false. By default there are no declarations.
func WithDeclarations(declarations ...Declared) Option {
	return func(c *FeatureFlagClient) {
		for _, declared := range declarations {
			d := commonOf(declared)
			if slices.Contains(c.declarations, d) {
				continue
			}
			c.declarations = append(c.declarations, d)
			if d == nil {
				continue // Register and Audit refuse it
			}
			if c.declaredDefaults == nil {
				c.declaredDefaults = make(map[string]targeting.Value)
			}
			byDefault := d.byDefault
			if other, twice := c.declaredDefaults[d.name]; twice && !other.Equal(byDefault) {
				byDefault = targeting.Bool(false)
			}
			c.declaredDefaults[d.name] = byDefault
		}
	}
}

// A fallback is the answer where there is no answer.
type fallback uint8

const (
	fallbackOff fallback = iota
	fallbackOn
	// fallbackDeclared is what is declared. It is looked up only if it is needed.
	fallbackDeclared
)

// fallbackOf returns the fallback that a caller has chosen.
func fallbackOf(otherwise bool) fallback {
	if otherwise {
		return fallbackOn
	}
	return fallbackOff
}

// resolve returns what a fallback is for a flag.
func (c *FeatureFlagClient) resolve(f fallback, name string) targeting.Value {
	if f == fallbackDeclared {
		if v, ok := c.declaredDefaults[name]; ok {
			return v
		}
	}
	return targeting.Bool(f == fallbackOn)
}

// enabledByDefault reports whether a flag is declared as one that is on where there is
// no answer.
func (c *FeatureFlagClient) enabledByDefault(name string) bool {
	return isTrue(c.declaredDefaults[name])
}

func isTrue(v targeting.Value) bool {
	on, isBool := v.AsBool()
	return on && isBool
}
