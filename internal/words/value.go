// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package words

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/flipper-go/flipper/targeting"
)

// The most that is shown of one value and of one list in a phrase.
const (
	maxValue    = 100 // characters
	maxElements = 10
)

// Name returns the name of a flag or of an attribute as it can be shown: in quotes
// if it has characters that cannot be seen, or that a terminal may take for a
// command. It is not shortened.
func Name(name string) string {
	odd := func(r rune) bool { return !unicode.IsPrint(r) || r == ' ' || r == '"' }
	if name != "" && utf8.ValidString(name) && strings.IndexFunc(name, odd) < 0 {
		return name
	}
	return Quote(name)
}

// Text returns free text as it can be shown in a line: as it is, if all of it can be
// printed, else in quotes. It is not shortened.
func Text(text string) string {
	if utf8.ValidString(text) && strings.IndexFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) < 0 {
		return text
	}
	return Quote(text)
}

// Quote returns text as a JSON string in which whatever can be printed stands for
// itself. It is not shortened.
func Quote(text string) string {
	if !utf8.ValidString(text) {
		return string(targeting.AppendText(nil, text))
	}
	b := []byte{'"'}
	for _, r := range text {
		if r != '"' && r != '\\' && unicode.IsPrint(r) {
			b = utf8.AppendRune(b, r)
			continue
		}
		escaped := targeting.AppendText(nil, string(r))
		b = append(b, escaped[1:len(escaped)-1]...)
	}
	return string(append(b, '"'))
}

// bareWord is text that needs no quotes: it reads as one word, and not as a number.
var bareWord = regexp.MustCompile(`^[\pL_][\pL\pM\pN_.@/:+-]*$`)

// isBare reports whether text can stand without quotes where a value or an
// attribute is expected.
func isBare(text string) bool {
	switch strings.ToLower(text) {
	case "true", "false", "null", "nan", "infinity", "and", "in", "not":
		return false
	}
	return bareWord.MatchString(text) && strings.IndexFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
}

// A style is how values are written.
type style struct {
	short bool // long values and lists are cut
	bare  bool // text is in quotes only if it has to be
}

// value returns a value in JSON, except for what the style says.
func (s style) value(v targeting.Value) string {
	switch v.Kind() {
	case targeting.KindText:
		text, _ := v.AsText()
		if s.bare && isBare(text) {
			return s.cut(text)
		}
		if s.short && utf8.RuneCountInString(text) > maxValue {
			text = Cut(text, maxValue)
		}
		return Quote(text)
	case targeting.KindList:
		return s.cut("[" + style{short: s.short}.list(v.Elements()) + "]")
	case targeting.KindObject:
		var members []string
		for _, m := range v.Members() {
			if s.isEnough(len(members)) {
				members = append(members, "…")
				break
			}
			members = append(members, s.cut(Quote(m.Key))+": "+style{short: s.short}.value(m.Value))
		}
		return s.cut("{" + strings.Join(members, ", ") + "}")
	}
	return s.cut(v.String())
}

// Value returns a value in JSON, in which whatever can be printed stands for itself,
// with its kind: "42 (int)". Long values are cut.
func Value(v targeting.Value) string {
	return style{short: true}.value(v) + " (" + v.Kind().String() + ")"
}

// list returns the elements of a list, without brackets.
func (s style) list(elements []targeting.Value) string {
	var shown []string
	for i, element := range elements {
		if s.isEnough(i) {
			shown = append(shown, fmt.Sprintf("… %d more", len(elements)-i))
			break
		}
		shown = append(shown, s.value(element))
	}
	return strings.Join(shown, ", ")
}

func (s style) isEnough(shown int) bool { return s.short && shown == maxElements }

func (s style) cut(text string) string {
	if !s.short {
		return text
	}
	return Cut(text, maxValue)
}
