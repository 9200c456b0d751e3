// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
)

// overtake changes a flag as another process would.
func overtake(t *testing.T, s store.Store, name string, n int) {
	t.Helper()
	f, err := s.Get(t.Context(), name)
	if err != nil {
		t.Error(err)
		return
	}
	next := f.Clone()
	next.ClientData = targeting.JSON(fmt.Sprintf(`{"n": %d}`, n))
	if _, err := s.Put(t.Context(), next); err != nil {
		t.Error(err)
	}
}

// TestUpdateTriesAgain loses many races and wins in the end, with the flag as the
// last of the others left it. Its pauses are in proportion to its attempts.
func TestUpdateTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const races = 50
		const attempt = time.Millisecond
		s := memory.New()
		if _, err := s.Put(t.Context(), &store.Flag{Name: "A"}); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		calls := 0
		stored, err := store.Update(t.Context(), s, "A", func(f *store.Flag) error {
			time.Sleep(attempt)
			if calls++; calls <= races {
				overtake(t, s, "A", calls)
			}
			f.Enabled = true
			return nil
		})
		if err != nil || calls != races+1 {
			t.Fatalf("%d calls, %v", calls, err)
		}
		if !stored.Enabled || stored.ClientData != `{"n": 50}` {
			t.Errorf("stored: %t, %s", stored.Enabled, stored.ClientData)
		}
		if got, err := s.Get(t.Context(), "A"); got != stored {
			t.Errorf("the store has %v, %v", got, err)
		}
		// Pauses are up to 32 attempts long, half that on average, once several
		// were lost.
		if took := time.Since(start); took <= 2*races*attempt || took > 33*(races+1)*attempt {
			t.Errorf("it took %v", took)
		}
	})
}

// TestUpdateEndsWithContext loses every race until the context ends.
func TestUpdateEndsWithContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memory.New()
		if _, err := s.Put(t.Context(), &store.Flag{Name: "A"}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		calls := 0
		f, err := store.Update(ctx, s, "A", func(f *store.Flag) error {
			calls++
			overtake(t, s, "A", calls)
			f.Enabled = true
			return nil
		})
		if f != nil || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, %v, want the context's error", f, err)
		}
		if took := time.Since(start); took != time.Second || calls < 10 {
			t.Errorf("%d calls in %v", calls, took)
		}
		if f, _ := s.Get(t.Context(), "A"); f.Enabled {
			t.Error("the flag was changed")
		}
	})
}

func TestUpdateErrors(t *testing.T) {
	s := memory.New()
	stored, err := s.Put(t.Context(), &store.Flag{Name: "A", Created: time.Unix(1, 0)})
	if err != nil {
		t.Fatal(err)
	}
	refusal := errors.New("refused")
	for name, test := range map[string]struct {
		flag   string
		change func(*store.Flag) error
		want   error
	}{
		"missing": {"B", func(*store.Flag) error { t.Error("change is called"); return nil }, store.ErrNotFound},
		"refused": {"A", func(f *store.Flag) error { f.Enabled = true; return refusal }, refusal},
		"invalid": {"A", func(f *store.Flag) error { f.ClientData = "{"; return nil }, store.ErrInvalid},
		"deleted": {"C", func(*store.Flag) error { return s.Delete(t.Context(), "C") }, store.ErrNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			if test.flag == "C" {
				if _, err := s.Put(t.Context(), &store.Flag{Name: "C"}); err != nil {
					t.Fatal(err)
				}
			}
			f, err := store.Update(t.Context(), s, test.flag, test.change)
			if f != nil || !errors.Is(err, test.want) {
				t.Errorf("%v, %v, want %v", f, err, test.want)
			}
			if got, err := s.Get(t.Context(), "A"); got != stored {
				t.Errorf("the store has %v, %v", got, err)
			}
		})
	}
}

// TestUpdateKeepsIdentity has a change that renames the flag, which it may not.
func TestUpdateKeepsIdentity(t *testing.T) {
	s := memory.New()
	if _, err := s.Put(t.Context(), &store.Flag{Name: "A"}); err != nil {
		t.Fatal(err)
	}
	f, err := store.Update(t.Context(), s, "A", func(f *store.Flag) error {
		f.Name, f.Revision, f.Enabled = "B", "", true
		return nil
	})
	if err != nil || f.Name != "A" || !f.Enabled {
		t.Errorf("%+v, %v", f, err)
	}
	if _, err := s.Get(t.Context(), "B"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("get of the new name: %v", err)
	}
}

// TestUpdateOfDifferentParts has two kinds of writers, who never undo each other.
func TestUpdateOfDifferentParts(t *testing.T) {
	s := memory.New()
	if _, err := s.Put(t.Context(), &store.Flag{Name: "A", Enabled: true}); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 10 {
				_, err := store.Update(t.Context(), s, "A", func(f *store.Flag) error {
					f.Conditions = append(f.Conditions, carta.NewCondition(carta.Equal("writer", i)))
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	if _, err := store.Update(t.Context(), s, "A", func(f *store.Flag) error {
		f.Enabled = false
		return nil
	}); err != nil {
		t.Error(err)
	}
	wg.Wait()
	f, err := s.Get(t.Context(), "A")
	if err != nil || f.Enabled || len(f.Conditions) != 8*10 {
		t.Errorf("enabled is %t, with %d conditions, %v; want false, with 80", f.Enabled, len(f.Conditions), err)
	}
}
