// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package jsonscan reads JSON text piece by piece, as Python's json module does.
//
// It finds where values begin and end and makes nothing of them, so that readers
// keep exact texts and read a text once.
package jsonscan

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// ErrInvalid says that a text is not JSON. Package targeting exports it.
var ErrInvalid = errors.New("invalid")

// maxIntDigits is the longest int that Python reads.
const maxIntDigits = 4300

// MaxDepth bounds the nesting of lists and objects. Python's reader stops near
// 1,000, where its own stack ends.
const MaxDepth = 500

// words are the values that are not text, numbers, lists or objects.
var words = [...]string{"null", "true", "false", "NaN", "Infinity"}

// Word reads a value that is a word and returns it.
func (s *Scanner) Word() (string, error) {
	for _, word := range words {
		if strings.HasPrefix(s.Text[s.Pos:], word) {
			s.Pos += len(word)
			return word, nil
		}
	}
	return "", s.Errorf("a value is missing")
}

// A Scanner is at a place in a text. Make one with the Text alone.
//
// Methods that read a value are called where it begins. An error matches
// [ErrInvalid] and says where the text is wrong.
type Scanner struct {
	Text string
	Pos  int
}

// Errorf returns an error about the present place.
func (s *Scanner) Errorf(format string, args ...any) error {
	return fmt.Errorf("%w JSON at byte %d: %s", ErrInvalid, s.Pos, fmt.Sprintf(format, args...))
}

// CheckUTF8 checks the encoding of the whole text.
func (s *Scanner) CheckUTF8() error {
	if utf8.ValidString(s.Text) {
		return nil
	}
	for i := 0; i < len(s.Text); {
		r, size := utf8.DecodeRuneInString(s.Text[i:])
		if r == utf8.RuneError && size == 1 {
			s.Pos = i
			break
		}
		i += size
	}
	return s.Errorf("not UTF-8")
}

// Start checks the encoding of the whole text, and goes to its first value.
func (s *Scanner) Start() error {
	if err := s.CheckUTF8(); err != nil {
		return err
	}
	s.Space()
	return nil
}

// Space skips white space.
func (s *Scanner) Space() {
	for s.Pos < len(s.Text) && s.Text[s.Pos] <= ' ' {
		switch s.Text[s.Pos] {
		case ' ', '\t', '\n', '\r':
			s.Pos++
		default:
			return
		}
	}
}

// End checks that nothing but white space is left.
func (s *Scanner) End() error {
	if s.Space(); s.Pos < len(s.Text) {
		return s.Errorf("more text after the value")
	}
	return nil
}

// Skipped skips a value, and returns its exact text. depth is how deep it is nested.
func (s *Scanner) Skipped(depth int) (string, error) {
	s.Space()
	start := s.Pos
	if err := s.Skip(depth); err != nil {
		return "", err
	}
	return s.Text[start:s.Pos], nil
}

// Skip skips a value, which must be valid. depth is how deep it is nested.
func (s *Scanner) Skip(depth int) (err error) {
	if depth > MaxDepth {
		return s.Errorf("nested more than %d deep", MaxDepth)
	}
	s.Space()
	switch c := s.Peek(0); {
	case c == '"':
		_, err = s.String()
	case c == '{':
		var more bool
		for more, err = s.Begin('}'); more; more, err = s.Next('}') {
			if _, err := s.Name(); err != nil {
				return err
			}
			if err := s.Skip(depth + 1); err != nil {
				return err
			}
		}
	case c == '[':
		var more bool
		for more, err = s.Begin(']'); more; more, err = s.Next(']') {
			if err := s.Skip(depth + 1); err != nil {
				return err
			}
		}
	case c == '-' || isDigit(c):
		_, _, err = s.Number()
	default:
		_, err = s.Word()
	}
	return err
}

// Begin reads the opening bracket of a list or an object. more is false if it is
// empty; then the closing one is read too.
func (s *Scanner) Begin(closing byte) (more bool, err error) {
	s.Pos++
	if s.Space(); s.Peek(0) == closing {
		s.Pos++
		return false, nil
	}
	return true, nil
}

// Next reads what follows an element or a member: a comma, or the closing
// bracket.
func (s *Scanner) Next(closing byte) (more bool, err error) {
	s.Space()
	switch s.Peek(0) {
	case ',':
		s.Pos++
		s.Space()
		return true, nil
	case closing:
		s.Pos++
		return false, nil
	}
	return false, s.Errorf("a comma or %q is needed", closing)
}

// Name reads the name of a member, and the colon.
func (s *Scanner) Name() (string, error) {
	if s.Peek(0) != '"' {
		return "", s.Errorf("a name in quotes is needed")
	}
	name, err := s.String()
	if err != nil {
		return "", err
	}
	if s.Space(); s.Peek(0) != ':' {
		return "", s.Errorf("a colon is needed")
	}
	s.Pos++
	s.Space()
	return name, nil
}

