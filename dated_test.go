// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipper_test

import (
	"testing"
	"time"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/store/memory"
)

// A datedStore says that its flags are old.
type datedStore struct {
	*memory.Store
	age   time.Duration
	stale bool
}

func (s *datedStore) Age(string) (time.Duration, bool) { return s.age, s.stale }

func TestEvaluateAge(t *testing.T) {
	s := &datedStore{Store: memory.New()}
	features := flipper.New(s)
	if _, err := features.Create(t.Context(), "X", flipper.WithEnabled(true)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		age   time.Duration
		stale bool
		want  flipper.Reason
	}{
		{"X", 0, false, flipper.ReasonStatic},
		{"X", time.Second, false, flipper.ReasonCached},
		{"X", time.Minute, true, flipper.ReasonStale},
		{"X", 0, true, flipper.ReasonStale},
		{"missing", time.Minute, true, flipper.ReasonError},
	} {
		s.age, s.stale = c.age, c.stale
		got := features.Evaluate(t.Context(), c.name)
		if got.Reason != c.want || got.Age != c.age || got.Enabled != (c.want != flipper.ReasonError) {
			t.Errorf("%s, %v old, stale %t: %+v, want %s", c.name, c.age, c.stale, got, c.want)
		}
	}
}
