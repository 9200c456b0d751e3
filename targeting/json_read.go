// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package targeting

import (
	"errors"
	"fmt"
	"math"
	"math/big"
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
func SplitObject(text JSON) ([]Field, error) {
	p := parser{text: string(text)}
	if err := p.checkUTF8(); err != nil {
		return nil, err
	}
	p.space()
	if p.pos == len(p.text) || p.text[p.pos] != '{' {
		return nil, p.errorf("an object is needed")
	}
	var fields []Field
	place := map[string]int{}
	err := p.members(func(name string) error {
		start := p.pos
		if _, err := p.value(1); err != nil {
			return err
		}
		value := JSON(p.text[start:p.pos])
		if i, ok := place[name]; ok {
			fields[i].Value = value
			return nil
		}
		place[name] = len(fields)
		fields = append(fields, Field{name, value})
		return nil
	})
	if err == nil {
		err = p.end()
	}
	return fields, err
}

// splitList gives the exact texts of the elements of a list.
func splitList(text JSON) ([]JSON, error) {
	p := parser{text: string(text)}
	p.space()
	if p.pos == len(p.text) || p.text[p.pos] != '[' {
		return nil, p.errorf("a list is needed")
	}
	var elements []JSON
	err := p.elements(func() error {
		start := p.pos
		_, err := p.value(1)
		elements = append(elements, JSON(p.text[start:p.pos]))
		return err
	})
	if err == nil {
		err = p.end()
	}
	return elements, err
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

func (p *parser) space() {
	for p.pos < len(p.text) {
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
		err := p.members(func(name string) error {
			v, err := p.value(depth + 1)
			members = append(members, Member{name, v})
			return err
		})
		return Object(members...), err
	case c == '[':
		list := []Value{}
		err := p.elements(func() error {
			v, err := p.value(depth + 1)
			list = append(list, v)
			return err
		})
		return List(list...), err
	case c == '-' || '0' <= c && c <= '9':
		return p.number()
	}
	for _, w := range words {
		if strings.HasPrefix(p.text[p.pos:], w.text) {
			p.pos += len(w.text)
			return w.value, nil
		}
	}
	return Value{}, p.errorf("a value is missing")
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

// members reads an object and calls member after each name, to read the value.
func (p *parser) members(member func(name string) error) error {
	return p.items('}', func() error {
		if p.pos == len(p.text) || p.text[p.pos] != '"' {
			return p.errorf("a name in quotes is needed")
		}
		name, err := p.string()
		if err != nil {
			return err
		}
		if p.space(); p.pos == len(p.text) || p.text[p.pos] != ':' {
			return p.errorf("a colon is needed")
		}
		p.pos++
		p.space()
		return member(name)
	})
}

// elements reads a list and calls element before each element, to read it.
func (p *parser) elements(element func() error) error { return p.items(']', element) }

func (p *parser) items(closing byte, item func() error) error {
	p.pos++ // the opening bracket
	if p.space(); p.pos < len(p.text) && p.text[p.pos] == closing {
		p.pos++
		return nil
	}
	for {
		p.space()
		if err := item(); err != nil {
			return err
		}
		p.space()
		if p.pos == len(p.text) || (p.text[p.pos] != ',' && p.text[p.pos] != closing) {
			return p.errorf("a comma or %q is needed", closing)
		}
		p.pos++
		if p.text[p.pos-1] == closing {
			return nil
		}
	}
}

// number reads an int or float, or -Infinity.
func (p *parser) number() (Value, error) {
	start := p.pos
	if p.text[p.pos] == '-' {
		p.pos++
		if strings.HasPrefix(p.text[p.pos:], "Infinity") {
			p.pos += len("Infinity")
			return Float(math.Inf(-1)), nil
		}
	}
	whole := p.digits()
	if whole == 0 || whole > 1 && p.text[p.pos-whole] == '0' {
		p.pos = start
		return Value{}, p.errorf("a number begins with one digit, or with one that is not 0")
	}
	isInt := true
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
	text := p.text[start:p.pos]
	if isInt {
		return p.int(text, whole)
	}
	// Out of range is an infinity or zero, as in Python.
	f, err := strconv.ParseFloat(text, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return Value{}, p.errorf("%v", err)
	}
	return Float(f), nil
}

func (p *parser) int(text string, digits int) (Value, error) {
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return Int(i), nil
	}
	if digits > maxIntDigits {
		return Value{}, p.errorf("an int of more than %d digits", maxIntDigits)
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
	for isDigit(p.peek(0)) {
		p.pos++
		n++
	}
	return n
}

// string reads text in quotes.
func (p *parser) string() (string, error) {
	p.pos++ // the opening quote
	start := p.pos
	for p.pos < len(p.text) {
		switch c := p.text[p.pos]; {
		case c == '"':
			p.pos++
			return p.text[start : p.pos-1], nil
		case c == '\\':
			return p.escapedString(start)
		case c < ' ':
			return "", p.errorf("a control character in text must be escaped")
		}
		p.pos++
	}
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
