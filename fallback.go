// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipper

import "slices"

// WithDeclarations tells the client what the program declares. Where there is no
// answer and the call does not bring a default of its own, the answer is the declared
// one: of IsEnabled and Evaluate, by name and by handle, and of EvaluateNames and
// EvaluateAll. [FeatureFlagClient.EvaluateAll] then has the declared flags that are
// not stored too, and [FeatureFlagClient.Register] and [FeatureFlagClient.Audit] are
// about these declarations if they are given none. A name that is declared twice, with
// different defaults, has the default false. By default the client knows of no
// declarations.
func WithDeclarations(declarations ...*Declaration) Option {
	return func(c *FeatureFlagClient) {
		for _, d := range declarations {
			if slices.Contains(c.declarations, d) {
				continue
			}
			c.declarations = append(c.declarations, d)
			if d == nil {
				continue // Register and Audit refuse it
			}
			if c.declaredDefaults == nil {
				c.declaredDefaults = make(map[string]bool)
			}
			on, twice := c.declaredDefaults[d.name]
			c.declaredDefaults[d.name] = d.byDefault && (on || !twice)
		}
	}
}

// declared returns the declarations to work on: those that were given or, without
// any, the client's.
func (c *FeatureFlagClient) declared(given []*Declaration) []*Declaration {
	if len(given) == 0 {
		return c.declarations
	}
	return given
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

func (c *FeatureFlagClient) resolve(f fallback, name string) bool {
	return f == fallbackOn || f == fallbackDeclared && c.declaredDefaults[name]
}
