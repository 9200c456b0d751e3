// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"cmp"
	"math"
	"math/big"
	"math/bits"
	"time"

	"github.com/flipper-go/flipper/targeting"
)

// formatTime returns the stored form of a time. A year has four digits, so what an
// offset has put beyond them is written with an offset.
func formatTime(t time.Time) string {
	const farthest = (23*60 + 59) * 60
	t = t.UTC()
	switch year := t.Year(); {
	case year > 9999:
		t = t.In(time.FixedZone("", -farthest))
	case year < 0:
		t = t.In(time.FixedZone("", farthest))
	}
	return t.Format("2006-01-02T15:04:05.999999999Z07:00")
}

// readTime reads a required field that is a time.
func readTime(f fields, name string) (time.Time, error) {
	text, err := f.text(name, true)
	if err != nil {
		return time.Time{}, err
	}
	t, ok := parseTime(text)
	if !ok {
		return t, invalid(f.at(name), "%q is no time: write it as in 2026-12-01T08:00:00Z", text)
	}
	return t, nil
}

// parseTime reads a time as RFC 3339 writes it: with capital T and Z, an offset, and
// at most nine digits after a point. What time.Parse takes beside that, such as a
// comma, is refused.
func parseTime(text string) (t time.Time, ok bool) {
	if len(text) < len("2006-01-02T15:04:05Z") {
		return t, false
	}
	for i, c := range []byte("dddd-dd-ddTdd:dd:dd") {
		if c == 'd' {
			if !isDigit(text[i]) {
				return t, false
			}
		} else if text[i] != c {
			return t, false
		}
	}
	year, month, day := number(text[:4]), number(text[5:7]), number(text[8:10])
	hour, minute, second := number(text[11:13]), number(text[14:16]), number(text[17:19])
	rest := text[19:]
	nanosecond := 0
	if rest[0] == '.' {
		n := 1
		for n < len(rest) && isDigit(rest[n]) {
			n++
		}
		if n == 1 || n > 10 {
			return t, false
		}
		nanosecond = number(rest[1:n])
		for range 10 - n {
			nanosecond *= 10
		}
		rest = rest[n:]
	}
	offset, ok := parseOffset(rest)
	if !ok || month < 1 || month > 12 || hour > 23 || minute > 59 || second > 59 ||
		day < 1 || day > time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day() {
		return t, false
	}
	return time.Date(year, time.Month(month), day, hour, minute, second-offset, nanosecond, time.UTC), true
}

// parseOffset reads the offset of a time, in seconds.
func parseOffset(text string) (seconds int, ok bool) {
	if text == "Z" {
		return 0, true
	}
	if len(text) != len("+00:00") || text[0] != '+' && text[0] != '-' || text[3] != ':' ||
		!isDigit(text[1]) || !isDigit(text[2]) || !isDigit(text[4]) || !isDigit(text[5]) {
		return 0, false
	}
	hours, minutes := number(text[1:3]), number(text[4:6])
	if hours > 23 || minutes > 59 {
		return 0, false
	}
	seconds = (hours*60 + minutes) * 60
	if text[0] == '-' {
		seconds = -seconds
	}
	return seconds, true
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// number returns the number of a text of few digits.
func number(digits string) (n int) {
	for _, c := range []byte(digits) {
		n = 10*n + int(c-'0')
	}
	return n
}

// compareTime compares an attribute with a time. ok is false if it is no time.
func compareTime(v targeting.Value, t time.Time) (order int, ok bool) {
	if text, isText := v.AsText(); isText {
		u, ok := parseTime(text)
		return u.Compare(t), ok
	}
	if i, isInt := v.AsInt(); isInt {
		return cmp.Or(cmp.Compare(i, t.Unix()), cmp.Compare(0, t.Nanosecond())), true
	}
	if f, isFloat := v.AsFloat(); isFloat {
		return compareSeconds(f, t), !math.IsNaN(f) && !math.IsInf(f, 0)
	}
	if i, isBig := v.AsBigInt(); isBig {
		return i.Cmp(big.NewInt(t.Unix())), true
	}
	return 0, false
}

// compareSeconds compares a number of seconds with a time, without rounding.
func compareSeconds(f float64, t time.Time) int {
	whole := math.Floor(f)
	if order := cmp.Compare(whole, float64(t.Unix())); order != 0 {
		return order // times are within the doubles that are exact
	}
	// The fraction is mantissa / 2^shift, of at most 53 bits.
	mantissa, exponent := math.Frexp(f - whole)
	shift := 53 - exponent
	high, low := bits.Mul64(uint64(mantissa*(1<<53)), 1e9)
	if shift > 98 { // less than a nanosecond
		return cmp.Or(cmp.Compare(0, t.Nanosecond()), cmp.Compare(high|low, 0))
	}
	nanoseconds := uint64(t.Nanosecond())
	var wantHigh, wantLow uint64
	if shift < 64 {
		wantHigh, wantLow = nanoseconds>>(64-shift), nanoseconds<<shift
	} else {
		wantHigh = nanoseconds << (shift - 64)
	}
	return cmp.Or(cmp.Compare(high, wantHigh), cmp.Compare(low, wantLow))
}
