// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package targeting

import (
	"cmp"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"
)

// Equal reports whether a == b in Python: true == 1 == 1.0, numbers compare by
// exact value, text by code points, and NaN equals nothing.
func (v Value) Equal(w Value) bool { return equal(&v, &w) }

// equal is [Value.Equal] without copies, which cost more than to compare.
func equal(v, w *Value) bool {
	if v.kind == KindText {
		return w.kind == KindText && v.text == w.text
	}
	if v.isNumber() && w.isNumber() {
		order, ok := compareNumbers(v, w)
		return ok && order == 0
	}
	if v.kind != w.kind {
		return false
	}
	switch v.kind {
	case KindNull:
		return true
	case KindList:
		if len(v.more.list) != len(w.more.list) {
			return false
		}
		for i := range v.more.list {
			if !equal(&v.more.list[i], &w.more.list[i]) {
				return false
			}
		}
		return true
	default: // KindObject
		return equalMembers(v.more.members(), w.more.members())
	}
}

// equalMembers compares two objects. The order of their keys does not matter.
func equalMembers(a, b []Member) bool {
	if len(a) != len(b) {
		return false
	}
	if len(a) < minSet {
		for _, m := range a {
			i := slices.IndexFunc(b, func(other Member) bool { return other.Key == m.Key })
			if i < 0 || !m.Value.Equal(b[i].Value) {
				return false
			}
		}
		return true
	}
	values := make(map[string]Value, len(b))
	for _, m := range b {
		values[m.Key] = m.Value
	}
	for _, m := range a {
		other, ok := values[m.Key]
		if !ok || !m.Value.Equal(other) {
			return false
		}
	}
	return true
}

func (v Value) member(key string) (Value, bool) {
	for _, m := range v.more.members() {
		if m.Key == key {
			return m.Value, true
		}
	}
	return Value{}, false
}

// compareOrder compares two values as Python's < does. ok is false if the two
// are comparable but unordered, because one is NaN.
func compareOrder(v, w *Value) (order int, ok bool, err error) {
	switch {
	case v.isNumber() && w.isNumber():
		order, ok = compareNumbers(v, w)
		return order, ok, nil
	case v.kind == KindText && w.kind == KindText:
		// Byte order of UTF-8 is code point order.
		return strings.Compare(v.text, w.text), true, nil
	case v.kind == KindList && w.kind == KindList:
		a, b := v.more.list, w.more.list
		for i := range min(len(a), len(b)) {
			// The first unequal pair decides, and that pair alone.
			if !equal(&a[i], &b[i]) {
				return compareOrder(&a[i], &b[i])
			}
		}
		return cmp.Compare(len(a), len(b)), true, nil
	}
	return 0, false, fmt.Errorf("order of %s and %s: %w", v.kind, w.kind, ErrKind)
}

// compareNumbers compares by exact value. ok is false if one is NaN.
func compareNumbers(v, w *Value) (order int, ok bool) {
	switch {
	case v.kind == KindFloat && w.kind == KindFloat:
		return compareFloats(v.float(), w.float())
	case v.kind == KindFloat:
		order, ok = compareIntFloat(w, v.float())
		return -order, ok
	case w.kind == KindFloat:
		return compareIntFloat(v, w.float())
	case v.more == nil && w.more == nil:
		return cmp.Compare(int64(v.bits), int64(w.bits)), true
	}
	return v.bigInt().Cmp(w.bigInt()), true
}

func compareFloats(f, g float64) (order int, ok bool) {
	switch {
	case f < g:
		return -1, true
	case f > g:
		return 1, true
	case f == g:
		return 0, true
	}
	return 0, false
}

// compareIntFloat compares an int or bool with a float, without rounding.
func compareIntFloat(v *Value, f float64) (order int, ok bool) {
	switch {
	case math.IsNaN(f):
		return 0, false
	case math.IsInf(f, 0):
		return cmp.Compare(0, f), true
	case v.more != nil:
		whole, fraction := math.Modf(f)
		w, _ := big.NewFloat(whole).Int(nil)
		if order = v.more.bigInt().Cmp(w); order == 0 {
			order = cmp.Compare(0, fraction)
		}
		return order, true
	}
	const limit = 1 << 63 // as a float64: exact
	i := int64(v.bits)
	switch {
	case f >= limit:
		return -1, true
	case f < -limit:
		return 1, true
	}
	whole := math.Trunc(f)
	if order = cmp.Compare(i, int64(whole)); order == 0 {
		order = cmp.Compare(0, f-whole)
	}
	return order, true
}

func (v *Value) bigInt() *big.Int {
	if v.more != nil {
		return v.more.bigInt()
	}
	return big.NewInt(int64(v.bits))
}

// contains reports whether attribute is in v, as Python's "in" does.
func (v *Value) contains(attribute *Value) (bool, error) {
	switch v.kind {
	case KindList:
		for i := range v.more.list {
			if equal(&v.more.list[i], attribute) {
				return true, nil
			}
		}
		return false, nil
	case KindText:
		if attribute.kind == KindText {
			return strings.Contains(v.text, attribute.text), nil
		}
	case KindObject:
		if attribute.kind == KindText {
			_, ok := v.member(attribute.text)
			return ok, nil
		}
		if attribute.kind != KindList && attribute.kind != KindObject {
			return false, nil
		}
	}
	return false, fmt.Errorf("%s in %s: %w", attribute.kind, v.kind, ErrKind)
}
