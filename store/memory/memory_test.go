// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package memory_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/flipper-go/flipper/internal/snapshot/snapshottest"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStore(t *testing.T) {
	storetest.Run(t, storetest.Harness{
		New: func(t *testing.T) store.Store {
			s := memory.New()
			t.Cleanup(func() { _ = s.Close() })
			return s
		},
		Second: func(_ *testing.T, s store.Store) store.Store { return s },
	})
}

func TestSnapshots(t *testing.T) { snapshottest.Run(t, new(memory.Store)) }

func TestZeroValue(t *testing.T) {
	var s memory.Store
	if _, err := s.Put(t.Context(), &store.Flag{Name: "X"}); err != nil {
		t.Fatal(err)
	}
	if f, err := s.Get(t.Context(), "X"); err != nil || f.Name != "X" {
		t.Errorf("Get: %v, %v", f, err)
	}
}

func TestReadsDoNotAllocate(t *testing.T) {
	s := memory.New()
	if _, err := s.Put(t.Context(), &store.Flag{Name: "X"}); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	for _, name := range []string{"X", "missing"} {
		if n := testing.AllocsPerRun(100, func() {
			_, _ = s.Get(ctx, name)
			_, _ = s.Peek(name)
		}); n != 0 {
			t.Errorf("reading %q allocates %v times", name, n)
		}
	}
	if _, err := s.Get(ctx, "missing"); err != store.ErrNotFound {
		t.Errorf("a missing flag gives %#v, want the bare ErrNotFound", err)
	}
}
