// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package targeting

import "time"

// A Reason says what an answer comes from. The terms are OpenFeature's.
//
// All but [ReasonError] are answers, [ReasonDefault] too: the flag was evaluated, no rule
// decided, and the flag's own default was served. With ReasonError there is no answer,
// and the caller gets the default that it brought along.
type Reason string

// The reasons.
const (
	// ReasonStatic says that the flag is enabled and tells no requests apart. With
	// variants but without rules it serves its default. A plain flag, and one of
	// Carta's model without conditions and bucketer, is on for everyone.
	ReasonStatic Reason = "STATIC"
	// ReasonTargetingMatch says that a rule served a variant. In Carta's model, it says
	// that the conditions hold.
	ReasonTargetingMatch Reason = "TARGETING_MATCH"
	// ReasonDefault says that the flag has rules but none decided, so it serves its
	// default. In Carta's model, it says that the conditions do not hold, so the flag is
	// off. It is an answer; the caller's default comes with [ReasonError].
	ReasonDefault Reason = "DEFAULT"
	// ReasonSplit says that a rule's split chose the variant. In Carta's model, it says
	// that the bucketer decided, whether for on or for off.
	ReasonSplit Reason = "SPLIT"
	// ReasonDisabled says that the flag is not enabled, so it serves its off variant.
	ReasonDisabled Reason = "DISABLED"
	// ReasonError says that there is no answer: the flag is missing or unreadable, the
	// store could not be asked, or a condition could not be evaluated. The caller gets
	// its own default, and the cause is reported.
	ReasonError Reason = "ERROR"
)

// An Attr is a named attribute of a request, such as its user's id.
type Attr struct {
	Name  string
	Value Value
}

// A Request is what a flag is evaluated for. Of attributes of one name, the last
// counts, and those in Attrs win over those in Inherited.
//
// Flags can be evaluated for a Request one after another, but not at the same
// time: it keeps the buckets that it was put in, so that flags with the same
// whitelist are hashed once. So a Request whose attributes are changed after a
// flag was evaluated must be a new one.
type Request struct {
	// Attrs are the attributes given with the call.
	Attrs []Attr
	// Inherited are attributes given earlier, such as with the context.
	Inherited []Attr
	// Time is when the request is made. If it is zero, that is now.
	Time time.Time
	// Random is the number, from 0 up to but not including 1, that a
	// PercentageBucketer compares with, if Drawn is set. If not, each evaluation
	// draws one.
	Random float64
	// Drawn says that Random was drawn.
	Drawn bool

	hashed Hashed
}

// Hashed are the buckets that a request was put in, by the names of the attributes
// that were hashed. So flags that hash the same attributes share one hash. It is
// for package carta.
type Hashed struct {
	Count   int
	Buckets [maxHashed]uint8
	Names   [maxHashed]*[]string
}

// maxHashed is how many sets of names a request remembers. Flags that are asked
// together have few.
const maxHashed = 4

// Hashed returns the buckets that the request was put in, to read and to add to.
func (r *Request) Hashed() *Hashed { return &r.hashed }

// Find returns the attribute of a name that counts, or nil.
func (r *Request) Find(name string) *Attr {
	for i := len(r.Attrs) - 1; i >= 0; i-- {
		if r.Attrs[i].Name == name {
			return &r.Attrs[i]
		}
	}
	for i := len(r.Inherited) - 1; i >= 0; i-- {
		if r.Inherited[i].Name == name {
			return &r.Inherited[i]
		}
	}
	return nil
}

// Overridden reports whether the i-th attribute, counted through Inherited and
// then Attrs, is followed by another of its name.
func (r *Request) Overridden(i int) bool {
	name := r.At(i).Name
	for j := i + 1; j < r.Len(); j++ {
		if r.At(j).Name == name {
			return true
		}
	}
	return false
}

// Len returns the number of attributes, in Inherited and then in Attrs.
func (r *Request) Len() int { return len(r.Inherited) + len(r.Attrs) }

// At returns the i-th attribute, counted as [Request.Len] counts.
func (r *Request) At(i int) *Attr {
	if i < len(r.Inherited) {
		return &r.Inherited[i]
	}
	return &r.Attrs[i-len(r.Inherited)]
}
