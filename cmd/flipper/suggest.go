// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strings"
)

// maxSuggestions is how many names didYouMean gives at most.
const maxSuggestions = 3

// didYouMean gives a half-sentence with the names that are nearest to what was
// typed, or nothing if none is near.
func didYouMean(typed string, names []string) string {
	near := nearest(typed, names)
	if len(near) == 0 {
		return ""
	}
	return fmt.Sprintf(": did you mean %s?", strings.Join(near, " or "))
}

// nearest gives the names with the least distance to what was typed, if that is
// less than a third of its length, and at least one edit.
func nearest(typed string, names []string) []string {
	least := max(1, len([]rune(typed))/3)
	var near []string
	for _, name := range names {
		d := editDistance(strings.ToLower(typed), strings.ToLower(name))
		if d < least {
			least, near = d, nil
		}
		if d == least && !slices.Contains(near, name) {
			near = append(near, name)
		}
	}
	slices.Sort(near)
	return near[:min(len(near), maxSuggestions)]
}

// editDistance counts the letters to insert, delete, replace, or swap with their
// neighbour, to make b of a.
func editDistance(a, b string) int {
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
