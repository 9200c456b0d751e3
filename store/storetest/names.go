// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/flipper-go/flipper/store"
)

// hostileNames are valid names that storage systems like to take for something
// else. Many differ only a little, so that a store that changes them mixes two up.
var hostileNames = []string{
	"A", "a", " A", "A ", "A\t", "A\n", "a.b", "a:b", "a,b", "a;b",
	"", " ", "\x00", "a\x00b", "a\x00", "\x01", "\x7f", "\r\n",
	"/", "//", "/a", "a/", "a/b", "a//b", "/a/b", "a/./b", "a/../b", ".", "..", "../a", "a/..", `\`, `a\b`,
	"*", "?", "a*", "a?", "[a]", "[^a]", "{a}", "a%", "a_", "%61", "a%2Fb", "a+b", "a&b=c", "a#b", "a?b",
	`"`, `'`, `a"b`, "`", "$a", "${a}", "<a>", "; DROP TABLE flags", "null", "true", "0", "__proto__",
	"features", "features/a", "é", "e\u0301", "É", "ß", "ss", "İ", "ı", "ｆ", "ﬁ",
	"日本語", "مرحبا", "\u202eabc", "\u200b", "a\u200b", "\u2028", "\ufeff", "\ufffd", "\U0001F6A9", "\U0010FFFF",
	strings.Repeat("n", 100), strings.Repeat("n", 512), strings.Repeat("n", 1023), strings.Repeat("n", store.MaxNameSize),
	strings.Repeat("é", store.MaxNameSize/2),
}

// refusedNames are not names.
var refusedNames = []string{
	strings.Repeat("n", store.MaxNameSize+1), strings.Repeat("n", 100_000),
	"\xff", "a\xc3", "\xed\xa0\x80", "\xc0\x80", "a\xffb",
}

// testNames holds the store to keeping a name exactly as it is given, or
// refusing it.
func (s *suite) testNames(t *testing.T) {
	st := s.New(t)
	var kept []string
	for _, name := range slices.Concat(hostileNames, refusedNames) {
		f, err := st.Put(t.Context(), content(name, name))
		if err == nil && !slices.Contains(refusedNames, name) {
			kept = append(kept, name)
			sameFlag(t, "put", f, content(name, name))
			continue
		}
		if !errors.Is(err, store.ErrInvalidName) || !errors.Is(err, store.ErrInvalid) {
			t.Errorf("put %.100q: error is %v, want ErrInvalidName", name, err)
		}
		if _, err := st.Get(t.Context(), name); !isNoSuchName(err) {
			t.Errorf("get %.100q, which was refused: error is %v, want ErrNotFound or ErrInvalidName", name, err)
		}
		if err := st.Delete(t.Context(), name); !isNoSuchName(err) {
			t.Errorf("delete %.100q, which was refused: error is %v, want ErrNotFound or ErrInvalidName", name, err)
		}
		f = content(name, name)
		f.Revision = "1"
		if _, err := st.Put(t.Context(), f); !errors.Is(err, store.ErrInvalidName) && !errors.Is(err, store.ErrConflict) {
			t.Errorf("put %.100q with a revision: error is %v, want ErrInvalidName or ErrConflict", name, err)
		}
	}
	for _, plain := range []string{"A", "a", "é"} {
		if !slices.Contains(kept, plain) {
			t.Errorf("the name %q was refused", plain)
		}
	}
	slices.Sort(kept)
	wantNames(t, st, kept...)
	for _, name := range kept {
		f, err := st.Get(t.Context(), name)
		wantError(t, "get", f, err, nil)
		sameFlag(t, "get", f, content(name, name))
	}
	if t.Failed() {
		return
	}
	// Each is a flag of its own: changing and deleting it touches no other.
	for i, name := range kept {
		if i%2 == 0 {
			s.change(t, st, name, "changed "+name)
			continue
		}
		mustDelete(t, st, name)
	}
	for i, name := range kept {
		f, err := st.Get(t.Context(), name)
		if i%2 == 1 {
			wantError(t, "get deleted", f, err, store.ErrNotFound)
			continue
		}
		wantError(t, "get changed", f, err, nil)
		if want := content(name, "changed "+name).ClientData; f != nil && f.ClientData != want {
			t.Errorf("get %q: client data is %s, want %s", name, f.ClientData, want)
		}
	}
}

// isNoSuchName reports whether the error is one of a name that is not stored.
func isNoSuchName(err error) bool {
	return errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrInvalidName)
}
