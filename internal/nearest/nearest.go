// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package nearest finds, among known names, those that somebody may have meant who
// gave another.
package nearest

import (
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxNames is the most names that Names returns.
const maxNames = 3

// maxEdits is by how many edits two names may differ for one to be a slip of the
// other: a third of the longer one's letters. Of one or two letters no edit leaves
// enough.
func maxEdits(a, b string) int {
	return max(utf8.RuneCountInString(a), utf8.RuneCountInString(b)) / 3
}

// Names returns the names with the least distance to what was given, regardless of
// case, if that is a third of the longer name's length at most: sorted, and three
// at most.
func Names(given string, names []string) []string {
	least := math.MaxInt
	var near []string
	for _, name := range names {
		d := distance(strings.ToLower(given), strings.ToLower(name))
		if d > maxEdits(given, name) {
			continue
		}
		if d < least {
			least, near = d, nil
		}
		if d == least && !slices.Contains(near, name) {
			near = append(near, name)
		}
	}
	slices.Sort(near)
	return near[:min(len(near), maxNames)]
}

// distance counts the letters to insert, delete, replace, or swap with their
// neighbour, to make b of a.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	// Rows of the table for the prefixes of x: the one before last, the last, and
	// the one that is being made.
	var before []int
	last := make([]int, len(y)+1)
	for j := range last {
		last[j] = j
	}
	for i := range x {
		row := make([]int, len(y)+1)
		row[0] = i + 1
		for j := range y {
			cost := 1
			if x[i] == y[j] {
				cost = 0
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, last[j]+cost)
			if i > 0 && j > 0 && x[i] == y[j-1] && x[i-1] == y[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(y)]
}
