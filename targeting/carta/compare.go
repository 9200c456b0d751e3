// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package carta

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/flipper-go/flipper/targeting"
)

// equal reports whether v == w in Python: true == 1 == 1.0, numbers compare by
// exact value, text by code points, and NaN equals nothing.
func equal(v, w targeting.Value) bool {
	if text, ok := v.AsText(); ok {
		other, ok := w.AsText()
		return ok && text == other
	}
	if isNumber(v) && isNumber(w) {
		order, ok := compareNumbers(v, w)
		return ok && order == 0
	}
	if v.Kind() != w.Kind() {
		return false
	}
	switch v.Kind() {
	case targeting.KindNull:
		return true
	case targeting.KindList:
		return slices.EqualFunc(v.Elements(), w.Elements(), equal)
	default: // KindObject
		return equalMembers(v.Members(), w.Members())
	}
}

// isNumber reports whether Python would calculate with the value: bools count as
// ints there.
func isNumber(v targeting.Value) bool {
	switch v.Kind() {
	case targeting.KindBool, targeting.KindInt, targeting.KindFloat:
		return true
	}
	return false
}

// number returns what Python calculates with.
func number(v targeting.Value) targeting.Value {
	if b, ok := v.AsBool(); ok {
		if b {
			return targeting.Int(1)
		}
		return targeting.Int(0)
	}
	return v
}

// compareNumbers compares by exact value. ok is false if one is NaN.
func compareNumbers(v, w targeting.Value) (order int, ok bool) {
	return targeting.CompareNumbers(number(v), number(w))
}

// equalMembers compares two objects. The order of their keys does not matter.
func equalMembers(a, b []targeting.Member) bool {
	if len(a) != len(b) {
		return false
	}
	if len(a) < minSet {
		for _, m := range a {
			other, ok := member(b, m.Key)
			if !ok || !equal(m.Value, other) {
				return false
			}
		}
		return true
	}
	values := make(map[string]targeting.Value, len(b))
	for _, m := range b {
		values[m.Key] = m.Value
	}
	for _, m := range a {
		other, ok := values[m.Key]
		if !ok || !equal(m.Value, other) {
			return false
		}
	}
	return true
}

func member(members []targeting.Member, key string) (targeting.Value, bool) {
	for _, m := range members {
		if m.Key == key {
			return m.Value, true
		}
	}
	return targeting.Value{}, false
}

// compareOrder compares two values as Python's < does. ok is false if the two
// are comparable but unordered, because one is NaN.
func compareOrder(v, w targeting.Value) (order int, ok bool, err error) {
	if isNumber(v) && isNumber(w) {
		order, ok = compareNumbers(v, w)
		return order, ok, nil
	}
	switch kind := v.Kind(); {
	case kind != w.Kind():
	case kind == targeting.KindText:
		a, _ := v.AsText()
		b, _ := w.AsText()
		// Byte order of UTF-8 is code point order.
		return strings.Compare(a, b), true, nil
	case kind == targeting.KindList:
		a, b := v.Elements(), w.Elements()
		for i := range min(len(a), len(b)) {
			// The first unequal pair decides, and that pair alone.
			if !equal(a[i], b[i]) {
				return compareOrder(a[i], b[i])
			}
		}
		return cmp.Compare(len(a), len(b)), true, nil
	}
	return 0, false, fmt.Errorf("order of %s and %s: %w", v.Kind(), w.Kind(), ErrKind)
}

// contains reports whether attribute is in v, as Python's "in" does.
func contains(v, attribute targeting.Value) (bool, error) {
	switch v.Kind() {
	case targeting.KindList:
		elements := v.Elements()
		for i := range elements {
			if equal(elements[i], attribute) {
				return true, nil
			}
		}
		return false, nil
	case targeting.KindText:
		if part, ok := attribute.AsText(); ok {
			text, _ := v.AsText()
			return strings.Contains(text, part), nil
		}
	case targeting.KindObject:
		if key, ok := attribute.AsText(); ok {
			_, ok := member(v.Members(), key)
			return ok, nil
		}
		if kind := attribute.Kind(); kind != targeting.KindList && kind != targeting.KindObject {
			return false, nil
		}
	}
	return false, fmt.Errorf("%s in %s: %w", attribute.Kind(), v.Kind(), ErrKind)
}
