// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"fmt"
	"testing"

	"github.com/flipper-go/flipper/store"
)

// testPeek holds a [store.Peeker] to what Get says.
func (s *suite) testPeek(t *testing.T) {
	t.Run("AgreesWithGet", func(t *testing.T) {
		st := s.New(t)
		check := func(when, name string, want *store.Flag) {
			t.Helper()
			f, known := st.(store.Peeker).Peek(name)
			switch {
			case !known && f != nil:
				t.Errorf("%s: peek gives a flag that it does not know", when)
			case known && want == nil && f != nil:
				t.Errorf("%s: peek gives %s, but there is no flag", when, describe(t, f))
			case known && want != nil:
				sameFlag(t, when+": peek", f, want)
			}
		}
		check("at the start", "A", nil)
		f := mustPut(t, st, content("A", "A1"))
		check("after create", "A", f)
		check("after create", "B", nil)
		_ = mustGet(t, st, "A") // a cache holds it now at the latest
		check("after get", "A", f)
		f = s.change(t, st, "A", "A2")
		check("after change", "A", f)
		mustPut(t, st, content("B", "B1"))
		check("after another flag was created", "A", f)
		mustDelete(t, st, "A")
		check("after delete", "A", nil)
		_, err := st.Get(t.Context(), "A")
		wantError(t, "get", nil, err, store.ErrNotFound)
		check("after a get that found nothing", "A", nil)
		f = mustPut(t, st, content("A", "A3"))
		check("after it was created again", "A", f)
		for f, err := range st.List(t.Context()) {
			wantError(t, "list", nil, err, nil)
			check("after list", f.Name, f)
		}
	})
	t.Run("Allocations", func(t *testing.T) {
		st := s.New(t)
		p := st.(store.Peeker)
		mustPut(t, st, content("A", "A1"))
		_ = mustGet(t, st, "A")
		for _, name := range []string{"A", "MISSING"} {
			if n := testing.AllocsPerRun(1000, func() { p.Peek(name) }); n != 0 {
				t.Errorf("peek %q allocates %v times", name, n)
			}
		}
	})
	sample := s.New(t)
	if _, ok := sample.(store.Watcher); !ok || s.Second == nil {
		return // it cannot know what others change
	}
	t.Run("ChangesByAnother", func(t *testing.T) {
		st := s.New(t)
		other := s.Second(t, st)
		mustPut(t, st, content("A", "A1"))
		mustPut(t, st, content("B", "B1"))
		s.seenByAll(t, []store.Store{st, other}, "B")
		f := s.change(t, other, "A", "A2")
		mustDelete(t, other, "B")
		s.eventually(t, "peek sees what another changed", func() error {
			if got, known := st.(store.Peeker).Peek("A"); known && (got == nil || got.ClientData != f.ClientData) {
				return fmt.Errorf("peek gives %s", describe(t, got))
			}
			if got, _ := st.(store.Peeker).Peek("B"); got != nil {
				return fmt.Errorf("peek gives the deleted flag %s", describe(t, got))
			}
			return nil
		})
	})
}
