// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package targeting

import (
	"crypto/sha1" //nolint:gosec // the stored format's hash, not a secret's
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
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
type Request struct {
	// Attrs are the attributes given with the call.
	Attrs []Attr
	// Inherited are attributes given earlier, such as with the context.
	Inherited []Attr
	// Time is when the request is made. If it is zero, that is now.
	Time time.Time
	// Random gives the number, from 0 up to but not including 1, that a
	// PercentageBucketer compares with. If it is nil, it is drawn anew.
	Random func() float64
}

// has reports whether there is an attribute of a name.
func (r *Request) has(name string) bool {
	for i := range r.len() {
		if r.at(i).Name == name {
			return true
		}
	}
	return false
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
// defined for, or the stored percentage is not a number. Evaluate does not
// allocate, unless it fails, or a number is beyond 64 bits, or what is hashed is
// longer than 256 bytes or made of more than 16 attributes.
func Evaluate(enabled bool, conditions []Condition, b Bucketer, r *Request) (on bool, reason Reason, err error) {
	switch {
	case !enabled:
		return false, ReasonDisabled, nil
	case len(conditions) > 0 && r.len() > 0:
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
	case b.IsNoOp():
		return true, ReasonStatic, nil
	}
	if on, err = b.enables(r); err != nil {
		return false, ReasonError, err
	}
	return on, ReasonSplit, nil
}

// holds goes by attribute, in the order given, as the Python client does: a
// failing check met first hides one that cannot be evaluated.
func (c Condition) holds(r *Request) (bool, error) {
	if c.condition == nil {
		return true, nil
	}
	for i := range r.len() {
		attr := r.at(i)
		for g := range c.groups {
			if c.groups[g].variable != attr.Name || r.overridden(i) {
				continue
			}
			checks := c.groups[g].checks
			for k := range checks {
				holds, err := checks[k].holds(attr.Value)
				if err != nil {
					return false, fmt.Errorf("check on %q: %w", attr.Name, err)
				}
				if !holds {
					return false, nil
				}
			}
		}
	}
	return true, nil
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
	if p.Equal(Int(0)) {
		return false, nil
	}
	order, ordered, err := compareOrder(Float(score), p)
	if err != nil {
		return false, fmt.Errorf("percentage: %w", err)
	}
	return ordered && order <= 0, nil
}

func (b Bucketer) enables(r *Request) (bool, error) {
	if b.kind == consistentHash && !b.percentage.ramp {
		switch b.buckets {
		case 0:
			return false, nil
		case bucketsUnordered:
			return scoreEnables(0, b.percentage.value)
		}
		return b.bucket(r) < b.buckets, nil
	}
	var at time.Time
	if b.percentage.ramp {
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
		return scoreEnables(score(b.bucket(r)), p)
	}
	if r.has(randomizer) {
		return false, fmt.Errorf("attribute %q: the Python client takes this name for itself: %w", randomizer, ErrKind)
	}
	if r.Random != nil {
		return scoreEnables(r.Random(), p)
	}
	return scoreEnables(rand.Float64(), p)
}

// Bucket gives the bucket, from 0 to 99, that a consistent hash puts the request
// in. It means nothing for other bucketers.
func (b Bucketer) Bucket(r *Request) int {
	if b.bucketer == nil {
		return (&bucketer{}).bucket(r)
	}
	return b.bucket(r)
}

func (b *bucketer) bucket(r *Request) int {
	var buf [256]byte
	sum := sha1.Sum(b.appendHashed(buf[:0], r))
	// The hash as one big-endian number, modulo 100.
	var rest uint64
	for i := 0; i < len(sum); i += 4 {
		rest = (rest<<32 | uint64(binary.BigEndian.Uint32(sum[i:]))) % bucketCount
	}
	return int(rest)
}

// appendHashed appends what is hashed: the JSON list of the name and value of
// each attribute that counts, sorted by name.
func (b *bucketer) appendHashed(buf []byte, r *Request) []byte {
	buf = append(buf, '[')
	var places [16]int
	sorted := places[:0]
	for i := range r.len() {
		if b.hashes(r.at(i).Name) && !r.overridden(i) {
			sorted = append(sorted, i)
		}
	}
	slices.SortFunc(sorted, func(i, j int) int { return strings.Compare(r.at(i).Name, r.at(j).Name) })
	for _, i := range sorted {
		buf = appendPair(buf, r.at(i).Name, r.at(i).Value)
	}
	return append(buf, ']')
}

// hashes reports whether the attribute of a name counts.
func (b *bucketer) hashes(name string) bool {
	if len(b.keys) == 0 {
		return name != randomizer
	}
	_, ok := slices.BinarySearch(b.names, name)
	return ok
}

func appendPair(buf []byte, name string, v Value) []byte {
	if len(buf) > 1 {
		buf = append(buf, ", "...)
	}
	buf = append(buf, '[')
	buf = AppendText(buf, name)
	buf = append(buf, ", "...)
	buf = v.AppendJSON(buf)
	return append(buf, ']')
}
