// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"context"
	"errors"
	"testing"

	"github.com/flipper-go/flipper/store"
)

// testUpdate holds the store to what [store.Update] needs of it.
func (s *suite) testUpdate(t *testing.T) {
	nothing := func(*store.Flag) error { return nil }
	t.Run("Missing", func(t *testing.T) {
		st := s.New(t)
		f, err := s.update(t, st, "A", nothing)
		wantError(t, "update", f, err, store.ErrNotFound)
		wantNames(t, st)
	})
	t.Run("Refused", func(t *testing.T) {
		st := s.New(t)
		stored := mustPut(t, st, content("A", "A1"))
		refusal := errors.New("refused")
		_, err := s.update(t, st, "A", func(f *store.Flag) error {
			f.ClientData = "{}"
			return refusal
		})
		if err != refusal {
			t.Errorf("error is %v, want that of change", err)
		}
		sameFlag(t, "get", mustGet(t, st, "A"), stored)
	})
	t.Run("Invalid", func(t *testing.T) {
		st := s.New(t)
		stored := mustPut(t, st, content("A", "A1"))
		f, err := s.update(t, st, "A", func(f *store.Flag) error {
			f.ClientData = "not JSON"
			return nil
		})
		wantError(t, "update", f, err, store.ErrInvalid)
		sameFlag(t, "get", mustGet(t, st, "A"), stored)
		f, err = st.Put(t.Context(), &store.Flag{Name: "B", ClientData: "not JSON"})
		wantError(t, "create", f, err, store.ErrInvalid)
		wantNames(t, st, "A")
	})
	// The flag changes between being read and being stored, so change is called
	// again, with the flag as it has become.
	t.Run("Overtaken", func(t *testing.T) {
		st := s.New(t)
		mustPut(t, st, content("A", "A1"))
		calls := 0
		f, err := s.update(t, st, "A", func(f *store.Flag) error {
			if calls++; calls <= 3 {
				s.change(t, st, "A", "overtaking "+string(rune('0'+calls)))
			} else if f.ClientData != content("A", "overtaking 3").ClientData {
				t.Errorf("change is called with %s", f.ClientData)
			}
			f.ClientData = content("A", "last").ClientData
			return nil
		})
		wantError(t, "update", nil, err, nil)
		if calls != 4 || f == nil || f.ClientData != content("A", "last").ClientData {
			t.Errorf("%d calls, outcome %s", calls, describe(t, f))
		}
		sameFlag(t, "get", mustGet(t, st, "A"), f)
	})
	t.Run("DeletedMeanwhile", func(t *testing.T) {
		st := s.New(t)
		mustPut(t, st, content("A", "A1"))
		f, err := s.update(t, st, "A", func(*store.Flag) error {
			return st.Delete(context.WithoutCancel(t.Context()), "A")
		})
		wantError(t, "update", f, err, store.ErrNotFound)
		wantNames(t, st)
	})
	t.Run("RecreatedMeanwhile", func(t *testing.T) {
		st := s.New(t)
		mustPut(t, st, content("A", "A1"))
		calls := 0
		f, err := s.update(t, st, "A", func(f *store.Flag) error {
			if calls++; calls == 1 {
				mustDelete(t, st, "A")
				mustPut(t, st, content("A", "recreated"))
			}
			f.Enabled = !f.Enabled
			return nil
		})
		wantError(t, "update", nil, err, nil)
		if want := content("A", "recreated").ClientData; f == nil || f.ClientData != want {
			t.Errorf("outcome %s, want the client data of the flag that was made meanwhile", describe(t, f))
		}
	})
}
