// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package carta

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/flipper-go/flipper/targeting"
)

// Evaluate decides whether a flag is on for a request: it is off if it is not
// enabled; else, if it has conditions and the request has attributes, it is on
// if all conditions hold; else the bucketer decides.
//
// The error matches [ErrKind]: a check met an attribute of a kind that it is not
// defined for; or, if it matches [ErrInvalid] too, the stored percentage is not a
// number. Evaluate does not
// allocate, unless it fails, or a number is beyond 64 bits, or what is hashed is
// longer than 256 bytes or made of more than 16 attributes.
func Evaluate(enabled bool, conditions []Condition, b Bucketer, r *targeting.Request) (on bool, reason targeting.Reason, err error) {
	switch {
	case !enabled:
		return false, targeting.ReasonDisabled, nil
	case len(conditions) > 0 && r.Len() > 0:
		return evaluateConditions(conditions, r)
	case b.IsNoOp():
		return true, targeting.ReasonStatic, nil
	}
	return b.evaluate(r)
}

func evaluateConditions(conditions []Condition, r *targeting.Request) (on bool, reason targeting.Reason, err error) {
	for _, c := range conditions {
		holds, err := c.holds(r)
		if err != nil {
			return false, targeting.ReasonError, err
		}
		if !holds {
			return false, targeting.ReasonDefault, nil
		}
	}
	return true, targeting.ReasonTargetingMatch, nil
}

// holds reports whether a condition's checks hold.
func (c Condition) holds(r *targeting.Request) (bool, error) {
	switch {
	case c.condition == nil:
		return true, nil
	case len(c.checks) == 1:
		check := &c.checks[0]
		attr := r.Find(check.Variable)
		if attr == nil {
			return true, nil
		}
		return check.holdsFor(attr)
	}
	return c.allHold(r)
}

// allHold goes by attribute, in the order given, as the Python client does: a
// failing check met first hides one that cannot be evaluated.
func (c *condition) allHold(r *targeting.Request) (bool, error) {
	for i := range r.Len() {
		attr := r.At(i)
		counts := false // whether the attribute is the last of its name, once that is known
		for k := range c.checks {
			check := &c.checks[k]
			if check.Variable != attr.Name {
				continue
			}
			if !counts {
				if r.Overridden(i) {
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
func (c *Check) holdsFor(attr *targeting.Attr) (bool, error) {
	holds, err := c.holds(attr.Value)
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
func scoreEnables(score float64, p targeting.Value) (bool, error) {
	if f, ok := p.AsFloat(); ok {
		return f != 0 && score <= f, nil
	}
	if isZero(p) {
		return false, nil
	}
	order, ordered, err := compareOrder(targeting.Float(score), p)
	if err != nil {
		return false, fmt.Errorf("%w percentage: %w", targeting.ErrInvalid, err)
	}
	return ordered && order <= 0, nil
}

func isZero(v targeting.Value) bool { return equal(v, targeting.Int(0)) }

// evaluate decides by the bucketer, which is not the NoOpBucketer.
func (b *bucketer) evaluate(r *targeting.Request) (on bool, reason targeting.Reason, err error) {
	if on, err = b.enables(r); err != nil {
		return false, targeting.ReasonError, err
	}
	return on, targeting.ReasonSplit, nil
}

func (b *bucketer) enables(r *targeting.Request) (bool, error) {
	if b.kind == consistentHash && b.percentage.ramp == nil {
		switch b.buckets {
		case 0:
			return false, nil
		case bucketsUnordered:
			return scoreEnables(0, b.percentage.value)
		}
		return bucketOf(r, b) < int(b.buckets), nil
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
	if isZero(p) {
		return false, nil
	}
	if b.kind == consistentHash {
		return scoreEnables(score(bucketOf(r, b)), p)
	}
	if r.Find(randomizer) != nil {
		return false, fmt.Errorf("attribute %q: the Python client takes this name for itself: %w", randomizer, ErrKind)
	}
	if r.Drawn {
		return scoreEnables(r.Random, p)
	}
	return scoreEnables(rand.Float64(), p)
}

// Bucket returns the bucket, from 0 to 99, that a consistent hash puts the request
// in. It means nothing for other bucketers.
func (b Bucketer) Bucket(r *targeting.Request) int {
	if b.bucketer == nil {
		return bucketOf(r, &bucketer{names: allNames})
	}
	return bucketOf(r, b.bucketer)
}
