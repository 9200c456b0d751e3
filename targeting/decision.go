// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package targeting

// A Variant is a value that a flag can serve, under a name.
type Variant struct {
	Name  string
	Value Value
}

// The variants of a flag that defines none.
var (
	variantOn  = Variant{"on", Bool(true)}
	variantOff = Variant{"off", Bool(false)}
)

// OnOff returns the variant on or off, of flags that define none of their own. Do not
// modify it.
func OnOff(on bool) *Variant {
	if on {
		return &variantOn
	}
	return &variantOff
}

// A Decision is what a flag serves for a request, and why.
type Decision struct {
	// Enabled says whether the flag is on: the value of a boolean flag; for others,
	// whether another variant than the off variant is served.
	Enabled bool
	// Reason says what decided.
	Reason Reason
	// Variant is what is served. It is nil where there is no decision, and for a
	// disabled flag whose rules cannot be read. Do not modify it.
	Variant *Variant
	// Rule is the position of the rule that decided, from 0, or -1 if none did.
	Rule int
	// RuleName is the rule's name, if it has one.
	RuleName string
}

// NoDecision is what is returned beside an error.
var NoDecision = Decision{Reason: ReasonError, Rule: -1}
