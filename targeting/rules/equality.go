// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"math"
	"math/big"
	"strconv"
	"unique"

	"github.com/flipper-go/flipper/targeting"
)

// compileIs prepares the operator is. Most tests have one value, which is text.
func (c *condition) compileIs(values []targeting.Value) {
	if texts := fewTexts(values); texts != nil {
		c.test, c.texts = testIsTexts, texts
		if len(texts) == 1 && c.path.within == nil && !c.not {
			c.test, c.text, c.name = testAttributeIsText, unique.Make(texts[0]), c.path.name
		}
		return
	}
	c.test = testIs
	c.set = newSet(values)
}

// fewTexts returns the texts if values are texts alone, none of which a number can
// equal, and so few that comparing one by one is faster than looking them up.
func fewTexts(values []targeting.Value) []string {
	if len(values) > 8 {
		return nil
	}
	texts := make([]string, len(values))
	for i, v := range values {
		text, ok := v.AsText()
		if !ok || isDecimal(text) {
			return nil
		}
		texts[i] = text
	}
	return texts
}

// A set is the values of the operator is. Numbers and texts that are equal are one
// entry, so that an attribute is looked up once however many values there are.
type set struct {
	texts   map[string]struct{} // those that are not ints in decimal
	ints    map[int64]origin
	floats  map[uint64]origin // by their bits: the numbers that no int64 is, and a float is
	decimal map[string]origin // by their digits: ints that neither is
	bools   [2]bool

	comparesText bool // and so numbers, and the other way round
	comparesBool bool
}

// An origin says what an entry of a set stands for.
type origin uint8

const (
	// A number that has a key: an int, or a float that is one and below 2^53.
	fromKey origin = 1 << iota
	// The text of an int in decimal.
	fromText
	// A float that has no key.
	fromFloat
)

func newSet(values []targeting.Value) *set {
	s := new(set)
	for _, v := range values {
		if b, ok := v.AsBool(); ok {
			s.comparesBool = true
			if b {
				s.bools[1] = true
			} else {
				s.bools[0] = true
			}
			continue
		}
		if text, ok := v.AsText(); ok {
			s.comparesText = true
			if !isDecimal(text) {
				if s.texts == nil {
					s.texts = make(map[string]struct{}, len(values))
				}
				s.texts[text] = struct{}{}
				continue
			}
			s.addDecimal(text, fromText, len(values))
			continue
		}
		if f, ok := v.AsFloat(); ok {
			if math.IsNaN(f) || math.IsInf(f, 0) {
				continue // equals nothing
			}
			s.comparesText = true
			s.addFloat(f, originOfFloat(f))
			continue
		}
		s.comparesText = true
		s.addDecimal(v.String(), fromKey, len(values))
	}
	return s
}

func originOfFloat(f float64) origin {
	if f == math.Trunc(f) && math.Abs(f) < maxFloatKey {
		return fromKey
	}
	return fromFloat
}

// addDecimal adds an int of any size.
func (s *set) addDecimal(digits string, from origin, size int) {
	if i, err := strconv.ParseInt(digits, 10, 64); err == nil {
		if s.ints == nil {
			s.ints = make(map[int64]origin, size)
		}
		s.ints[i] |= from
		return
	}
	i, _ := new(big.Int).SetString(digits, 10)
	if f, accuracy := i.Float64(); accuracy == big.Exact {
		s.addFloat(f, from)
		return
	}
	if s.decimal == nil {
		s.decimal = make(map[string]origin)
	}
	s.decimal[digits] |= from
}

func (s *set) addFloat(f float64, from origin) {
	if i, ok := floatInt(f); ok {
		if s.ints == nil {
			s.ints = make(map[int64]origin)
		}
		s.ints[i] |= from
		return
	}
	if s.floats == nil {
		s.floats = make(map[uint64]origin)
	}
	s.floats[math.Float64bits(f)] |= from
}

// floatInt returns the int64 that a float is.
func floatInt(f float64) (i int64, ok bool) {
	const limit = 1 << 63 // as a float64: exact
	if -limit <= f && f < limit && f == math.Trunc(f) {
		return int64(f), true
	}
	return 0, false
}

// test compares an attribute.
func (s *set) test(v targeting.Value) outcome {
	switch v.Kind() {
	case targeting.KindText:
		if !s.comparesText {
			return incomparable
		}
		text, _ := v.AsText()
		return outcomeOf(s.hasText(text))
	case targeting.KindInt:
		if !s.comparesText {
			return incomparable
		}
		if i, ok := v.AsInt(); ok {
			return outcomeOf(s.ints[i] != 0)
		}
		i, _ := v.AsBigInt()
		return outcomeOf(s.bigOrigin(i)&(fromKey|fromText|fromFloat) != 0)
	case targeting.KindFloat:
		f, _ := v.AsFloat()
		if !s.comparesText || math.IsNaN(f) || math.IsInf(f, 0) {
			return incomparable
		}
		matches := fromKey | fromFloat
		if originOfFloat(f) == fromKey {
			matches |= fromText
		}
		if i, ok := floatInt(f); ok {
			return outcomeOf(s.ints[i]&matches != 0)
		}
		return outcomeOf(s.floats[math.Float64bits(f)]&matches != 0)
	case targeting.KindBool:
		if !s.comparesBool {
			return incomparable
		}
		b, _ := v.AsBool()
		if b {
			return outcomeOf(s.bools[1])
		}
		return outcomeOf(s.bools[0])
	}
	return incomparable
}

func (s *set) hasText(text string) bool {
	if !isDecimal(text) {
		_, ok := s.texts[text]
		return ok
	}
	if i, err := parseInt(text); err == nil {
		return s.ints[i]&(fromKey|fromText) != 0
	}
	if s.floats == nil && s.decimal == nil {
		return false
	}
	i, _ := new(big.Int).SetString(text, 10)
	return s.bigOrigin(i)&(fromKey|fromText) != 0
}

// maxDecimal is how many digits an int has at most that JSON can hold here.
const maxDecimal = 4301

// parseInt is strconv.ParseInt, which keeps its text only if it fails.
func parseInt(text string) (int64, error) {
	if len(text) > len("-9223372036854775808") {
		return 0, strconv.ErrRange
	}
	return strconv.ParseInt(text, 10, 64)
}

// bigOrigin returns the entry of an int that is beyond int64.
func (s *set) bigOrigin(i *big.Int) origin {
	if f, accuracy := i.Float64(); accuracy == big.Exact {
		return s.floats[math.Float64bits(f)]
	}
	return s.decimal[i.String()]
}

// isDecimal reports whether text is an int as the key of a number has it, and as JSON
// can hold here.
func isDecimal(text string) bool {
	digits := text
	if len(digits) > maxDecimal {
		return false
	}
	if digits != "" && digits[0] == '-' {
		digits = digits[1:]
		if digits == "0" {
			return false
		}
	}
	return isNumeric(digits) && (len(digits) == 1 || digits[0] != '0')
}
