// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/flipper-go/flipper/store"
)

// many makes more flags than fit into one page of any store, in random order,
// and returns their names, sorted.
func many(t *testing.T, st store.Store) []string {
	t.Helper()
	var names []string
	for i := range 230 {
		names = append(names, fmt.Sprintf("flag/%c%d", 'a'+i%26, i))
	}
	rand.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	for _, name := range names {
		mustPut(t, st, content(name, name))
	}
	slices.Sort(names)
	return names
}

func (s *suite) testList(t *testing.T) {
	t.Run("Many", func(t *testing.T) {
		st := s.New(t)
		names := many(t, st)
		wantNames(t, st, names...)
		for f, err := range st.List(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			sameFlag(t, "listed", f, mustGet(t, st, f.Name))
			sameFlag(t, "listed", f, content(f.Name, f.Name))
		}
		for _, name := range names[:200] {
			mustDelete(t, st, name)
		}
		wantNames(t, st, names[200:]...)
	})
	t.Run("Break", func(t *testing.T) {
		st := s.New(t)
		names := many(t, st)
		for _, n := range []int{1, 3, 150} {
			var got []string
			for f, err := range st.List(t.Context()) {
				if err != nil {
					t.Fatal(err)
				}
				if got = append(got, f.Name); len(got) == n {
					break
				}
			}
			if !slices.Equal(got, names[:n]) {
				t.Errorf("the first %d: %q\nwant %q", n, got, names[:n])
			}
		}
		wantNames(t, st, names...)
	})
	t.Run("CallsInTheLoop", func(t *testing.T) {
		st := s.New(t)
		report := s.reporter(t)
		names := many(t, st)
		var got []string
		s.within(t, "list with calls in the loop", func() {
			for f, err := range st.List(t.Context()) {
				if err != nil {
					report.Errorf("list: %v", err)
					return
				}
				if strings.HasPrefix(f.Name, "new/") {
					continue // made below, so it may come
				}
				got = append(got, f.Name)
				if err := s.callAll(t, st, f.Name); err != nil {
					report.Errorf("in the loop at %q: %v", f.Name, err)
					return
				}
			}
		})
		if !slices.Equal(got, names) {
			t.Errorf("list gives\n     %q\nwant %q", got, names)
		}
		if left := listNames(t, st); len(left) != len(names) || !strings.HasPrefix(left[0], "new/") {
			t.Errorf("after the loop there is\n     %q\nwant the %d that it made", left, len(names))
		}
	})
	t.Run("TwoAtOnce", func(t *testing.T) {
		st := s.New(t)
		report := s.reporter(t)
		names := many(t, st)
		var outer, inner int
		s.within(t, "list within list", func() {
			for _, err := range st.List(t.Context()) {
				if outer++; err != nil {
					report.Errorf("list: %v", err)
					return
				}
				if outer != 120 {
					continue
				}
				for _, err := range st.List(t.Context()) {
					if inner++; err != nil {
						report.Errorf("list: %v", err)
						return
					}
				}
			}
		})
		if outer != len(names) || inner != len(names) {
			t.Errorf("the outer list gives %d, the inner %d, want %d", outer, inner, len(names))
		}
	})
}

// callAll calls every method that changes a flag, and deletes the flag of the
// name at the end.
func (s *suite) callAll(t *testing.T, st store.Store, name string) error {
	_, err := s.update(t, st, name, func(f *store.Flag) error {
		f.Enabled = !f.Enabled
		return nil
	})
	_, createErr := st.Put(t.Context(), content("new/"+name, "new"))
	return errors.Join(err, createErr, st.Delete(t.Context(), name))
}
