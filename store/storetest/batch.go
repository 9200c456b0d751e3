// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"errors"
	"testing"

	"github.com/flipper-go/flipper/store"
)

// testBatch holds a [store.Batcher] to all or nothing. One over a store that can make
// only single writes says so.
func (s *suite) testBatch(t *testing.T) {
	put := func(f *store.Flag, revision string) store.Write {
		f = f.Clone()
		f.Revision = revision
		return store.Write{Name: f.Name, Revision: revision, Flag: f}
	}
	t.Run("All", func(t *testing.T) {
		st := s.batcher(t)
		changed, deleted := mustPut(t, st, content("CHANGED", "1")), mustPut(t, st, content("DELETED", "1"))
		after, err := st.Batch(t.Context(), []store.Write{
			put(content("CHANGED", "2"), changed.Revision),
			put(content("CREATED", "1"), ""),
			{Name: "DELETED", Revision: deleted.Revision},
		})
		wantError(t, "batch", nil, err, nil)
		sameFlag(t, "changed", after[0], content("CHANGED", "2"))
		sameFlag(t, "changed", mustGet(t, st, "CHANGED"), after[0])
		sameFlag(t, "created", mustGet(t, st, "CREATED"), after[1])
		if after[0].Revision == changed.Revision {
			t.Errorf("the revision is that of the state before")
		}
		_, err = st.Get(t.Context(), "DELETED")
		wantError(t, "get", nil, err, store.ErrNotFound)
		if after[2] != nil {
			t.Errorf("a deleted flag is returned: %v", after[2])
		}
	})
	t.Run("Nothing", func(t *testing.T) {
		bad := &store.Flag{Name: "BAD\xff"}
		for name, refused := range map[string]struct {
			write func(f *store.Flag) store.Write
			want  error
		}{
			"Exists":         {func(f *store.Flag) store.Write { return put(content("B", "2"), "") }, store.ErrExists},
			"Conflict":       {func(f *store.Flag) store.Write { return put(content("B", "2"), "no "+f.Revision) }, store.ErrConflict},
			"DeleteConflict": {func(f *store.Flag) store.Write { return store.Write{Name: "B", Revision: "no " + f.Revision} }, store.ErrConflict},
			"NotFound":       {func(*store.Flag) store.Write { return store.Write{Name: "MISSING"} }, store.ErrNotFound},
			"Invalid":        {func(*store.Flag) store.Write { return put(bad, "") }, store.ErrInvalid},
		} {
			t.Run(name, func(t *testing.T) {
				st := s.batcher(t)
				a, b := mustPut(t, st, content("A", "1")), mustPut(t, st, content("B", "1"))
				_, err := st.Batch(t.Context(), []store.Write{
					put(content("A", "2"), a.Revision), put(content("C", "1"), ""), refused.write(b),
				})
				wantError(t, "batch", nil, err, refused.want)
				sameFlag(t, "flag", mustGet(t, st, "A"), a)
				sameFlag(t, "flag", mustGet(t, st, "B"), b)
				_, err = st.Get(t.Context(), "C")
				wantError(t, "get", nil, err, store.ErrNotFound)
			})
		}
	})
}

// batcher makes a store, which is a Batcher: see batches.
func (s *suite) batcher(t *testing.T) store.Batcher {
	t.Helper()
	st, _ := s.New(t).(store.Batcher)
	return st
}

// batches reports whether a store makes several writes as one.
func batches(t *testing.T, st store.Store) bool {
	t.Helper()
	b, ok := st.(store.Batcher)
	if !ok {
		return false
	}
	_, err := b.Batch(t.Context(), []store.Write{{Name: "MISSING"}})
	return !errors.Is(err, errors.ErrUnsupported)
}
