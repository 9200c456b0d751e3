// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"

	"github.com/flipper-go/flipper/internal/nearest"
	"github.com/flipper-go/flipper/internal/words"
)

// didYouMean gives a half-sentence with the names that are nearest to what was
// typed, or nothing if none is near.
func didYouMean(typed string, names []string) string {
	near := nearest.Names(typed, names)
	if len(near) == 0 {
		return ""
	}
	for i, name := range near {
		near[i] = words.Name(name)
	}
	return ": did you mean " + strings.Join(near, " or ") + "?"
}
