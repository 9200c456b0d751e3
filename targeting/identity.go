// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package targeting

import (
	"math"
	"math/big"
	"slices"
)

// An identity stands for all scalars that are equal: true, 1 and 1.0 have the
// same. It makes sets of values possible, which are searched at once however
// large they are.
type identity struct {
	kind Kind   // KindInt for every number that is within int64, KindFloat for others that a float holds
	bits uint64 // the int64, or the float's IEEE bits
	text string // text, or the digits of an int that neither holds
}

// identity gives the identity of a scalar. ok is false for what has none: lists,
// objects, and NaN, which equals nothing.
func (v Value) identity() (id identity, ok bool) {
	switch v.kind {
	case KindNull:
		return identity{kind: KindNull}, true
	case KindText:
		return identity{kind: KindText, text: v.text}, true
	case KindFloat:
		return floatIdentity(v.float())
	case KindBool, KindInt:
		if v.more == nil {
			return identity{kind: KindInt, bits: v.bits}, true
		}
		if f, accuracy := v.more.bigInt().Float64(); accuracy == big.Exact {
			return floatIdentity(f)
		}
		return identity{kind: KindInt, text: v.more.bigInt().String()}, true
	}
	return identity{}, false
}

func floatIdentity(f float64) (id identity, ok bool) {
	const limit = 1 << 63 // as a float64: exact
	switch {
	case math.IsNaN(f):
		return identity{}, false
	case -limit <= f && f < limit && f == math.Trunc(f):
		return identity{kind: KindInt, bits: uint64(int64(f))}, true
	}
	return identity{kind: KindFloat, bits: math.Float64bits(f)}, true
}

// uniqueScalars gives values without those that are equal to an earlier one.
func uniqueScalars(values []Value) []Value {
	if len(values) < minSet {
		var unique []Value
		for i := range values {
			if !slices.ContainsFunc(unique, values[i].Equal) {
				unique = append(unique, values[i])
			}
		}
		return unique
	}
	seen := make(map[identity]struct{}, len(values))
	var unique []Value
	for _, v := range values {
		if id, ok := v.identity(); ok {
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

// scalarSet gives the set of a list's elements. It is nil for short lists and
// those that hold a list or object, which have to be searched one by one.
func scalarSet(list []Value) map[identity]struct{} {
	if len(list) < minSet {
		return nil
	}
	set := make(map[identity]struct{}, len(list))
	for _, v := range list {
		if v.kind == KindList || v.kind == KindObject {
			return nil
		}
		if id, ok := v.identity(); ok {
			set[id] = struct{}{}
		}
	}
	return set
}
