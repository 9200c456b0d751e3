// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package targeting

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"slices"
	"strings"

	"github.com/flipper-go/flipper/internal/jsonscan"
)

// A Kind is one of JSON's kinds of value, with numbers told apart as Python does:
// 1 is an int and 1.0 a float.
type Kind uint8

// The kinds of [Value].
const (
	KindNull Kind = iota
	KindBool
	KindInt // of any size
	KindFloat
	KindText
	KindList
	KindObject
)

var kindNames = [...]string{"null", "bool", "int", "float", "text", "list", "object"}

// String returns the kind's name, such as "int".
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

// A Value is a JSON value: what attributes, variants and rules hold. The zero
// Value is null. Making one of a scalar does not allocate.
type Value struct {
	bits uint64     // bool: 0 or 1; int: the int64; float: its IEEE bits
	text string     // text
	more *composite // says the kind, and holds what does not fit; nil: null
}

// A composite is an int beyond int64, a list or an object. All values of another
// kind share one. So a Value is four words, which the compiler keeps in registers.
type composite struct {
	kind Kind
	list []Value
	rare *rareComposite
}

type rareComposite struct {
	int     *big.Int // never within int64
	members []Member
}

var (
	boolKind  = composite{kind: KindBool}
	intKind   = composite{kind: KindInt}
	floatKind = composite{kind: KindFloat}
	textKind  = composite{kind: KindText}
)

// members returns the members of a Value of KindObject.
func (c *composite) members() []Member { return c.rare.members }

// A Member is one key of an object, with its value.
type Member struct {
	Key   string
	Value Value
}

// Null returns null.
func Null() Value { return Value{} }

// Bool returns true or false.
func Bool(b bool) Value {
	if b {
		return Value{bits: 1, more: &boolKind}
	}
	return Value{more: &boolKind}
}

// Int returns an int.
func Int(i int64) Value { return Value{bits: uint64(i), more: &intKind} }

// Uint returns an int. It allocates for values beyond the largest int64.
func Uint(u uint64) Value {
	if u > math.MaxInt64 {
		return BigInt(new(big.Int).SetUint64(u))
	}
	return Int(int64(u))
}

// BigInt returns an int of any size. It copies i; nil becomes 0.
func BigInt(i *big.Int) Value {
	switch {
	case i == nil:
		return Int(0)
	case i.IsInt64():
		return Int(i.Int64())
	}
	return Value{more: &composite{kind: KindInt, rare: &rareComposite{int: new(big.Int).Set(i)}}}
}

// Float returns a float. NaN and the infinities are values too, as in Python.
func Float(f float64) Value { return Value{bits: math.Float64bits(f), more: &floatKind} }

// Text returns text. Python's text holds code points, so bytes that are not valid
// UTF-8 count as U+FFFD where the value is written or hashed.
func Text(s string) Value { return Value{text: s, more: &textKind} }

// List returns a list. It keeps values: do not modify it afterwards.
func List(values ...Value) Value {
	return Value{more: &composite{kind: KindList, list: values}}
}

// Object returns an object whose keys are in the order given. Of a key given
// twice, the last value counts, at the place of the first, as in Python.
func Object(members ...Member) Value {
	return Value{more: &composite{kind: KindObject, rare: &rareComposite{members: uniqueMembers(members)}}}
}

// uniqueMembers applies the rule for keys given twice. It returns members itself
// if there are none.
func uniqueMembers(members []Member) []Member {
	if !hasDuplicateKey(members) {
		return members
	}
	place := make(map[string]int, len(members))
	unique := make([]Member, 0, len(members))
	for _, m := range members {
		if i, ok := place[m.Key]; ok {
			unique[i].Value = m.Value
			continue
		}
		place[m.Key] = len(unique)
		unique = append(unique, m)
	}
	return unique
}

func hasDuplicateKey(members []Member) bool {
	if len(members) <= 8 {
		for i := range members {
			for j := range i {
				if members[i].Key == members[j].Key {
					return true
				}
			}
		}
		return false
	}
	seen := make(map[string]struct{}, len(members))
	for _, m := range members {
		seen[m.Key] = struct{}{}
	}
	return len(seen) < len(members)
}

// maxDepth bounds the nesting of lists and objects.
const maxDepth = jsonscan.MaxDepth

