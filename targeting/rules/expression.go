// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"
	"unicode/utf8"
)

// What regular expressions may cost. To match takes time in proportion to the size of
// the expression and to the length of the text: a text of 1,000 characters and an
// expression of the greatest size take a few milliseconds.
const (
	maxExpression      = 1000 // bytes of an expression
	maxExpressionSize  = 1000 // its size
	maxExpressionsSize = 5000 // the size of all expressions of a flag
	maxMatched         = 4096 // bytes of a text that is compared
)

// expression compiles a regular expression. at is the path to it.
func (c *compiler) expression(at, text string) (*regexp.Regexp, error) {
	if len(text) == 0 || len(text) > maxExpression {
		return nil, invalid(at, "a regular expression has 1 to %d bytes, not %d", maxExpression, len(text))
	}
	if _, err := syntax.Parse(text, syntax.Perl); err != nil {
		return nil, invalid(at, "%v", err)
	}
	// To compile it may take as long as it is large.
	size := expressionSize(text)
	if size > maxExpressionSize {
		return nil, invalid(at, "a regular expression has a size of at most %d, this one has %d: let counted repetitions, such as {0,100}, count less, or write * or +", maxExpressionSize, size)
	}
	if c.expressionsSize += size; c.expressionsSize > maxExpressionsSize {
		return nil, invalid(at, "the regular expressions of a flag have a size of at most %d together: use contains, starts_with or ends_with where they do, or segments, which are flags of their own", maxExpressionsSize)
	}
	return regexp.Compile(text)
}

// expressionSize returns the size of a regular expression that can be parsed. Each
// character, escape, class, anchor, group and operator counts 1, and what a counted
// repetition repeats counts as often as its greater count says. It is computed from the
// text, so that it is the same whatever a library makes of it.
func expressionSize(text string) int {
	s := expressionScanner{text}
	return s.alternatives()
}

// An expressionScanner has what is left of a regular expression.
type expressionScanner struct{ rest string }

// alternatives returns the size up to the end of the group, which it takes, or of the
// expression.
func (s *expressionScanner) alternatives() (size int) {
	last := 0 // the size of what a repetition would repeat
	for s.rest != "" {
		if s.take(")") {
			return size
		}
		if count, ok := s.repetition(); ok {
			size += last * (max(count, 1) - 1)
			continue
		}
		if s.flags() {
			size++
			continue
		}
		if s.take(`\Q`) {
			var literal string
			literal, s.rest, _ = strings.Cut(s.rest, `\E`)
			if n := utf8.RuneCountInString(literal); n > 0 {
				size, last = size+n, 1
			}
			continue
		}
		last = s.item()
		size += last
	}
	return size
}

// item returns the size of a character, a class, a group, or whatever else comes next.
func (s *expressionScanner) item() int {
	switch {
	case s.take("["):
		s.class()
	case s.take(`\`):
		s.escape()
	case s.take("(?P<") || s.take("(?<"):
		_, s.rest, _ = strings.Cut(s.rest, ">")
		return 1 + s.alternatives()
	case s.take("(?"):
		_, s.rest, _ = strings.Cut(s.rest, ":")
		return 1 + s.alternatives()
	case s.take("("):
		return 1 + s.alternatives()
	default:
		s.character()
	}
	return 1
}

// flags takes flags for what follows them, such as (?i).
func (s *expressionScanner) flags() bool {
	rest, ok := strings.CutPrefix(s.rest, "(?")
	if !ok {
		return false
	}
	rest = strings.TrimLeft(rest, "imsU-")
	if !strings.HasPrefix(rest, ")") {
		return false
	}
	s.rest = rest[1:]
	return true
}

// character takes a character as it is.
func (s *expressionScanner) character() {
	_, n := utf8.DecodeRuneInString(s.rest)
	s.rest = s.rest[n:]
}

func (s *expressionScanner) take(prefix string) bool {
	rest, ok := strings.CutPrefix(s.rest, prefix)
	s.rest = rest
	return ok
}

// class takes the rest of a class.
func (s *expressionScanner) class() {
	s.take("^")
	for first := true; s.rest != "" && (first || !s.take("]")); first = false { // the first ] is a character
		if name, ok := strings.CutPrefix(s.rest, "[:"); ok {
			if _, rest, ok := strings.Cut(name, ":]"); ok {
				s.rest = rest
				continue
			}
		}
		s.classCharacter()
		if strings.HasPrefix(s.rest, "-") && !strings.HasPrefix(s.rest, "-]") {
			s.take("-")
			s.classCharacter()
		}
	}
}

func (s *expressionScanner) classCharacter() {
	if s.take(`\`) {
		s.escape()
	} else {
		s.character()
	}
}

// escape takes the rest of an escape: what may follow its first character within braces
// or as digits.
func (s *expressionScanner) escape() {
	if s.rest == "" {
		return
	}
	first := s.rest[0]
	s.character()
	switch {
	case first == 'p' || first == 'P' || first == 'x':
		if s.take("{") {
			_, s.rest, _ = strings.Cut(s.rest, "}")
			return
		}
		s.character()
		if first == 'x' {
			s.character()
		}
	case '0' <= first && first <= '7': // octal, of up to three digits
		for range 2 {
			if s.rest != "" && '0' <= s.rest[0] && s.rest[0] <= '7' {
				s.character()
			}
		}
	}
}

// repetition takes a counted repetition, and returns its greater count. Braces that are
// none are characters.
func (s *expressionScanner) repetition() (count int, ok bool) {
	rest, ok := strings.CutPrefix(s.rest, "{")
	if !ok {
		return 0, false
	}
	counts, rest, ok := strings.Cut(rest, "}")
	if !ok {
		return 0, false
	}
	from, to, both := strings.Cut(counts, ",")
	count, ok = repetitionCount(from)
	if ok && both && to != "" {
		count, ok = repetitionCount(to)
	}
	if !ok {
		return 0, false
	}
	s.rest = rest
	return count, true
}

func repetitionCount(digits string) (count int, ok bool) {
	if !isNumeric(digits) || len(digits) > 1 && digits[0] == '0' {
		return 0, false
	}
	count, err := strconv.Atoi(digits)
	return count, err == nil
}
