// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package targeting

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"slices"
	"strings"
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

// String gives the kind's name, such as "int".
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

// A Value is a JSON value: what attributes have, and what checks compare with.
// The zero Value is null. Making one of a scalar does not allocate.
type Value struct {
	kind Kind
	bits uint64     // bool: 0 or 1; int: the int64; float: its IEEE bits
	text string     // text
	more *composite // int beyond int64, list, object
}

// A composite is what does not fit into a Value. Lists are the usual ones.
type composite struct {
	list []Value
	rare *rareComposite
}

type rareComposite struct {
	int     *big.Int // never within int64
	members []Member
}

// bigInt gives the int of a Value of KindInt that has more.
func (c *composite) bigInt() *big.Int { return c.rare.int }

// members gives the members of a Value of KindObject.
func (c *composite) members() []Member { return c.rare.members }

// A Member is one key of an object, with its value.
type Member struct {
	Key   string
	Value Value
}

// Null gives null.
func Null() Value { return Value{} }

// Bool gives true or false.
func Bool(b bool) Value {
	if b {
		return Value{kind: KindBool, bits: 1}
	}
	return Value{kind: KindBool}
}

// Int gives an int.
func Int(i int64) Value { return Value{kind: KindInt, bits: uint64(i)} }

// Uint gives an int. It allocates for values beyond the largest int64.
func Uint(u uint64) Value {
	if u > math.MaxInt64 {
		return BigInt(new(big.Int).SetUint64(u))
	}
	return Int(int64(u))
}

// BigInt gives an int of any size. It copies i; nil gives 0.
func BigInt(i *big.Int) Value {
	switch {
	case i == nil:
		return Int(0)
	case i.IsInt64():
		return Int(i.Int64())
	}
	return Value{kind: KindInt, more: &composite{rare: &rareComposite{int: new(big.Int).Set(i)}}}
}

// Float gives a float. NaN and the infinities are values too, as in Python.
func Float(f float64) Value { return Value{kind: KindFloat, bits: math.Float64bits(f)} }

// Text gives text. Python's text holds code points, so bytes that are not valid
// UTF-8 count as U+FFFD where the value is written or hashed.
func Text(s string) Value { return Value{kind: KindText, text: s} }

// List gives a list. It keeps values: do not modify it afterwards.
func List(values ...Value) Value {
	return Value{kind: KindList, more: &composite{list: values}}
}

// Object gives an object whose keys are in the order given. Of a key given
// twice, the last value counts, at the place of the first, as in Python.
func Object(members ...Member) Value {
	return Value{kind: KindObject, more: &composite{rare: &rareComposite{members: uniqueMembers(members)}}}
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

// maxDepth bounds the nesting of lists and objects in values made from Go
// values and from JSON. Python's reader stops near 1,000, where its own stack
// ends.
const maxDepth = 500

// ValueOf gives the value of a Go value: nil, bool, any int or uint type,
// *big.Int, float32 and float64, string, [json.Number], [json.RawMessage],
// [JSON], a Value, and pointers, slices, arrays and maps with string keys of
// such. The keys of a map are sorted. Anything else, bytes among them, and what
// is nested more than 500 deep gives an error that matches [ErrInvalid].
func ValueOf(v any) (Value, error) { return valueOf(v, 0) }

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

// Kind gives the value's kind.
func (v Value) Kind() Kind { return v.kind }

// Any gives the value as a Go value: nil, bool, int64, *big.Int (only beyond
// int64), float64, string, []any or map[string]any.
func (v Value) Any() any {
	switch v.kind {
	case KindBool:
		return v.bits != 0
	case KindInt:
		if v.more != nil {
			return new(big.Int).Set(v.more.bigInt())
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

// AsText gives the text of a value that is text. ok is false for other kinds.
func (v Value) AsText() (text string, ok bool) { return v.text, v.kind == KindText }

// Elements gives the elements of a list, nil for other kinds. Do not modify it.
func (v Value) Elements() []Value {
	if v.kind != KindList {
		return nil
	}
	return v.more.list
}

// Members gives the members of an object in their order, nil for other kinds. Do
// not modify it.
func (v Value) Members() []Member {
	if v.kind != KindObject {
		return nil
	}
	return v.more.members()
}

// String gives the value's JSON text.
func (v Value) String() string { return string(v.AppendJSON(nil)) }

func (v *Value) float() float64 { return math.Float64frombits(v.bits) }

// isNumber reports whether Python would calculate with the value: bools count as
// ints there.
func (v *Value) isNumber() bool {
	return v.kind == KindBool || v.kind == KindInt || v.kind == KindFloat
}