// ValueOf returns the value of a Go value: nil, bool, any int or uint type,
// *big.Int, float32 and float64, string, [json.Number], [json.RawMessage],
// [JSON], a Value, and pointers, slices, arrays and maps with string keys of
// such. The keys of a map are sorted. Anything else, bytes among them, and what
// is nested more than 500 deep is an error that matches [ErrInvalid].
func ValueOf(v any) (Value, error) { return valueOf(v, 0) }

// ValuesOf returns the values of Go values, as [ValueOf] does. A single slice, array or
// list stands for its elements.
func ValuesOf(values ...any) ([]Value, error) {
	all := make([]Value, len(values))
	for i, value := range values {
		var err error
		if all[i], err = ValueOf(value); err != nil {
			return nil, err
		}
	}
	if len(all) == 1 && all[0].Kind() == KindList {
		return all[0].Elements(), nil
	}
	return all, nil
}

func valueOf(v any, depth int) (Value, error) {
	switch v := v.(type) {
	case nil:
		return Null(), nil
	case Value:
		return v, nil
	case bool:
		return Bool(v), nil
	case string:
		return Text(v), nil
	case int:
		return Int(int64(v)), nil
	case int64:
		return Int(v), nil
	case float64:
		return Float(v), nil
	case *big.Int:
		return BigInt(v), nil
	case json.Number:
		return ParseJSON(JSON(v.String()))
	case json.RawMessage:
		return ParseJSON(JSON(v))
	case JSON:
		return ParseJSON(v)
	}
	if depth >= maxDepth {
		return Value{}, fmt.Errorf("%w: value is nested more than %d deep", ErrInvalid, maxDepth)
	}
	return reflectValueOf(reflect.ValueOf(v), depth)
}

func reflectValueOf(v reflect.Value, depth int) (Value, error) {
	switch v.Kind() {
	case reflect.Bool:
		return Bool(v.Bool()), nil
	case reflect.String:
		return Text(v.String()), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return Int(v.Int()), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return Uint(v.Uint()), nil
	case reflect.Float32, reflect.Float64:
		return Float(v.Float()), nil
	case reflect.Pointer:
		if v.IsNil() {
			return Null(), nil
		}
		return valueOf(v.Elem().Interface(), depth+1)
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			break // bytes: text or a list of ints? Let the caller say.
		}
		list := make([]Value, v.Len())
		for i := range list {
			var err error
			if list[i], err = valueOf(v.Index(i).Interface(), depth+1); err != nil {
				return Value{}, err
			}
		}
		return List(list...), nil
	case reflect.Map:
		if v.Type().Key().Kind() != reflect.String {
			break
		}
		members := make([]Member, 0, v.Len())
		for it := v.MapRange(); it.Next(); {
			value, err := valueOf(it.Value().Interface(), depth+1)
			if err != nil {
				return Value{}, fmt.Errorf("key %q: %w", it.Key().String(), err)
			}
			members = append(members, Member{it.Key().String(), value})
		}
		slices.SortFunc(members, func(a, b Member) int { return strings.Compare(a.Key, b.Key) })
		return Object(members...), nil
	}
	return Value{}, fmt.Errorf("%w: a %s has no JSON form (use nil, bool, ints, floats, string, slices and maps with string keys)", ErrInvalid, v.Type())
}

// Kind returns the value's kind.
func (v Value) Kind() Kind {
	if v.more == nil {
		return KindNull
	}
	return v.more.kind
}

// Any returns the value as a Go value: nil, bool, int64, *big.Int (only beyond
// int64), float64, string, []any or map[string]any.
func (v Value) Any() any {
	switch v.Kind() {
	case KindBool:
		return v.bits != 0
	case KindInt:
		if i := v.bigInt(); i != nil {
			return new(big.Int).Set(i)
		}
		return int64(v.bits)
	case KindFloat:
		return v.float()
	case KindText:
		return v.text
	case KindList:
		list := make([]any, len(v.more.list))
		for i, element := range v.more.list {
			list[i] = element.Any()
		}
		return list
	case KindObject:
		object := make(map[string]any, len(v.more.members()))
		for _, m := range v.more.members() {
			object[m.Key] = m.Value.Any()
		}
		return object
	}
	return nil
}

// AsText returns the text of a value that is text. ok is false for other kinds.
func (v Value) AsText() (text string, ok bool) { return v.text, v.more == &textKind }

// AsBool returns the bool of a value that is one. ok is false for other kinds.
func (v Value) AsBool() (b, ok bool) { return v.bits != 0, v.more == &boolKind }

