// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"cmp"
	"strings"
)

// A semver is a version as SemVer 2.0 orders them. Build metadata does not count.
type semver struct {
	numbers    [3]string // decimal, without leading zeros
	prerelease string    // without the hyphen
}

// parseVersion reads a version: with or without v, and with minor and patch left out,
// if prerelease and build are too.
func parseVersion(text string) (v semver, ok bool) {
	text = strings.TrimPrefix(text, "v")
	v.numbers = [3]string{"0", "0", "0"}
	for i := range v.numbers {
		if i > 0 {
			if text == "" {
				return v, true
			}
			if text[0] != '.' {
				return v, false
			}
			text = text[1:]
		}
		n := 0
		for n < len(text) && isDigit(text[n]) {
			n++
		}
		if n == 0 || n > 1 && text[0] == '0' {
			return v, false
		}
		v.numbers[i], text = text[:n], text[n:]
	}
	if strings.HasPrefix(text, "-") {
		end := strings.IndexByte(text, '+')
		if end < 0 {
			end = len(text)
		}
		v.prerelease, text = text[1:end], text[end:]
		if !validIdentifiers(v.prerelease, true) {
			return v, false
		}
	}
	if text == "" {
		return v, true
	}
	return v, text[0] == '+' && validIdentifiers(text[1:], false)
}

// validIdentifiers reports whether text is identifiers between dots. Those of a
// prerelease that are numbers have no leading zero.
func validIdentifiers(text string, prerelease bool) bool {
	for more := true; more; {
		var identifier string
		identifier, text, more = strings.Cut(text, ".")
		if identifier == "" || prerelease && len(identifier) > 1 && identifier[0] == '0' && isNumeric(identifier) {
			return false
		}
		for _, c := range []byte(identifier) {
			if !isDigit(c) && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '-' {
				return false
			}
		}
	}
	return true
}

func isNumeric(text string) bool {
	for i := range len(text) {
		if !isDigit(text[i]) {
			return false
		}
	}
	return text != ""
}

func (v *semver) compare(w *semver) int {
	for i := range v.numbers {
		if order := compareDecimals(v.numbers[i], w.numbers[i]); order != 0 {
			return order
		}
	}
	switch {
	case v.prerelease == w.prerelease:
		return 0
	case v.prerelease == "":
		return 1 // a release is after its prereleases
	case w.prerelease == "":
		return -1
	}
	return comparePrereleases(v.prerelease, w.prerelease)
}

// compareDecimals compares numbers of any size, without leading zeros.
func compareDecimals(a, b string) int {
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}

func comparePrereleases(a, b string) int {
	for {
		var x, y string
		var moreA, moreB bool
		x, a, moreA = strings.Cut(a, ".")
		y, b, moreB = strings.Cut(b, ".")
		numericX, numericY := isNumeric(x), isNumeric(y)
		order := 0
		switch {
		case numericX && numericY:
			order = compareDecimals(x, y)
		case numericX:
			order = -1 // numbers are before text
		case numericY:
			order = 1
		default:
			order = strings.Compare(x, y)
		}
		if order != 0 {
			return order
		}
		if !moreA || !moreB {
			// The one with more identifiers is later.
			switch {
			case moreA:
				return 1
			case moreB:
				return -1
			}
			return 0
		}
	}
}
