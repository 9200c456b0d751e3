// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package carta

import (
	"math"
	"math/big"
	"slices"

	"github.com/flipper-go/flipper/targeting"
)

// An identity stands for all scalars that are equal: true, 1 and 1.0 have the
// same. It makes sets of values possible, which are searched at once however
// large they are.
type identity struct {
	kind targeting.Kind // KindInt for every number that is within int64, KindFloat for others that a float holds
	bits uint64         // the int64, or the float's IEEE bits
	text string         // text, or the digits of an int that neither holds
}

// identityOf returns the identity of a scalar. ok is false for what has none: lists,
// objects, and NaN, which equals nothing.
func identityOf(v targeting.Value) (id identity, ok bool) {
	switch v.Kind() {
	case targeting.KindNull:
		return identity{kind: targeting.KindNull}, true
	case targeting.KindText:
		text, _ := v.AsText()
		return identity{kind: targeting.KindText, text: text}, true
	case targeting.KindFloat:
		f, _ := v.AsFloat()
		return floatIdentity(f)
	case targeting.KindBool, targeting.KindInt:
		if i, ok := number(v).AsInt(); ok {
			return identity{kind: targeting.KindInt, bits: uint64(i)}, true
		}
		i, _ := v.AsBigInt()
		if f, accuracy := i.Float64(); accuracy == big.Exact {
			return floatIdentity(f)
		}
		return identity{kind: targeting.KindInt, text: i.String()}, true
	}
	return identity{}, false
}

func floatIdentity(f float64) (id identity, ok bool) {
	const limit = 1 << 63 // as a float64: exact
	switch {
	case math.IsNaN(f):
		return identity{}, false
	case -limit <= f && f < limit && f == math.Trunc(f):
		return identity{kind: targeting.KindInt, bits: uint64(int64(f))}, true
	}
	return identity{kind: targeting.KindFloat, bits: math.Float64bits(f)}, true
}

// uniqueScalars returns values without those that are equal to an earlier one.
func uniqueScalars(values []targeting.Value) []targeting.Value {
	if len(values) < minSet {
		var unique []targeting.Value
		for i := range values {
			if !slices.ContainsFunc(unique, func(v targeting.Value) bool { return equal(v, values[i]) }) {
				unique = append(unique, values[i])
			}
		}
		return unique
	}
	seen := make(map[identity]struct{}, len(values))
	var unique []targeting.Value
	for _, v := range values {
		if id, ok := identityOf(v); ok {
			if _, found := seen[id]; found {
				continue
			}
			seen[id] = struct{}{}
		}
		unique = append(unique, v)
	}
	return unique
}

// minSet is the length of a list from which on a set is faster to search.
const minSet = 16

// scalarSet returns the set of a list's elements. It is nil for short lists and
// those that hold a list or object, which have to be searched one by one.
func scalarSet(list []targeting.Value) map[identity]struct{} {
	if len(list) < minSet {
		return nil
	}
	set := make(map[identity]struct{}, len(list))
	for _, v := range list {
		if v.Kind() == targeting.KindList || v.Kind() == targeting.KindObject {
			return nil
		}
		if id, ok := identityOf(v); ok {
			set[id] = struct{}{}
		}
	}
	return set
}
