// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/flipper-go/flipper/internal/measure"
)

// dash stands for what was not measured.
const dash = "–"

// nanoseconds returns a time with three digits or so. Of nothing it is a dash.
func nanoseconds(v float64) string {
	switch {
	case v <= 0:
		return dash
	case v < 10:
		return fmt.Sprintf("%.1f ns", v)
	case v < 10_000:
		return fmt.Sprintf("%.0f ns", v)
	case v < 10_000_000:
		return fmt.Sprintf("%.1f µs", v/1e3)
	}
	return fmt.Sprintf("%.1f ms", v/1e6)
}

// times returns a ratio. Of nothing it is a dash.
func times(v float64) string {
	if v <= 0 || math.IsInf(v, 0) || math.IsNaN(v) {
		return dash
	}
	return number(v, "×")
}

// number returns a number with its unit.
func number(v float64, unit string) string {
	switch unit {
	case "×":
		if v >= 100 {
			return fmt.Sprintf("%.0f×", v)
		}
		return fmt.Sprintf("%.2f×", v)
	case "ns", "µs":
		return fmt.Sprintf("%.1f %s", v, unit)
	case "bytes":
		return thousands(v) + " B"
	}
	return strings.TrimSpace(fmt.Sprintf("%.0f %s", v, unit))
}

// limit returns a goal's number, as it was set.
func limit(v float64, unit string) string {
	if unit == "×" {
		return strconv.FormatFloat(v, 'f', -1, 64) + unit
	}
	if unit == "ns" || unit == "µs" {
		return strconv.FormatFloat(v, 'f', -1, 64) + " " + unit
	}
	return number(v, unit)
}

// thousands returns a whole number with commas.
func thousands(v float64) string {
	text := strconv.FormatFloat(v, 'f', 0, 64)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// allocations returns how many there are, and of how many bytes.
func allocations(r measure.Result) string {
	return fmt.Sprintf("%.0f / %s B", r.Allocations, thousands(r.Bytes))
}

// time returns the time of a row if it was measured.
func (r rowResults) time(name string) string {
	for _, result := range r {
		if result.Name == name {
			return nanoseconds(result.Nanoseconds())
		}
	}
	return dash
}
