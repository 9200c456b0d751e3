// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package targeting

import (
	"math"
	"slices"
	"strconv"

	"github.com/flipper-go/flipper/internal/jsonscan"
)

// AppendJSON appends the value's JSON text to b, byte for byte as Python's
// json.dumps writes it with its defaults: ASCII only, with spaces after commas
// and colons, floats as repr writes them. It allocates only to grow b, but for
// ints beyond int64.
func (v Value) AppendJSON(b []byte) []byte {
	switch v.Kind() {
	case KindBool:
		return strconv.AppendBool(b, v.bits != 0)
	case KindInt:
		if i := v.bigInt(); i != nil {
			return i.Append(b, 10)
		}
		return strconv.AppendInt(b, int64(v.bits), 10)
	case KindFloat:
		return appendFloat(b, v.float())
	case KindText:
		return AppendText(b, v.text)
	case KindList:
		b = append(b, '[')
		for i, element := range v.more.list {
			if i > 0 {
				b = append(b, ", "...)
			}
			b = element.AppendJSON(b)
		}
		return append(b, ']')
	case KindObject:
		b = append(b, '{')
		for i, m := range v.more.members() {
			if i > 0 {
				b = append(b, ", "...)
			}
			b = AppendText(b, m.Key)
			b = append(b, ": "...)
			b = m.Value.AppendJSON(b)
		}
		return append(b, '}')
	}
	return append(b, "null"...)
}

// appendFloat appends f as Python's repr writes it.
func appendFloat(b []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		return append(b, "NaN"...)
	case math.IsInf(f, 1):
		return append(b, "Infinity"...)
	case math.IsInf(f, -1):
		return append(b, "-Infinity"...)
	case f == 0:
		if math.Signbit(f) {
			b = append(b, '-')
		}
		return append(b, "0.0"...)
	}
	// The shortest digits decide between the two forms, by their exponent. Go's
	// exponents have a sign and at least two digits, like Python's.
	start := len(b)
	b = strconv.AppendFloat(b, f, 'e', -1, 64)
	e := len(b) - 1
	for b[e] != 'e' {
		e--
	}
	exponent, _ := strconv.Atoi(string(b[e+1:]))
	if exponent < -4 || exponent >= 16 {
		return b
	}
	b = strconv.AppendFloat(b[:start], f, 'f', -1, 64)
	if slices.Contains(b[start:], '.') {
		return b
	}
	return append(b, ".0"...)
}

// AppendObject appends an object of fields, with their exact texts.
func AppendObject(b []byte, fields []Field) []byte {
	b = append(b, '{')
	for i, f := range fields {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = AppendText(b, f.Name)
		b = append(b, ": "...)
		b = append(b, f.Value...)
	}
	return append(b, '}')
}

// AppendText appends text as a JSON string, as [Value.AppendJSON] does.
func AppendText(b []byte, text string) []byte { return jsonscan.AppendText(b, text) }
