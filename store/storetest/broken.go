// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/flipper-go/flipper/store"
)

// brokenTimeout ends calls to a store that has no time-out of its own.
const brokenTimeout = time.Second

// testBroken takes away what the store stands on. Calls may fail, but not hang
// nor lie, and all goes on when it is back.
func (s *suite) testBroken(t *testing.T) {
	st := s.New(t)
	stored := mustPut(t, st, content("A", "A1"))
	mustPut(t, st, content("DOOMED", "D1"))
	var told *observer
	if w, ok := st.(store.Watcher); ok {
		told = s.observe(t, w)
		told.waitFor(t, "everything", isAll)
	}

	heal := s.Break(t, st)
	healed := false
	defer func() {
		if !healed {
			heal()
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), brokenTimeout)
	defer cancel()
	created, deleted := false, false
	calls := map[string]func() error{
		"get": func() error {
			f, err := st.Get(ctx, "A")
			if err == nil {
				sameFlag(t, "get while broken", f, stored)
			}
			return err
		},
		"get missing": func() error {
			_, err := st.Get(ctx, "MISSING")
			if errors.Is(err, store.ErrNotFound) {
				return nil // known from memory
			}
			return err
		},
		"create": func() error {
			_, err := st.Put(ctx, content("NEW", "N1"))
			created = err == nil
			return err
		},
		"delete": func() error {
			err := st.Delete(ctx, "DOOMED")
			deleted = err == nil
			return err
		},
		"list": func() error {
			var last error
			for _, err := range st.List(ctx) {
				last = err
			}
			return last
		},
	}
	var wg sync.WaitGroup
	for what, call := range calls {
		wg.Go(func() {
			if err := call(); err != nil && !errors.Is(err, store.ErrUnavailable) && !isContextError(ctx, err) {
				t.Errorf("%s while broken: error is %v, want ErrUnavailable or that of the context", what, err)
			}
		})
	}
	s.within(t, "calls while broken", wg.Wait)
	heal()
	healed = true

	s.eventually(t, "a flag can be read again", func() error {
		_, err := st.Get(t.Context(), "A")
		return err
	})
	sameFlag(t, "get", mustGet(t, st, "A"), stored)
	s.eventually(t, "a flag can be stored again", func() error {
		_, err := st.Put(t.Context(), content("AFTER", "A1"))
		if errors.Is(err, store.ErrExists) {
			return nil // by an attempt before, which looked like a failure
		}
		return err
	})
	s.eventually(t, "what was acknowledged while it was broken is there", func() error {
		if _, err := st.Get(t.Context(), "NEW"); created && err != nil {
			return fmt.Errorf("created flag: %w", err)
		}
		if _, err := st.Get(t.Context(), "DOOMED"); deleted && !errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("deleted flag: %w", err)
		}
		return nil
	})
	if told == nil {
		return
	}
	told.waitFor(t, "a change made after it was broken", mentions("AFTER"))
	for _, err := range told.errors() {
		if !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("watch: yields the error %v, want ErrUnavailable", err)
		}
	}
}
