// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flippertest_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/flippertest"
)

// seen collects what subtests see, which may run in parallel.
type seen struct {
	mu    sync.Mutex
	texts []string
}

func (s *seen) add(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.texts = append(s.texts, text)
}

func (s *seen) want(t *testing.T, want ...string) {
	t.Helper()
	slices.Sort(s.texts)
	if !slices.Equal(s.texts, want) {
		t.Errorf("the subtests see\n%q, want\n%q", s.texts, want)
	}
}

func TestBoth(t *testing.T) {
	var seen seen
	t.Run("flag", func(t *testing.T) {
		flippertest.Both(t, "NEW_UI", func(t *testing.T, features *flippertest.Client) {
			t.Parallel()
			wantOn(t, features, "OTHER", true)
			seen.add(fmt.Sprint(t.Name(), " ", features.IsEnabled(t.Context(), "NEW_UI", flipper.String("plan", "free"))))
			features.Set("OTHER", false) // the other subtest must not see it
		}, flippertest.On("OTHER"), flippertest.Flag("NEW_UI", flipper.WithConditions(pro())))
	})
	seen.want(t, "TestBoth/flag/NEW_UI=off false", "TestBoth/flag/NEW_UI=on true")
}

func TestCombinations(t *testing.T) {
	var seen seen
	opts := make([]flippertest.Option, 0, 10) // with room, which is the caller's
	opts = append(opts, flippertest.On("OTHER"))
	t.Run("flags", func(t *testing.T) {
		flippertest.Combinations(t, []string{"A", "B"}, func(t *testing.T, features *flippertest.Client) {
			t.Parallel()
			seen.add(fmt.Sprint(t.Name(), " ", features.IsEnabled(t.Context(), "A"), " ", features.IsEnabled(t.Context(), "B")))
			wantOn(t, features, "OTHER", true)
		}, opts...)
	})
	if opts[:2][1] != nil {
		t.Error("the caller's options were written to")
	}
	seen.want(t,
		"TestCombinations/flags/A=off,B=off false false",
		"TestCombinations/flags/A=off,B=on false true",
		"TestCombinations/flags/A=on,B=off true false",
		"TestCombinations/flags/A=on,B=on true true",
	)
}