// Number reads a number, or -Infinity, and returns its text.
func (s *Scanner) Number() (text string, isInt bool, err error) {
	start := s.Pos
	if s.Text[s.Pos] == '-' {
		s.Pos++
		if strings.HasPrefix(s.Text[s.Pos:], "Infinity") {
			s.Pos += len("Infinity")
			return s.Text[start:s.Pos], false, nil
		}
	}
	whole := s.digits()
	if whole == 0 || whole > 1 && s.Text[s.Pos-whole] == '0' {
		s.Pos = start
		return "", false, s.Errorf("a number begins with one digit, or with one that is not 0")
	}
	isInt = true
	if s.Peek(0) == '.' && isDigit(s.Peek(1)) {
		isInt = false
		s.Pos++
		s.digits()
	}
	if c := s.Peek(0); c == 'e' || c == 'E' {
		sign := 0
		if s := s.Peek(1); s == '+' || s == '-' {
			sign = 1
		}
		if isDigit(s.Peek(1 + sign)) {
			isInt = false
			s.Pos += 1 + sign
			s.digits()
		}
	}
	if isInt && whole > maxIntDigits {
		return "", false, s.Errorf("an int of more than %d digits", maxIntDigits)
	}
	return s.Text[start:s.Pos], isInt, nil
}

// Peek returns the byte that is so many bytes ahead, or 0 at the end.
func (s *Scanner) Peek(ahead int) byte {
	if s.Pos+ahead < len(s.Text) {
		return s.Text[s.Pos+ahead]
	}
	return 0
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func (s *Scanner) digits() (n int) {
	start := s.Pos
	for s.Pos < len(s.Text) && isDigit(s.Text[s.Pos]) {
		s.Pos++
	}
	return s.Pos - start
}

// String reads text in quotes.
func (s *Scanner) String() (string, error) {
	start := s.Pos + 1 // after the opening quote
	for i := start; i < len(s.Text); i++ {
		c := s.Text[i]
		if c != '"' && c != '\\' && c >= ' ' {
			continue
		}
		s.Pos = i
		switch c {
		case '"':
			s.Pos++
			return s.Text[start:i], nil
		case '\\':
			return s.escapedString(start)
		}
		return "", s.Errorf("a control character in text must be escaped")
	}
	s.Pos = len(s.Text)
	return "", s.Errorf("text without closing quote")
}

func (s *Scanner) escapedString(start int) (string, error) {
	text := []byte(s.Text[start:s.Pos])
	for s.Pos < len(s.Text) {
		c := s.Text[s.Pos]
		switch {
		case c == '"':
			s.Pos++
			return string(text), nil
		case c < ' ':
			return "", s.Errorf("a control character in text must be escaped")
		case c != '\\':
			text = append(text, c)
			s.Pos++
			continue
		}
		s.Pos++
		c = s.Peek(0)
		if c == 'u' {
			s.Pos++
			r, err := s.escapedRune()
			if err != nil {
				return "", err
			}
			text = AppendRune(text, r)
			continue
		}
		i := strings.IndexByte(`"\/bfnrt`, c)
		if i < 0 || c == 0 {
			return "", s.Errorf("unknown escape")
		}
		text = append(text, "\"\\/\b\f\n\r\t"[i])
		s.Pos++
	}
	return "", s.Errorf("text without closing quote")
}

const (
	surrogateMin    = 0xd800
	surrogateLowMin = 0xdc00
	surrogateMax    = 0xdfff
)

// escapedRune reads what follows \u, with a second escape if the two are a pair.
func (s *Scanner) escapedRune() (rune, error) {
	r, err := s.hex4()
	if err != nil || r < surrogateMin || r >= surrogateLowMin || s.Peek(0) != '\\' || s.Peek(1) != 'u' {
		return r, err
	}
	s.Pos += 2
	low, err := s.hex4()
	if err != nil {
		return 0, err
	}
	if low < surrogateLowMin || low > surrogateMax {
		s.Pos -= 6 // not a pair: the second escape is read by itself
		return r, nil
	}
	return (r-surrogateMin)<<10 | (low - surrogateLowMin) + 0x10000, nil
}

func (s *Scanner) hex4() (rune, error) {
	if s.Pos+4 > len(s.Text) {
		return 0, s.Errorf("four hex digits are needed")
	}
	var r rune
	for i := range 4 {
		c := s.Text[s.Pos+i]
		switch {
		case isDigit(c):
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, s.Errorf("four hex digits are needed")
		}
		r = r<<4 | rune(c)
	}
	s.Pos += 4
	return r, nil
}

// AppendRune appends r as UTF-8 does, and a surrogate by the same scheme, which
// utf8.AppendRune would replace.
func AppendRune(b []byte, r rune) []byte {
	if r < surrogateMin || r > surrogateMax {
		return utf8.AppendRune(b, r)
	}
	return append(b, 0xe0|byte(r>>12), 0x80|byte(r>>6)&0xbf, 0x80|byte(r)&0xbf)
}

// DecodeRune is utf8.DecodeRuneInString, but also decodes what [AppendRune] makes
// of surrogates.
func DecodeRune(s string) (rune, int) {
	r, size := utf8.DecodeRuneInString(s)
	if r == utf8.RuneError && size == 1 && len(s) >= 3 &&
		s[0] == 0xed && 0xa0 <= s[1] && s[1] <= 0xbf && 0x80 <= s[2] && s[2] <= 0xbf {
		return 0xd000 | rune(s[1]&0x3f)<<6 | rune(s[2]&0x3f), 3
	}
	return r, size
}

// AppendText appends text as a JSON string, byte for byte as Python's json.dumps
// writes it with its defaults: ASCII only.
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
			r, size := DecodeRune(text[i:])
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

const hexDigits = "0123456789abcdef"
