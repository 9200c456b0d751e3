// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package carta

import (
	"fmt"
	"slices"
	"time"

	"github.com/flipper-go/flipper/internal/jsonscan"
	"github.com/flipper-go/flipper/targeting"
)

// A Bucketer turns a flag on for a share of the traffic. The zero Bucketer is
// the Python client's NoOpBucketer, which leaves an enabled flag on for all.
type Bucketer struct{ *bucketer }

type bucketer struct {
	kind       bucketerKind
	buckets    int8              // with a constant percentage: how many buckets, from 0, are enabled
	names      *[]string         // the text among keys, sorted; allNames if there are no keys
	keys       []targeting.Value // as stored: usually text, in the order given, no duplicates
	percentage Percentage
	source     targeting.JSON // the exact text, if it was read
	err        *error         // why the bucketer cannot be stored; nil if it can
}

// allNames stands for the names of all attributes.
var allNames = new([]string)

// readNoOp is the NoOpBucketer as every client writes it, which most flags have.
var readNoOp = &bucketer{kind: noOp, names: allNames, source: `{"type": "NoOpBucketer"}`}

type bucketerKind uint8

const (
	noOp bucketerKind = iota
	random
	consistentHash
)

var bucketerTypes = [...]string{"NoOpBucketer", "PercentageBucketer", "ConsistentHashPercentageBucketer"}

// NoBucketer returns the bucketer that leaves an enabled flag on for all.
func NoBucketer() Bucketer { return Bucketer{} }

// NewPercentageBucketer returns a bucketer that draws a random number for every
// evaluation: the same user gets different answers. It looks at no attributes.
func NewPercentageBucketer(p Percentage) Bucketer {
	return Bucketer{&bucketer{kind: random, names: allNames, percentage: p, err: p.err}}
}

// NewConsistentHashBucketer returns a bucketer whose answer is the same whenever the
// attributes are the same: a sticky rollout. It hashes the attributes named by keys, or
// all attributes if there are no keys; usually that is the user's id alone. A
// request without any of them is in bucket 32, like every other such request.
//
// The hash covers the attributes' names and values, not the flag's name: flags
// with the same keys and percentage are on for the same users. The int 1, the
// float 1.0 and the text "1" are in different buckets.
func NewConsistentHashBucketer(p Percentage, keys ...string) Bucketer {
	b := &bucketer{kind: consistentHash, percentage: p, err: p.err}
	for _, key := range keys {
		if err := targeting.Text(key).Validate(); err != nil && b.err == nil {
			err = fmt.Errorf("bucketer key: %w", err)
			b.err = &err
		}
		b.keys = append(b.keys, targeting.Text(key))
	}
	b.compile()
	return Bucketer{b}
}

// ParseBucketer reads a bucketer in its stored form, as the Python client does;
// null is the NoOpBucketer. A ramp without start begins at now. The error matches
// [ErrInvalid].
func ParseBucketer(text targeting.JSON, now time.Time) (Bucketer, error) {
	if text == readNoOp.source {
		return Bucketer{readNoOp}, nil
	}
	var space [4]targeting.Field
	fields, isA, err := targeting.ObjectFields(space[:0], text)
	switch {
	case err != nil:
		return Bucketer{}, fmt.Errorf("bucketer: %w", err)
	case isA == targeting.KindNull:
		return Bucketer{}, nil
	case isA != targeting.KindObject:
		return Bucketer{}, fmt.Errorf("%w bucketer: must be an object, not %s", targeting.ErrInvalid, isA)
	}
	name := targeting.FieldValue(fields, "type", targeting.Null())
	typeName, isText := name.AsText()
	kind := slices.Index(bucketerTypes[:], typeName)
	if !isText || kind < 0 {
		return Bucketer{}, fmt.Errorf("%w bucketer: unknown type %s", targeting.ErrInvalid, name)
	}
	b := &bucketer{kind: bucketerKind(kind), names: allNames, source: text}
	if b.kind == noOp {
		return Bucketer{b}, nil
	}
	for _, f := range fields {
		switch {
		case f.Name == "percentage" && f.Value != "null":
			b.percentage, err = ParsePercentage(f.Value, now)
		case f.Name == "key_whitelist" && b.kind == consistentHash:
			err = b.parseKeys(f.Value)
		}
		if err != nil {
			return Bucketer{}, fmt.Errorf("bucketer: %w", err)
		}
	}
	b.compile()
	return Bucketer{b}, nil
}

