// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package thriftrpc_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/thriftrpc"
	"github.com/flipper-go/flipper/targeting"
)

func mustGet(t *testing.T, s store.Store, name string) *store.Flag {
	t.Helper()
	f, err := s.Get(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// A flag is made once of each answer, and each answer counts: also one that says
// nothing new but the revision.
func TestGetMakesFlagOnce(t *testing.T) {
	for _, test := range []struct {
		name string
		opts []thriftrpc.Option
	}{
		{"Binary", nil},
		{"BinaryFramed", []thriftrpc.Option{thriftrpc.WithFramed()}},
		{"Compact", []thriftrpc.Option{thriftrpc.WithCompact()}},
		{"CompactFramed", []thriftrpc.Option{thriftrpc.WithCompact(), thriftrpc.WithFramed()}},
	} {
		t.Run(test.name, func(t *testing.T) {
			flags := memoryStore(t)
			s := dial(t, serve(t, flags).address, test.opts...)
			stored := mustPut(t, flags, flag("X"))
			first := mustGet(t, s, "X")
			if mustGet(t, s, "X") != first {
				t.Error("the same answer became another flag")
			}
			again := mustPut(t, flags, stored) // the same content
			if again.Revision == stored.Revision {
				t.Fatal("the revision did not change")
			}
			if f := mustGet(t, s, "X"); f.Revision != again.Revision {
				t.Errorf("revision %q, want %q", f.Revision, again.Revision)
			}
			if first.Revision != stored.Revision {
				t.Error("a flag that was given was modified")
			}
			changed := again.Clone()
			changed.Enabled = false
			same(t, mustGet(t, s, "X"), again)
			mustPut(t, flags, changed)
			same(t, mustGet(t, s, "X"), changed)
			if err := flags.Delete(t.Context(), "X"); err != nil {
				t.Fatal(err)
			}
			if f, err := s.Get(t.Context(), "X"); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("deleted: %v, %v", f, err)
			}
		})
	}
}

// Neither many flags nor large ones are a problem.
func TestGetManyAndLarge(t *testing.T) {
	flags := memoryStore(t)
	s := dial(t, serve(t, flags).address, thriftrpc.WithMaxConnections(1))
	large := &store.Flag{Name: "large", ClientData: targeting.JSON(`"` + strings.Repeat("x", 100_000) + `"`)}
	mustPut(t, flags, large)
	for range 2 {
		same(t, mustGet(t, s, "large"), large)
	}
	for i := range 1100 {
		mustPut(t, flags, flag(fmt.Sprint(i)))
	}
	for range 2 {
		for i := range 1100 {
			same(t, mustGet(t, s, fmt.Sprint(i)), flag(fmt.Sprint(i)))
		}
	}
}
