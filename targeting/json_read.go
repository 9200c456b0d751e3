// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package targeting

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// JSON is JSON text as Python's json module reads it: besides JSON proper it may
// hold NaN, Infinity and -Infinity, and escaped surrogates that stand alone.
type JSON string

// maxIntDigits is the longest int that Python reads.
const maxIntDigits = 4300

// ParseJSON reads one JSON text, as Python's json module does: ints keep their
// size, and 1 and 1.0 stay apart. A lone surrogate is kept as the three bytes
// that UTF-8's scheme would give it. The error matches [ErrInvalid] and says
// where the text is wrong.
func ParseJSON(text JSON) (Value, error) {
	p := parser{text: string(text)}
	if err := p.checkUTF8(); err != nil {
		return Value{}, err
	}
	v, err := p.value(0)
	if err == nil {
		err = p.end()
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

// GetField gives the text of a field's value, or "" if there is no such field.
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

// SplitObject reads the text of a JSON object and gives its members with the
// exact texts of their values, all of which are valid. Of a name given twice,
// the last value counts, at the place of the first.
func SplitObject(text JSON) ([]Field, error) { return AppendFields(nil, text) }

// AppendFields appends what [SplitObject] gives to fields, so that a caller who
// brings room for a few saves an allocation. On an error it gives nil.
func AppendFields(fields []Field, text JSON) ([]Field, error) {
	set := newFieldSet(fields)
	p := parser{text: string(text)}
	err := p.start()
	if err == nil {
		set, err = p.members(set, 1)
	}
	if err == nil {
		err = p.end()
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
	p := parser{text: string(text)}
	if err = p.start(); err == nil {
		set, innerSet, err = p.membersWithin(set, innerSet, name)
	}
	if err == nil {
		err = p.end()
	}
	if err != nil {
		return nil, nil, err
	}
	return set.fields, innerSet.fields, nil
}

// A fieldSet collects the members of an object. It is handed on by value, so that
// the room that a caller brings can stay on the caller's stack.
type fieldSet struct {
	fields []Field
	before int            // how many there were already
	places map[string]int // of the members, once they are many
}

func newFieldSet(fields []Field) fieldSet { return fieldSet{fields: fields, before: len(fields)} }

// with adds a member. Of a name given twice, the last value counts, at the place of
// the first.
func (s fieldSet) with(name string, value JSON) fieldSet {
	members := s.fields[s.before:]
	if len(members) < minSet {
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
func (p *parser) members(set fieldSet, depth int) (fieldSet, error) {
	if p.peek(0) != '{' {
		return set, p.errorf("an object is needed")
	}
	more, err := p.begin('}')
	for ; more; more, err = p.next('}') {
		name, err := p.name()
		if err != nil {
			return set, err
		}
		value, err := p.skipped(depth)
		if err != nil {
			return set, err
		}
		set = set.with(name, value)
	}
	return set, err
}

// membersWithin reads an object, and the members of the object that is its member
// of a name.
func (p *parser) membersWithin(set, within fieldSet, inner string) (fieldSet, fieldSet, error) {
	if p.peek(0) != '{' {
		return set, within, p.errorf("an object is needed")
	}
	before := within
	more, err := p.begin('}')
	for ; more; more, err = p.next('}') {
		name, err := p.name()
		if err != nil {
			return set, within, err
		}
		start := p.pos
		switch {
		case name != inner:
			err = p.skip(1)
		case p.peek(0) == '{':
			within, err = p.members(before, 2) // of a name given twice, the last counts
		default:
			within = before
			err = p.skip(1)
		}
		if err != nil {
			return set, within, err
		}
		set = set.with(name, JSON(p.text[start:p.pos]))
	}
	return set, within, err
}

// objectFields gives what [AppendFields] does if text is an object. If it is
// another value, it gives its kind.
func objectFields(space []Field, text JSON) (fields []Field, kind Kind, err error) {
	if fields, err = AppendFields(space, text); err == nil {
		return fields, KindObject, nil
	}
	v, err := ParseJSON(text)
	return nil, v.kind, err
}

// fieldValue gives the value of a field of an object that was read, or otherwise if
// there is no such field.
func fieldValue(fields []Field, name string, otherwise Value) Value {
	if v, err := ParseJSON(GetField(fields, name)); err == nil {
		return v
	}
	return otherwise // a field that was read has a value that can be read
}

type parser struct {
	text string
	pos  int
}

func (p *parser) errorf(format string, args ...any) error {
	return fmt.Errorf("%w JSON at byte %d: %s", ErrInvalid, p.pos, fmt.Sprintf(format, args...))
}

func (p *parser) checkUTF8() error {
	if utf8.ValidString(p.text) {
		return nil
	}
	for i := 0; i < len(p.text); {
		r, size := utf8.DecodeRuneInString(p.text[i:])
		if r == utf8.RuneError && size == 1 {
			p.pos = i
			break
		}
		i += size
	}
	return p.errorf("not UTF-8")
}

// start checks the whole text, and goes to its first value.
func (p *parser) start() error {
	if err := p.checkUTF8(); err != nil {
		return err
	}
	p.space()
	return nil
}

func (p *parser) space() {
	for p.pos < len(p.text) && p.text[p.pos] <= ' ' {
		switch p.text[p.pos] {
		case ' ', '\t', '\n', '\r':
			p.pos++
		default:
			return
		}
	}
}

func (p *parser) end() error {
	if p.space(); p.pos < len(p.text) {
		return p.errorf("more text after the value")
	}
	return nil
}

func (p *parser) value(depth int) (Value, error) {
	if depth > maxDepth {
		return Value{}, p.errorf("nested more than %d deep", maxDepth)
	}
	p.space()
	if p.pos == len(p.text) {
		return Value{}, p.errorf("a value is missing")
	}
	switch c := p.text[p.pos]; {
	case c == '"':
		text, err := p.string()
		return Text(text), err
	case c == '{':
		members := []Member{}
		more, err := p.begin('}')
		for ; more; more, err = p.next('}') {
			name, err := p.name()
			if err != nil {
				return Value{}, err
			}
			v, err := p.value(depth + 1)
			if err != nil {
				return Value{}, err
			}
			members = append(members, Member{name, v})
		}
		return Object(members...), err
	case c == '[':
		var few [4]Value
		list := few[:0]
		more, err := p.begin(']')
		for ; more; more, err = p.next(']') {
			v, err := p.value(depth + 1)
			if err != nil {
				return Value{}, err
			}
			list = append(list, v)
		}
		return List(slices.Clone(list)...), err
	case c == '-' || '0' <= c && c <= '9':
		return p.number()
	}
	return p.word()
}

// word reads a value that is a word.
func (p *parser) word() (Value, error) {
	for i := range words {
		if strings.HasPrefix(p.text[p.pos:], words[i].text) {
			p.pos += len(words[i].text)
			return words[i].value, nil
		}
	}
	return Value{}, p.errorf("a value is missing")
}

// skipped reads a value as [parser.value] does, and gives its exact text.
func (p *parser) skipped(depth int) (JSON, error) {
	p.space()
	start := p.pos
	if err := p.skip(depth); err != nil {
		return "", err
	}
	return JSON(p.text[start:p.pos]), nil
}

// skip reads a value as [parser.value] does, and refuses what that refuses, but
// makes nothing of it.
func (p *parser) skip(depth int) (err error) {
	if depth > maxDepth {
		return p.errorf("nested more than %d deep", maxDepth)
	}
	p.space()
	switch c := p.peek(0); {
	case c == '"':
		_, err = p.string()
	case c == '{':
		var more bool
		for more, err = p.begin('}'); more; more, err = p.next('}') {
			if _, err := p.name(); err != nil {
				return err
			}
			if err := p.skip(depth + 1); err != nil {
				return err
			}
		}
	case c == '[':
		var more bool
		for more, err = p.begin(']'); more; more, err = p.next(']') {
			if err := p.skip(depth + 1); err != nil {
				return err
			}
		}
	case c == '-' || isDigit(c):
		_, _, err = p.numberText()
	default:
		_, err = p.word()
	}
	return err
}

var words = []struct {
	text  string
	value Value
}{
	{"null", Null()},
	{"true", Bool(true)},
	{"false", Bool(false)},
	{"NaN", Float(math.NaN())},
	{"Infinity", Float(math.Inf(1))},
}

// begin reads the opening bracket of a list or an object. more is false if it is
// empty; then the closing one is read too.
func (p *parser) begin(closing byte) (more bool, err error) {
	p.pos++
	if p.space(); p.peek(0) == closing {
		p.pos++
		return false, nil
	}
	return true, nil
}

// next reads what follows an element or a member: a comma, or the closing
// bracket.
func (p *parser) next(closing byte) (more bool, err error) {
	p.space()
	switch p.peek(0) {
	case ',':
		p.pos++
		p.space()
		return true, nil
	case closing:
		p.pos++
		return false, nil
	}
	return false, p.errorf("a comma or %q is needed", closing)
}

// name reads the name of a member, and the colon.
func (p *parser) name() (string, error) {
	if p.peek(0) != '"' {
		return "", p.errorf("a name in quotes is needed")
	}
	name, err := p.string()
	if err != nil {
		return "", err
	}
	if p.space(); p.peek(0) != ':' {
		return "", p.errorf("a colon is needed")
	}
	p.pos++
	p.space()
	return name, nil
}

// number reads an int or float, or -Infinity.
func (p *parser) number() (Value, error) {
	text, isInt, err := p.numberText()
	if err != nil {
		return Value{}, err
	}
	if isInt {
		return p.int(text)
	}
	// Out of range is an infinity or zero, as in Python.
	f, err := strconv.ParseFloat(text, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return Value{}, p.errorf("%v", err)
	}
	return Float(f), nil
}

// numberText reads a number, but makes nothing of it.
func (p *parser) numberText() (text string, isInt bool, err error) {
	start := p.pos
	if p.text[p.pos] == '-' {
		p.pos++
		if strings.HasPrefix(p.text[p.pos:], "Infinity") {
			p.pos += len("Infinity")
			return p.text[start:p.pos], false, nil
		}
	}
	whole := p.digits()
	if whole == 0 || whole > 1 && p.text[p.pos-whole] == '0' {
		p.pos = start
		return "", false, p.errorf("a number begins with one digit, or with one that is not 0")
	}
	isInt = true
	if p.peek(0) == '.' && isDigit(p.peek(1)) {
		isInt = false
		p.pos++
		p.digits()
	}
	if c := p.peek(0); c == 'e' || c == 'E' {
		sign := 0
		if s := p.peek(1); s == '+' || s == '-' {
			sign = 1
		}
		if isDigit(p.peek(1 + sign)) {
			isInt = false
			p.pos += 1 + sign
			p.digits()
		}
	}
	if isInt && whole > maxIntDigits {
		return "", false, p.errorf("an int of more than %d digits", maxIntDigits)
	}
	return p.text[start:p.pos], isInt, nil
}

func (p *parser) int(text string) (Value, error) {
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return Int(i), nil
	}
	i, ok := new(big.Int).SetString(text, 10)
	if !ok {
		return Value{}, p.errorf("not an int: %s", text)
	}
	return BigInt(i), nil
}

func (p *parser) peek(ahead int) byte {
	if p.pos+ahead < len(p.text) {
		return p.text[p.pos+ahead]
	}
	return 0
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func (p *parser) digits() (n int) {
	start := p.pos
	for p.pos < len(p.text) && isDigit(p.text[p.pos]) {
		p.pos++
	}
	return p.pos - start
}

// string reads text in quotes.
func (p *parser) string() (string, error) {
	start := p.pos + 1 // after the opening quote
	for i := start; i < len(p.text); i++ {
		c := p.text[i]
		if c != '"' && c != '\\' && c >= ' ' {
			continue
		}
		p.pos = i
		switch c {
		case '"':
			p.pos++
			return p.text[start:i], nil
		case '\\':
			return p.escapedString(start)
		}
		return "", p.errorf("a control character in text must be escaped")
	}
	p.pos = len(p.text)
	return "", p.errorf("text without closing quote")
}

func (p *parser) escapedString(start int) (string, error) {
	text := []byte(p.text[start:p.pos])
	for p.pos < len(p.text) {
		c := p.text[p.pos]
		switch {
		case c == '"':
			p.pos++
			return string(text), nil
		case c < ' ':
			return "", p.errorf("a control character in text must be escaped")
		case c != '\\':
			text = append(text, c)
			p.pos++
			continue
		}
		p.pos++
		c = p.peek(0)
		if c == 'u' {
			p.pos++
			r, err := p.escapedRune()
			if err != nil {
				return "", err
			}
			text = appendRune(text, r)
			continue
		}
		i := strings.IndexByte(`"\/bfnrt`, c)
		if i < 0 || c == 0 {
			return "", p.errorf("unknown escape")
		}
		text = append(text, "\"\\/\b\f\n\r\t"[i])
		p.pos++
	}
	return "", p.errorf("text without closing quote")
}

const (
	surrogateMin    = 0xd800
	surrogateLowMin = 0xdc00
	surrogateMax    = 0xdfff
)

// escapedRune reads what follows \u, with a second escape if the two are a pair.
func (p *parser) escapedRune() (rune, error) {
	r, err := p.hex4()
	if err != nil || r < surrogateMin || r >= surrogateLowMin || p.peek(0) != '\\' || p.peek(1) != 'u' {
		return r, err
	}
	p.pos += 2
	low, err := p.hex4()
	if err != nil {
		return 0, err
	}
	if low < surrogateLowMin || low > surrogateMax {
		p.pos -= 6 // not a pair: the second escape is read by itself
		return r, nil
	}
	return (r-surrogateMin)<<10 | (low - surrogateLowMin) + 0x10000, nil
}

func (p *parser) hex4() (rune, error) {
	if p.pos+4 > len(p.text) {
		return 0, p.errorf("four hex digits are needed")
	}
	var r rune
	for i := range 4 {
		c := p.text[p.pos+i]
		switch {
		case isDigit(c):
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, p.errorf("four hex digits are needed")
		}
		r = r<<4 | rune(c)
	}
	p.pos += 4
	return r, nil
}

// appendRune appends r as UTF-8 does, and a surrogate by the same scheme, which
// utf8.AppendRune would replace.
func appendRune(b []byte, r rune) []byte {
	if r < surrogateMin || r > surrogateMax {
		return utf8.AppendRune(b, r)
	}
	return append(b, 0xe0|byte(r>>12), 0x80|byte(r>>6)&0xbf, 0x80|byte(r)&0xbf)
}