// parseKeys reads a whitelist. The Python client makes a set of whatever it can
// iterate over.
func (b *bucketer) parseKeys(text targeting.JSON) error {
	v, err := targeting.ParseJSON(text)
	if err != nil {
		return err
	}
	switch v.Kind() {
	case targeting.KindList:
		for _, key := range v.Elements() {
			if key.Kind() == targeting.KindList || key.Kind() == targeting.KindObject {
				return fmt.Errorf("%w key_whitelist: must hold names, not %s", targeting.ErrInvalid, key.Kind())
			}
		}
		b.keys = v.Elements()
	case targeting.KindObject:
		for _, m := range v.Members() {
			b.keys = append(b.keys, targeting.Text(m.Key))
		}
	case targeting.KindText:
		for rest, _ := v.AsText(); rest != ""; {
			_, size := jsonscan.DecodeRune(rest)
			b.keys = append(b.keys, targeting.Text(rest[:size]))
			rest = rest[size:]
		}
	default:
		return fmt.Errorf("%w key_whitelist: must be a list of names, not %s", targeting.ErrInvalid, v.Kind())
	}
	return nil
}

// compile prepares what evaluation needs.
func (b *bucketer) compile() {
	b.keys = uniqueScalars(b.keys)
	b.names = allNames
	if len(b.keys) > 0 {
		names := make([]string, 0, len(b.keys))
		for _, key := range b.keys {
			// The Python client takes the name randomizer for itself.
			if name, ok := key.AsText(); ok && name != randomizer {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		b.names = &names
	}
	if b.percentage.ramp != nil {
		return
	}
	p, _ := b.percentage.Value(time.Time{})
	for b.buckets < bucketCount {
		on, err := scoreEnables(score(int(b.buckets)), p)
		if err != nil {
			b.buckets = bucketsUnordered
			return
		}
		if !on {
			return
		}
		b.buckets++
	}
}

// Err says why the bucketer cannot be stored: the error matches [ErrInvalid]. It
// is nil for a bucketer that was read.
func (b Bucketer) Err() error {
	if b.bucketer == nil {
		return nil
	}
	return orNil(b.err)
}

// IsNoOp reports whether this is the bucketer that leaves an enabled flag on for
// all.
func (b Bucketer) IsNoOp() bool { return b.bucketer == nil || b.kind == noOp }

// Type returns the stored name of the bucketer's type: "NoOpBucketer",
// "PercentageBucketer" or "ConsistentHashPercentageBucketer".
func (b Bucketer) Type() string {
	if b.bucketer == nil {
		return bucketerTypes[noOp]
	}
	return bucketerTypes[b.kind]
}

// Percentage returns the share of the traffic. For the NoOpBucketer it means
// nothing.
func (b Bucketer) Percentage() Percentage {
	if b.bucketer == nil {
		return Percentage{}
	}
	return b.percentage
}

// Keys returns the names of the attributes that a consistent hash covers, sorted.
// Empty means all.
func (b Bucketer) Keys() []string {
	if b.bucketer == nil {
		return nil
	}
	return slices.Clone(*b.names)
}

// JSON returns the bucketer's stored form: exactly as it was read, if it was.
func (b Bucketer) JSON() targeting.JSON {
	if b.bucketer != nil && b.source != "" {
		return b.source
	}
	return targeting.JSON(b.AppendCanonical(nil))
}

// AppendCanonical appends the stored form as the Python client writes it, from
// what it understands of the bucketer.
func (b Bucketer) AppendCanonical(buf []byte) []byte {
	buf = append(buf, `{"type": `...)
	buf = targeting.AppendText(buf, b.Type())
	if !b.IsNoOp() {
		buf = append(buf, `, "percentage": `...)
		buf = b.percentage.AppendCanonical(buf)
		if b.kind == consistentHash {
			buf = append(buf, `, "key_whitelist": `...)
			buf = targeting.List(b.keys...).AppendJSON(buf)
		}
	}
	return append(buf, '}')
}

// String returns the stored form.
func (b Bucketer) String() string { return string(b.JSON()) }
