// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flippertest

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/flipper-go/flipper"
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
func Both[N Named](t *testing.T, flag N, test func(t *testing.T, features *Client), opts ...Option) {
	t.Helper()
	Combinations(t, []N{flag}, test, opts...)
}

// Combinations is [Both] for all combinations of several flags: the subtests are
// named like A=on,B=off, and are 2 to the power of the number of flags. More than
// 10 flags fail the test.
func Combinations[N Named](t *testing.T, flags []N, test func(t *testing.T, features *Client), opts ...Option) {
	t.Helper()
	if len(flags) > maxFlags {
		t.Fatalf("flippertest: %d flags have too many combinations; %d are allowed", len(flags), maxFlags)
	}
	for number := range 1 << len(flags) {
		set := slices.Clip(opts)
		titles := make([]string, len(flags))
		for i, flag := range flags {
			name := nameOf(flag)
			// The first flag changes last, and each is on first.
			if number>>(len(flags)-1-i)&1 == 0 {
				set, titles[i] = append(set, On(flag)), name+"=on"
			} else {
				set, titles[i] = append(set, Off(flag)), name+"=off"
			}
		}
		t.Run(strings.Join(titles, ","), func(t *testing.T) { test(t, New(t, set...)) })
	}
}

// Each runs a test once for each value that a flag serves to everyone, as the subtests
// NAME=VALUE with the value as JSON. It is [Both] for flags that have values.
//
//	flippertest.Each(t, flags.Theme, []string{"light", "dark"}, func(t *testing.T, features *flippertest.Client) {
//		...
//	})
func Each[T any](t *testing.T, flag *flipper.ValueDeclaration[T], values []T, test func(t *testing.T, features *Client), opts ...Option) {
	t.Helper()
	for _, value := range values {
		text, err := json.Marshal(value)
		if err != nil {
			t.Fatalf("flippertest: a value of flag %q: %v", flag.Name(), err)
		}
		set := append(slices.Clip(opts), Serve(flag, value))
		t.Run(flag.Name()+"="+string(text), func(t *testing.T) { test(t, New(t, set...)) })
	}
}
