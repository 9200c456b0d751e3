// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package scope_test

import (
	"errors"
	"os"
	"slices"
	"testing"

	"github.com/flipper-go/flipper/bench/internal/scope"
)

func TestRun(t *testing.T) {
	var done []string
	var directory string
	returned := errors.New("returned")
	err := scope.Run(t.Context(), "s", func(s *scope.Scope) error {
		s.Cleanup(func() { done = append(done, "first") })
		s.Cleanup(func() { done = append(done, "second") })
		s.Cleanup(func() {
			if s.Context().Err() == nil {
				t.Error("the context goes on")
			}
		})
		directory = s.TempDir()
		s.Errorf("and %s", "reported")
		return returned
	})
	if !errors.Is(err, returned) || err.Error() != "and reported\nreturned" {
		t.Error(err)
	}
	if !slices.Equal(done, []string{"second", "first"}) {
		t.Error(done)
	}
	if _, err := os.Stat(directory); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func TestFatal(t *testing.T) {
	cleaned := false
	err := scope.Run(t.Context(), "s", func(s *scope.Scope) error {
		s.Cleanup(func() { cleaned = true })
		s.Fatalf("no %s", "more")
		t.Error("it goes on")
		return nil
	})
	if err == nil || err.Error() != "no more" || !cleaned {
		t.Error(err, cleaned)
	}
}
