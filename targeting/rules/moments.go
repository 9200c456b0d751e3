// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package rules

import "iter"

// Periods yields those that conditions hold in. When one begins or ends, answers may
// change though nobody changes the flag.
func (s Ruleset) Periods() iter.Seq[Period] {
	return func(yield func(Period) bool) {
		if s.ruleset == nil || s.err != nil {
			return
		}
		for _, c := range s.definition.Conditions() {
			if c.Time != nil && !yield(*c.Time) {
				return
			}
		}
	}
}

// Ramps yields those of splits. While one runs, answers change all the time.
func (s Ruleset) Ramps() iter.Seq[Ramp] {
	return func(yield func(Ramp) bool) {
		if s.ruleset == nil || s.err != nil {
			return
		}
		for i := range s.definition.Rules {
			split := s.definition.Rules[i].Split
			if split == nil {
				continue
			}
			for j := range split.Shares {
				if ramp := split.Shares[j].Ramp; ramp != nil && !yield(*ramp) {
					return
				}
			}
		}
	}
}
