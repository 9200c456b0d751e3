// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package targeting

import (
	"errors"
	"math"
	"math/big"
	"slices"
	"strconv"

	"github.com/flipper-go/flipper/internal/jsonscan"
)

// JSON is JSON text as Python's json module reads it: besides JSON proper it may
// hold NaN, Infinity and -Infinity, and escaped surrogates that stand alone.
type JSON string

// ParseJSON reads one JSON text, as Python's json module does: ints keep their
// size, and 1 and 1.0 stay apart. A lone surrogate is kept as the three bytes
// that UTF-8's scheme would give it. The error matches [ErrInvalid] and says
// where the text is wrong.
func ParseJSON(text JSON) (Value, error) {
	s := jsonscan.Scanner{Text: string(text)}
	if err := s.CheckUTF8(); err != nil {
		return Value{}, err
	}
	v, err := ReadValue(&s, 0)
	if err == nil {
		err = s.End()
	}
	if err != nil {
		return Value{}, err
	}
	return v, nil
}

// A Field is one member of a JSON object with the exact text of its value.
type Field struct {
	Name  string
	Value JSON
}

// GetField returns the text of a field's value, or "" if there is no such field.
func GetField(fields []Field, name string) JSON {
	for _, f := range fields {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

// SetField replaces a field in its place, or appends it. Like append, it may
// modify fields.
func SetField(fields []Field, name string, value JSON) []Field {
	for i := range fields {
		if fields[i].Name == name {
			fields[i].Value = value
			return fields
		}
	}
	return append(fields, Field{name, value})
}

// SplitObject reads the text of a JSON object and returns its members with the
// exact texts of their values, all of which are valid. Of a name given twice,
// the last value counts, at the place of the first.
func SplitObject(text JSON) ([]Field, error) { return AppendFields(nil, text) }

// AppendFields appends what [SplitObject] returns to fields, so that a caller who
// brings room for a few saves an allocation. On an error it returns nil.
func AppendFields(fields []Field, text JSON) ([]Field, error) {
	set := newFieldSet(fields)
	s := jsonscan.Scanner{Text: string(text)}
	err := s.Start()
	if err == nil {
		set, err = readMembers(&s, set, 1)
	}
	if err == nil {
		err = s.End()
	}
	if err != nil {
		return nil, err
	}
	return set.fields, nil
}

// AppendFieldsWithin is [AppendFields], and appends to inner the members of the
// object that the member of a name is, so that it is not read twice. If that
// member is something else, or missing, inner stays as it is.
func AppendFieldsWithin(fields, inner []Field, text JSON, name string) (outer, within []Field, err error) {
	set, innerSet := newFieldSet(fields), newFieldSet(inner)
	s := jsonscan.Scanner{Text: string(text)}
	if err = s.Start(); err == nil {
		set, innerSet, err = readMembersWithin(&s, set, innerSet, name)
	}
	if err == nil {
		err = s.End()
	}
	if err != nil {
		return nil, nil, err
	}
	return set.fields, innerSet.fields, nil
}

// SplitList reads the text of a JSON list and returns the exact texts of its elements,
// all of which are valid.
func SplitList(text JSON) ([]JSON, error) {
	s := jsonscan.Scanner{Text: string(text)}
	if err := s.Start(); err != nil {
		return nil, err
	}
	if s.Peek(0) != '[' {
		return nil, s.Errorf("a list is needed")
	}
	var elements []JSON
	more, err := s.Begin(']')
	for ; more; more, err = s.Next(']') {
		element, err := s.Skipped(1)
		if err != nil {
			return nil, err
		}
		elements = append(elements, JSON(element))
	}
	if err == nil {
		err = s.End()
	}
	if err != nil {
		return nil, err
	}
	return elements, nil
}

// A fieldSet collects the members of an object. It is handed on by value, so that
// the room that a caller brings can stay on the caller's stack.
type fieldSet struct {
	fields []Field
	before int            // how many there were already
	places map[string]int // of the members, once they are many
}

// minPlaces is how many members are searched one by one.
const minPlaces = 16

func newFieldSet(fields []Field) fieldSet { return fieldSet{fields: fields, before: len(fields)} }

// with adds a member. Of a name given twice, the last value counts, at the place of
// the first.
func (s fieldSet) with(name string, value JSON) fieldSet {
	members := s.fields[s.before:]
	if len(members) < minPlaces {
		for i := range members {
			if members[i].Name == name {
				members[i].Value = value
				return s
			}
		}
	} else {
		if s.places == nil {
			s.places = make(map[string]int)
			for i, f := range members {
				s.places[f.Name] = i
			}
		}
		if i, ok := s.places[name]; ok {
			members[i].Value = value
			return s
		}
		s.places[name] = len(members)
	}
	s.fields = append(s.fields, Field{name, value})
	return s
}

// members reads an object whose values are nested to a depth.
func readMembers(s *jsonscan.Scanner, set fieldSet, depth int) (fieldSet, error) {
	if s.Peek(0) != '{' {
		return set, s.Errorf("an object is needed")
	}
	more, err := s.Begin('}')
	for ; more; more, err = s.Next('}') {
		name, err := s.Name()
		if err != nil {
			return set, err
		}
		value, err := s.Skipped(depth)
		if err != nil {
			return set, err
		}
		set = set.with(name, JSON(value))
	}
	return set, err
}

// membersWithin reads an object, and the members of the object that is its member
// of a name.
func readMembersWithin(s *jsonscan.Scanner, set, within fieldSet, inner string) (fieldSet, fieldSet, error) {
	if s.Peek(0) != '{' {
		return set, within, s.Errorf("an object is needed")
	}
	before := within
	more, err := s.Begin('}')
	for ; more; more, err = s.Next('}') {
		name, err := s.Name()
		if err != nil {
			return set, within, err
		}
		start := s.Pos
		switch {
		case name != inner:
			err = s.Skip(1)
		case s.Peek(0) == '{':
			within, err = readMembers(s, before, 2) // of a name given twice, the last counts
		default:
			within = before
			err = s.Skip(1)
		}
		if err != nil {
			return set, within, err
		}
		set = set.with(name, JSON(s.Text[start:s.Pos]))
	}
	return set, within, err
}

// ObjectFields returns what [AppendFields] does if text is an object. For another
// value it returns the kind alone.
func ObjectFields(space []Field, text JSON) (fields []Field, kind Kind, err error) {
	if fields, err = AppendFields(space, text); err == nil {
		return fields, KindObject, nil
	}
	v, err := ParseJSON(text)
	return nil, v.Kind(), err
}

// FieldValue returns the value of a field of an object that was read, or otherwise
// if there is no such field.
func FieldValue(fields []Field, name string, otherwise Value) Value {
	if v, err := ParseJSON(GetField(fields, name)); err == nil {
		return v
	}
	return otherwise // a field that was read has a value that can be read
}

// ReadValue reads a value that is nested to a depth, for readers within this module.
func ReadValue(s *jsonscan.Scanner, depth int) (Value, error) {
	if depth > jsonscan.MaxDepth {
		return Value{}, s.Errorf("nested more than %d deep", jsonscan.MaxDepth)
	}
	s.Space()
	if s.Pos == len(s.Text) {
		return Value{}, s.Errorf("a value is missing")
	}
	switch c := s.Text[s.Pos]; {
	case c == '"':
		text, err := s.String()
		return Text(text), err
	case c == '{':
		members := []Member{}
		more, err := s.Begin('}')
		for ; more; more, err = s.Next('}') {
			name, err := s.Name()
			if err != nil {
				return Value{}, err
			}
			v, err := ReadValue(s, depth+1)
			if err != nil {
				return Value{}, err
			}
			members = append(members, Member{name, v})
		}
		return Object(members...), err
	case c == '[':
		var few [4]Value
		list := few[:0]
		more, err := s.Begin(']')
		for ; more; more, err = s.Next(']') {
			v, err := ReadValue(s, depth+1)
			if err != nil {
				return Value{}, err
			}
			list = append(list, v)
		}
		return List(slices.Clone(list)...), err
	case c == '-' || '0' <= c && c <= '9':
		return readNumber(s)
	}
	return readWord(s)
}

func readWord(s *jsonscan.Scanner) (Value, error) {
	word, err := s.Word()
	switch word {
	case "true":
		return Bool(true), err
	case "false":
		return Bool(false), err
	case "NaN":
		return Float(math.NaN()), err
	case "Infinity":
		return Float(math.Inf(1)), err
	}
	return Null(), err
}

// readNumber reads an int or float, or -Infinity.
func readNumber(s *jsonscan.Scanner) (Value, error) {
	text, isInt, err := s.Number()
	if err != nil {
		return Value{}, err
	}
	if isInt {
		return readInt(s, text)
	}
	// Out of range is an infinity or zero, as in Python.
	f, err := strconv.ParseFloat(text, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return Value{}, s.Errorf("%v", err)
	}
	return Float(f), nil
}

func readInt(s *jsonscan.Scanner, text string) (Value, error) {
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return Int(i), nil
	}
	i, ok := new(big.Int).SetString(text, 10)
	if !ok {
		return Value{}, s.Errorf("not an int: %s", text)
	}
	return BigInt(i), nil
}
