// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"errors"
	"strings"
	"testing"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
)

// sized returns a flag whose stored form has a number of bytes.
func sized(t *testing.T, name string, size int) *store.Flag {
	t.Helper()
	f := content(name, "big")
	f.ClientData = `{"filling": ""}`
	empty, err := store.Encode(f)
	if err != nil {
		t.Fatal(err)
	}
	f.ClientData = targeting.JSON(`{"filling": "` + strings.Repeat("x", size-len(empty)) + `"}`)
	return f
}

func (s *suite) testSize(t *testing.T) {
	for _, test := range []struct {
		name    string
		size    int
		refused bool // has to be; beyond the first, others may be
	}{
		{"64KiB", 64 << 10, false},
		{"NearMax", store.MaxFlagSize - 1, false},
		{"Max", store.MaxFlagSize, false},
		{"BeyondMax", store.MaxFlagSize + 1, true},
		{"FarBeyondMax", 2 << 20, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			st := s.New(t)
			f, err := st.Put(t.Context(), sized(t, "NEW", test.size))
			wantNamesOf := []string{"NEW", "OLD"}
			switch {
			case err == nil && !test.refused:
				wantClientData(t, f, sized(t, "NEW", test.size))
				wantClientData(t, mustGet(t, st, "NEW"), f)
			case errors.Is(err, store.ErrInvalid) && test.size > 64<<10:
				wantNamesOf = []string{"OLD"}
				_, err := st.Get(t.Context(), "NEW")
				wantError(t, "get of a flag that was refused", nil, err, store.ErrNotFound)
			default:
				t.Errorf("put of %d bytes: error is %v", test.size, err)
			}
			old := mustPut(t, st, content("OLD", "O1"))
			big := sized(t, "OLD", test.size)
			big.Revision = old.Revision
			f, err = st.Put(t.Context(), big)
			switch {
			case err == nil && !test.refused:
				wantClientData(t, f, big)
				wantClientData(t, mustGet(t, st, "OLD"), f)
			case errors.Is(err, store.ErrInvalid) && test.size > 64<<10:
				sameFlag(t, "get after a change that was refused", mustGet(t, st, "OLD"), old)
			default:
				t.Errorf("change to %d bytes: error is %v", test.size, err)
			}
			wantNames(t, st, wantNamesOf...)
		})
	}
}

// wantClientData compares without printing it all.
func wantClientData(t *testing.T, got, want *store.Flag) {
	t.Helper()
	if got.ClientData != want.ClientData {
		t.Errorf("client data has %d bytes, not the %d that were put", len(got.ClientData), len(want.ClientData))
	}
}
