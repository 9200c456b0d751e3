// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/flipper-go/flipper/store"
)

// unreadables are stored forms that no client can read.
var unreadables = map[string]string{
	"Text":      "not JSON",
	"Truncated": `{"feature_name": "M", "is_enabled": true, "meta": {"client_data": {}`,
	"Null":      "null",
	"List":      "[]",
	"Empty":     "{}",
	"NoMeta":    `{"feature_name": "M", "is_enabled": true}`,
	"Bucketer":  `{"feature_name": "M", "is_enabled": true, "meta": {"created_date": 1, "bucketer": {"type": "Unknown"}}}`,
	"Condition": `{"feature_name": "M", "is_enabled": true, "meta": {"created_date": 1, "conditions": null}}`,
	"NotUTF8":   "{\"feature_name\": \"\xff\", \"is_enabled\": true, \"meta\": {\"created_date\": 1}}",
	"Binary":    "\x00\x01\x02\xfe\xff",
	"Deep":      strings.Repeat("[", 100_000),
}

// testUnreadable holds the store to letting one broken flag break nothing else.
func (s *suite) testUnreadable(t *testing.T) {
	i := 0
	for name, raw := range unreadables {
		before := i%2 == 0 // whether there is a flag before, readable
		i++
		t.Run(name, func(t *testing.T) { s.checkUnreadable(t, []byte(raw), before) })
	}
	t.Run("Several", func(t *testing.T) {
		st := s.New(t)
		for _, name := range []string{"A", "C"} {
			mustPut(t, st, content(name, name))
		}
		for _, name := range []string{"0", "B", "B2", "Z"} {
			s.corrupt(t, st, name, []byte("not JSON"))
		}
		wantNames(t, st, "0", "A", "B", "B2", "C", "Z")
	})
}

// corrupt makes a flag unreadable, and waits until the store has noticed.
func (s *suite) corrupt(t *testing.T, st store.Store, name string, raw []byte) {
	t.Helper()
	s.Corrupt(t, st, name, raw)
	s.eventually(t, fmt.Sprintf("%q is unreadable", name), func() error {
		f, err := st.Get(t.Context(), name)
		if !errors.Is(err, store.ErrUnreadable) {
			return fmt.Errorf("get gives %v, %v", f, err)
		}
		return nil
	})
}

func (s *suite) checkUnreadable(t *testing.T, raw []byte, before bool) {
	st := s.New(t)
	first := mustPut(t, st, content("A", "A1"))
	old := content("M", "M1")
	old.Revision = "1"
	if before {
		old = mustPut(t, st, content("M", "M1"))
	}
	last := mustPut(t, st, content("Z", "Z1"))
	s.corrupt(t, st, "M", raw)

	wantUnreadable := func(what string, f *store.Flag, err error) {
		t.Helper()
		wantError(t, what, f, err, store.ErrUnreadable)
		if e, ok := errors.AsType[*store.UnreadableError](err); !ok || e.Name != "M" {
			t.Errorf("%s: error is %#v, want an UnreadableError of the flag's name", what, err)
		}
	}
	f, err := st.Get(t.Context(), "M")
	wantUnreadable("get", f, err)
	f, err = s.update(t, st, "M", func(*store.Flag) error { return nil })
	wantUnreadable("update", f, err)
	f, err = st.Put(t.Context(), content("M", "M2"))
	wantError(t, "create over it", f, err, store.ErrExists)
	f, err = st.Put(t.Context(), old)
	wantError(t, "put with another revision", f, err, store.ErrConflict)
	if p, ok := st.(store.Peeker); ok {
		if f, known := p.Peek("M"); f != nil || known {
			t.Errorf("peek: %v, known %t, want unknown", f, known)
		}
	}

	var listed []string
	for f, err := range st.List(t.Context()) {
		if err != nil {
			wantUnreadable("list", f, err)
			listed = append(listed, "M")
			continue
		}
		listed = append(listed, f.Name)
	}
	if want := []string{"A", "M", "Z"}; !slices.Equal(listed, want) {
		t.Errorf("list gives %q, want %q", listed, want)
	}
	sameFlag(t, "get before it", mustGet(t, st, "A"), first)
	sameFlag(t, "get after it", mustGet(t, st, "Z"), last)
	s.change(t, st, "A", "A2")

	wantError(t, "delete", nil, st.Delete(t.Context(), "M"), nil)
	f, err = st.Get(t.Context(), "M")
	wantError(t, "get deleted", f, err, store.ErrNotFound)
	wantNames(t, st, "A", "Z")
	stored := mustPut(t, st, content("M", "M3"))
	sameFlag(t, "get recreated", mustGet(t, st, "M"), stored)
	wantNames(t, st, "A", "M", "Z")
}
