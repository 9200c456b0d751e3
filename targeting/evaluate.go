// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package targeting

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// A Reason says why a flag is on or off. The terms are OpenFeature's.
type Reason string

// The reasons of [Evaluate].
const (
	// ReasonStatic says that the flag is on for all.
	ReasonStatic Reason = "STATIC"
	// ReasonTargetingMatch says that the flag's conditions hold.
	ReasonTargetingMatch Reason = "TARGETING_MATCH"
	// ReasonDefault says that the flag is enabled, but its conditions do not
	// hold, so that it fell back to off.
	ReasonDefault Reason = "DEFAULT"
	// ReasonSplit says that the flag's bucketer decided.
	ReasonSplit Reason = "SPLIT"
	// ReasonDisabled says that the flag is disabled.
	ReasonDisabled Reason = "DISABLED"
	// ReasonError says that there was no answer: a condition or bucketer could
	// not be evaluated, or the flag could not be had.
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

	hashed hashed
}

// find gives the attribute of a name that counts, or nil.
func (r *Request) find(name string) *Attr {
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

// overridden reports whether the i-th attribute, counted through Inherited and
// then Attrs, is followed by another of its name.
func (r *Request) overridden(i int) bool {
	name := r.at(i).Name
	for j := i + 1; j < r.len(); j++ {
		if r.at(j).Name == name {
			return true
		}
	}
	return false
}

func (r *Request) len() int { return len(r.Inherited) + len(r.Attrs) }

func (r *Request) at(i int) *Attr {
	if i < len(r.Inherited) {
		return &r.Inherited[i]
	}
	return &r.Attrs[i-len(r.Inherited)]
}

// Evaluate decides whether a flag is on for a request: it is off if it is not
// enabled; else, if it has conditions and the request has attributes, it is on
// if all conditions hold; else the bucketer decides.
//
// The error matches [ErrKind]: a check met an attribute of a kind that it is not
// defined for; or, if it matches [ErrInvalid] too, the stored percentage is not a
// number. Evaluate does not
// allocate, unless it fails, or a number is beyond 64 bits, or what is hashed is
// longer than 256 bytes or made of more than 16 attributes.
func Evaluate(enabled bool, conditions []Condition, b Bucketer, r *Request) (on bool, reason Reason, err error) {
	switch {
	case !enabled:
		return false, ReasonDisabled, nil
	case len(conditions) > 0 && r.len() > 0:
		return evaluateConditions(conditions, r)
	case b.IsNoOp():
		return true, ReasonStatic, nil
	}
	return b.evaluate(r)
}

func evaluateConditions(conditions []Condition, r *Request) (on bool, reason Reason, err error) {
	for _, c := range conditions {
		holds, err := c.holds(r)
		if err != nil {
			return false, ReasonError, err
		}
		if !holds {
			return false, ReasonDefault, nil
		}
	}
	return true, ReasonTargetingMatch, nil
}

// holds reports whether a condition's checks hold.
func (c Condition) holds(r *Request) (bool, error) {
	switch {
	case c.condition == nil:
		return true, nil
	case len(c.checks) == 1:
		check := &c.checks[0]
		attr := r.find(check.Variable)
		if attr == nil {
			return true, nil
		}
		return check.holdsFor(attr)
	}
	return c.allHold(r)
}

// allHold goes by attribute, in the order given, as the Python client does: a
// failing check met first hides one that cannot be evaluated.
func (c *condition) allHold(r *Request) (bool, error) {
	for i := range r.len() {
		attr := r.at(i)
		counts := false // whether the attribute is the last of its name, once that is known
		for k := range c.checks {
			check := &c.checks[k]
			if check.Variable != attr.Name {
				continue
			}
			if !counts {
				if r.overridden(i) {
					break
				}
				counts = true
			}
			if holds, err := check.holdsFor(attr); !holds {
				return false, err
			}
		}
	}
	return true, nil
}

// holdsFor is holds, and says which attribute it was if there is an error.
func (c *Check) holdsFor(attr *Attr) (bool, error) {
	holds, err := c.holds(&attr.Value)
	if err != nil {
		return false, fmt.Errorf("check on %q: %w", attr.Name, err)
	}
	return holds, nil
}

const (
	bucketCount      = 100
	bucketsUnordered = -1 // no score can be compared with the percentage
	// randomizer is an attribute name that the Python client takes for itself.
	randomizer = "randomizer"
)

func score(bucket int) float64 { return float64(bucket) / bucketCount }

// scoreEnables is the Python client's comparison: up to and including the
// percentage, but nobody at 0.
func scoreEnables(score float64, p Value) (bool, error) {
	if p.kind == KindFloat {
		return p.float() != 0 && score <= p.float(), nil
	}
	if p.Equal(Int(0)) {
		return false, nil
	}
	v := Float(score)
	order, ordered, err := compareOrder(&v, &p)
	if err != nil {
		return false, fmt.Errorf("%w percentage: %w", ErrInvalid, err)
	}
	return ordered && order <= 0, nil
}

// evaluate decides by the bucketer, which is not the NoOpBucketer.
func (b *bucketer) evaluate(r *Request) (on bool, reason Reason, err error) {
	if on, err = b.enables(r); err != nil {
		return false, ReasonError, err
	}
	return on, ReasonSplit, nil
}

func (b *bucketer) enables(r *Request) (bool, error) {
	if b.kind == consistentHash && b.percentage.ramp == nil {
		switch b.buckets {
		case 0:
			return false, nil
		case bucketsUnordered:
			return scoreEnables(0, b.percentage.value)
		}
		return r.bucket(b) < int(b.buckets), nil
	}
	var at time.Time
	if b.percentage.ramp != nil {
		if at = r.Time; at.IsZero() {
			at = time.Now()
		}
	}
	p, err := b.percentage.Value(at)
	if err != nil {
		return false, err
	}
	if p.Equal(Int(0)) {
		return false, nil
	}
	if b.kind == consistentHash {
		return scoreEnables(score(r.bucket(b)), p)
	}
	if r.find(randomizer) != nil {
		return false, fmt.Errorf("attribute %q: the Python client takes this name for itself: %w", randomizer, ErrKind)
	}
	if r.Drawn {
		return scoreEnables(r.Random, p)
	}
	return scoreEnables(rand.Float64(), p)
}

// Bucket gives the bucket, from 0 to 99, that a consistent hash puts the request
// in. It means nothing for other bucketers.
func (b Bucketer) Bucket(r *Request) int {
	if b.bucketer == nil {
		return r.bucket(&bucketer{})
	}
	return r.bucket(b.bucketer)
}