// AsInt returns the int of a value that is one and fits. ok is false for ints beyond
// int64, which [Value.AsBigInt] returns, and for other kinds.
func (v Value) AsInt() (i int64, ok bool) { return int64(v.bits), v.more == &intKind }

// AsBigInt returns the int of a value that is one, of any size. ok is false for
// other kinds.
func (v Value) AsBigInt() (i *big.Int, ok bool) {
	switch {
	case v.more == &intKind:
		return big.NewInt(int64(v.bits)), true
	case v.bigInt() != nil:
		return new(big.Int).Set(v.bigInt()), true
	}
	return nil, false
}

// AsFloat returns the float of a value that is one. ok is false for other kinds,
// ints among them.
func (v Value) AsFloat() (f float64, ok bool) { return v.float(), v.more == &floatKind }

// bigInt returns the int of a value that is one beyond int64, or nil.
func (v Value) bigInt() *big.Int {
	if v.more == nil || v.more.rare == nil {
		return nil
	}
	return v.more.rare.int
}

// Elements returns the elements of a list, nil for other kinds. Do not modify it.
func (v Value) Elements() []Value {
	if v.Kind() != KindList {
		return nil
	}
	return v.more.list
}

// Members returns the members of an object in their order, nil for other kinds. Do
// not modify it.
func (v Value) Members() []Member {
	if v.Kind() != KindObject {
		return nil
	}
	return v.more.members()
}

// String returns the value's JSON text.
func (v Value) String() string { return string(v.AppendJSON(nil)) }

func (v Value) float() float64 { return math.Float64frombits(v.bits) }

// Equal reports whether two values are the same: numbers by their exact value, so
// that 1 equals 1.0, text by code points, lists element by element, and objects
// without regard to the order of their keys. NaN equals nothing.
func (v Value) Equal(w Value) bool {
	if order, ok := CompareNumbers(v, w); ok {
		return order == 0
	}
	if v.Kind() != w.Kind() {
		return false
	}
	switch v.Kind() {
	case KindNull:
		return true
	case KindBool:
		return v.bits == w.bits
	case KindText:
		return v.text == w.text
	case KindList:
		return slices.EqualFunc(v.more.list, w.more.list, Value.Equal)
	case KindObject:
		return equalMembers(v.more.members(), w.more.members())
	}
	return false // NaN
}

func equalMembers(a, b []Member) bool {
	if len(a) != len(b) {
		return false
	}
	byKey := func(m, n Member) int { return strings.Compare(m.Key, n.Key) }
	a, b = slices.SortedFunc(slices.Values(a), byKey), slices.SortedFunc(slices.Values(b), byKey)
	return slices.EqualFunc(a, b, func(m, n Member) bool { return m.Key == n.Key && m.Value.Equal(n.Value) })
}

// CompareNumbers compares two numbers by their exact value, ints of any size with
// floats too. ok is false if one of them is not a number, or is NaN.
func CompareNumbers(v, w Value) (order int, ok bool) {
	i, isInt := v.AsInt()
	j, isIntToo := w.AsInt()
	if isInt && isIntToo {
		return cmp.Compare(i, j), true
	}
	return compareNumbers(v, w)
}

func compareNumbers(v, w Value) (order int, ok bool) {
	if v.Kind() != KindInt && v.Kind() != KindFloat || w.Kind() != KindInt && w.Kind() != KindFloat {
		return 0, false
	}
	f, isFloat := v.AsFloat()
	g, isFloatToo := w.AsFloat()
	switch {
	case isFloat && isFloatToo:
		return compareFloats(f, g)
	case isFloat:
		order, ok = compareIntFloat(w, f)
		return -order, ok
	case isFloatToo:
		return compareIntFloat(v, g)
	}
	i, _ := v.AsBigInt()
	j, _ := w.AsBigInt()
	return i.Cmp(j), true
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

// compareIntFloat compares an int with a float, without rounding.
func compareIntFloat(v Value, f float64) (order int, ok bool) {
	switch {
	case math.IsNaN(f):
		return 0, false
	case math.IsInf(f, 0):
		return cmp.Compare(0, f), true
	case v.bigInt() != nil:
		whole, fraction := math.Modf(f)
		w, _ := big.NewFloat(whole).Int(nil)
		if order = v.bigInt().Cmp(w); order == 0 {
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
