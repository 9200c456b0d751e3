// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flippertest

import (
	"slices"
	"strings"
	"testing"
)

// maxFlags is how many flags Combinations takes: a thousand subtests, about.
const maxFlags = 10

// Both runs a test twice, with a flag on and with it off, as the subtests NAME=on and
// NAME=off. Each has a client of its own, so both may call t.Parallel. The options
// are for both clients.
//
//	flippertest.Both(t, "NEW_UI", func(t *testing.T, features *flippertest.Client) {
//		...
//	})
func Both(t *testing.T, name string, test func(t *testing.T, features *Client), opts ...Option) {
	t.Helper()
	Combinations(t, []string{name}, test, opts...)
}

// Combinations is [Both] for all combinations of several flags: the subtests are
// named like A=on,B=off, and are 2 to the power of the number of flags. More than
// 10 flags fail the test.
func Combinations(t *testing.T, names []string, test func(t *testing.T, features *Client), opts ...Option) {
	t.Helper()
	if len(names) > maxFlags {
		t.Fatalf("flippertest: %d flags have too many combinations; %d are allowed", len(names), maxFlags)
	}
	for number := range 1 << len(names) {
		set := slices.Clip(opts)
		titles := make([]string, len(names))
		for i, name := range names {
			// The first flag changes last, and each is on first.
			if number>>(len(names)-1-i)&1 == 0 {
				set, titles[i] = append(set, On(name)), name+"=on"
			} else {
				set, titles[i] = append(set, Off(name)), name+"=off"
			}
		}
		t.Run(strings.Join(titles, ","), func(t *testing.T) { test(t, New(t, set...)) })
	}
}
