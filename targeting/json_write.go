// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package targeting

import (
	"math"
	"slices"
	"strconv"
	"unicode/utf8"
)

// AppendJSON appends the value's JSON text to b, byte for byte as Python's
// json.dumps writes it with its defaults: ASCII only, with spaces after commas
// and colons, floats as repr gives them. It allocates only to grow b, but for
// ints beyond int64.
func (v Value) AppendJSON(b []byte) []byte {
	switch v.kind {
	case KindBool:
		return strconv.AppendBool(b, v.bits != 0)
	case KindInt:
		if v.more != nil {
			return v.more.bigInt().Append(b, 10)
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

const hexDigits = "0123456789abcdef"

// AppendText appends text as a JSON string, as [Value.AppendJSON] does.
func AppendText(b []byte, text string) []byte {
	b = append(b, '"')
	start := 0 // what is from here to i needs no escape
	for i := 0; i < len(text); {
		c := text[i]
		if ' ' <= c && c <= '~' && c != '"' && c != '\\' {
			i++
			continue
		}
		b = append(b, text[start:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
			i++
		case '\b':
			b = append(b, `\b`...)
			i++
		case '\f':
			b = append(b, `\f`...)
			i++
		case '\n':
			b = append(b, `\n`...)
			i++
		case '\r':
			b = append(b, `\r`...)
			i++
		case '\t':
			b = append(b, `\t`...)
			i++
		default:
			r, size := decodeRune(text[i:])
			if r >= 0x10000 {
				r -= 0x10000
				b = appendEscape(b, surrogateMin+r>>10)
				r = surrogateLowMin + r&0x3ff
			}
			b = appendEscape(b, r)
			i += size
		}
		start = i
	}
	b = append(b, text[start:]...)
	return append(b, '"')
}

func appendEscape(b []byte, r rune) []byte {
	return append(b, '\\', 'u', hexDigits[r>>12&0xf], hexDigits[r>>8&0xf], hexDigits[r>>4&0xf], hexDigits[r&0xf])
}

// decodeRune is utf8.DecodeRuneInString, but also decodes what appendRune makes
// of surrogates.
func decodeRune(s string) (rune, int) {
	r, size := utf8.DecodeRuneInString(s)
	if r == utf8.RuneError && size == 1 && len(s) >= 3 &&
		s[0] == 0xed && 0xa0 <= s[1] && s[1] <= 0xbf && 0x80 <= s[2] && s[2] <= 0xbf {
		return 0xd000 | rune(s[1]&0x3f)<<6 | rune(s[2]&0x3f), 3
	}
	return r, size
}
