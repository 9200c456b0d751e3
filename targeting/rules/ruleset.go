// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"fmt"

	"github.com/flipper-go/flipper/targeting"
)

// A Ruleset is a [Definition], checked and prepared for evaluation. It is immutable
// and safe for concurrent use. The zero Ruleset is that of a flag without rules. Two
// are equal if one is a copy of the other.
type Ruleset struct{ *ruleset }

type ruleset struct {
	// What every evaluation reads comes first, in one line of a processor's cache.
	// Decisions are made beforehand, so that an evaluation returns the address of one.

	rules    []rule
	fallback *targeting.Decision // serves the default
	disabled *targeting.Decision // serves the off variant
	err      error               // why the text cannot be read
	asks     []string            // the flags that conditions ask, each once

	boolean    bool
	definition *Definition    // nil if it cannot be read
	source     targeting.JSON // the exact text

	_ [2]uint64 // makes 128 bytes of it, so that it begins where a line of the cache does
}

type rule struct {
	conditions []condition
	serve      *targeting.Decision
	split      *split // if serve is nil
}

// New checks a definition for the flag of a name, which is the salt where none is
// given. The error matches [targeting.ErrInvalid], names the field, as in
// rules[2].if[0].values, and says what to write. New copies what it keeps.
func New(flag string, d Definition) (Ruleset, error) {
	if d.Off == "" && len(d.Variants) == 0 {
		d.Off = targeting.OnOff(false).Name
	}
	if err := checkDefinition(d); err != nil {
		return Ruleset{}, err
	}
	// What is kept is what was written, so that it is what others will read.
	return Parse(flag, targeting.JSON(appendDefinition(nil, d)))
}

// Parse reads the rules of the flag of a name in their stored form. The error matches
// [targeting.ErrInvalid] and names the field.
func Parse(flag string, text targeting.JSON) (Ruleset, error) {
	d, err := read(text)
	if err != nil {
		return Ruleset{}, err
	}
	r, err := compile(flag, d)
	if err != nil {
		return Ruleset{}, err
	}
	r.source = text
	return Ruleset{r}, nil
}

// disabledUnreadable is the decision of a disabled flag whose off variant is not known.
var disabledUnreadable = targeting.Decision{Reason: targeting.ReasonDisabled, Rule: -1}

// Unreadable returns a Ruleset that stands for rules that [Parse] refused: it keeps
// the text, and each evaluation fails with err while the flag is enabled.
func Unreadable(text targeting.JSON, err error) Ruleset {
	return Ruleset{&ruleset{source: text, err: err, disabled: &disabledUnreadable}}
}

// IsZero reports whether there are no rules: Carta's model decides.
func (s Ruleset) IsZero() bool { return s.ruleset == nil }

// Err says why the rules cannot be read. It is nil if they can.
func (s Ruleset) Err() error {
	if s.ruleset == nil {
		return nil
	}
	return s.err
}

// JSON returns the stored form: exactly as it was read, if it was. It is empty for
// the zero Ruleset.
func (s Ruleset) JSON() targeting.JSON {
	if s.ruleset == nil {
		return ""
	}
	return s.source
}

// String returns the stored form.
func (s Ruleset) String() string { return string(s.JSON()) }

// Definition returns the rules as people write them, to read or to change and give to
// [New]. The caller owns it. It is empty if the rules cannot be read.
func (s Ruleset) Definition() Definition {
	if s.ruleset == nil || s.err != nil {
		return Definition{}
	}
	// A definition has many parts that could be modified. What is read anew shares
	// nothing.
	d, err := read(s.source)
	if err != nil {
		return Definition{}
	}
	return d
}

// Variants returns what the flag can serve, in order: on and off if it defines none.
// Do not modify it.
func (s Ruleset) Variants() []targeting.Variant {
	if s.ruleset == nil || s.definition == nil || s.definition.Variants == nil {
		return []targeting.Variant{*targeting.OnOff(true), *targeting.OnOff(false)}
	}
	return s.definition.Variants
}

// IsBoolean reports whether the variants are booleans.
func (s Ruleset) IsBoolean() bool { return s.ruleset == nil || s.boolean }

// Static returns the decision that is the same for every request: that of a flag that
// is not enabled, or has no rules. It returns nil if there is none: rules decide, or
// cannot be read, or s is the zero Ruleset. Do not modify the decision.
func (s Ruleset) Static(enabled bool) *targeting.Decision {
	switch {
	case s.ruleset == nil || s.err != nil:
		return nil
	case !enabled:
		return s.disabled
	case len(s.rules) == 0:
		return s.fallback
	}
	return nil
}

// Asks returns the names of the flags that conditions ask, each once. Do not modify
// it.
func (s Ruleset) Asks() []string {
	if s.ruleset == nil {
		return nil
	}
	return s.asks
}

// checkDefinition says what is wrong with what cannot be written down: the arguments
// of functions that made conditions, and conditions that are several at once.
func checkDefinition(d Definition) error {
	for i, rule := range d.Rules {
		if rule.Serve != "" && rule.Split != nil {
			return invalid(element("rules", i), "has both Serve and Split: set one of them")
		}
		if err := checkConditions(element("rules", i)+".if", rule.If, 0); err != nil {
			return err
		}
	}
	return nil
}

func checkConditions(path string, conditions []Condition, depth int) error {
	for i, c := range conditions {
		at := element(path, i)
		if c.err != nil {
			return fmt.Errorf("%w %s.values: %w", targeting.ErrInvalid, at, c.err)
		}
		forms := 0
		for _, set := range []bool{c.Attribute != "" || c.Op != "", c.Flag != "", c.Share != nil, c.Time != nil, c.Any != nil, c.All != nil} {
			if set {
				forms++
			}
		}
		switch {
		case forms == 0:
			return invalid(at, "is no condition: set one of Attribute, Flag, Share, Time, Any and All")
		case forms > 1:
			return invalid(at, "is several conditions at once: set one of Attribute, Flag, Share, Time, Any and All")
		case c.Not && (c.Any != nil || c.All != nil):
			return invalid(at+".not", "does not go with any and all: negate what is in them")
		}
		if depth == maxGroups && (c.Any != nil || c.All != nil) {
			return tooDeep(at)
		}
		for _, v := range c.Values {
			if err := v.Validate(); err != nil {
				return fmt.Errorf("%s.values: %w", at, err)
			}
		}
		if err := checkConditions(at+".any", c.Any, depth+1); err != nil {
			return err
		}
		if err := checkConditions(at+".all", c.All, depth+1); err != nil {
			return err
		}
	}
	return nil
}
