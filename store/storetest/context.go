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

func (s *suite) testContext(t *testing.T) {
	t.Run("Ended", s.testEndedContext)
	t.Run("Ending", s.testEndingContext)
}

// testEndedContext calls everything with a context that has ended.
func (s *suite) testEndedContext(t *testing.T) {
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancel := context.WithDeadline(t.Context(), time.Unix(1, 0))
	defer cancel()
	caused, cancelCause := context.WithCancelCause(t.Context())
	cancelCause(errors.New("the user went home"))
	for what, ctx := range map[string]context.Context{"canceled": canceled, "deadline": late, "cause": caused} {
		t.Run(what, func(t *testing.T) {
			st := s.New(t)
			stored := mustPut(t, st, content("A", "A1"))

			f, err := st.Get(ctx, "A")
			wantContextError(t, ctx, "get", err)
			if f != nil {
				t.Errorf("get: gives a flag with an error")
			}
			_, err = st.Get(ctx, "MISSING")
			wantContextError(t, ctx, "get missing", err)
			_, err = st.Put(ctx, content("B", "B1"))
			wantContextError(t, ctx, "create", err)
			next := stored.Clone()
			next.Enabled = !next.Enabled
			_, err = st.Put(ctx, next)
			wantContextError(t, ctx, "put", err)
			wantContextError(t, ctx, "delete", st.Delete(ctx, "A"))
			wantContextError(t, ctx, "delete missing", st.Delete(ctx, "MISSING"))
			_, err = store.Update(ctx, st, "A", func(*store.Flag) error { return nil })
			wantContextError(t, ctx, "update", err)

			n := 0
			for f, err := range st.List(ctx) {
				if n++; f != nil {
					t.Errorf("list: gives a flag")
				}
				wantContextError(t, ctx, "list", err)
			}
			if n != 1 {
				t.Errorf("list: yields %d times, want one error", n)
			}
			if w, ok := st.(store.Watcher); ok {
				s.within(t, "watch", func() {
					for change, err := range w.Watch(ctx) {
						t.Errorf("watch: yields %v, %v", change, err)
					}
				})
			}

			sameFlag(t, "get afterwards", mustGet(t, st, "A"), stored)
			wantNames(t, st, "A")
		})
	}
}

// testEndingContext ends the context of calls under way.
func (s *suite) testEndingContext(t *testing.T) {
	st := s.New(t)
	many(t, st)
	mustPut(t, st, content("A", "A1"))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	calls := map[string]func() error{
		"get": func() error {
			_, err := st.Get(ctx, "A")
			return err
		},
		"update": func() error {
			_, err := store.Update(ctx, st, "A", func(f *store.Flag) error {
				f.Enabled = !f.Enabled
				return nil
			})
			return err
		},
		"create and delete": func() error {
			if _, err := st.Put(ctx, content("B", "B1")); err != nil {
				return err
			}
			return st.Delete(ctx, "B")
		},
		"list": func() error {
			var last error
			n := 0
			for _, err := range st.List(ctx) {
				if n++; last != nil {
					return fmt.Errorf("list goes on after the error %w", last)
				}
				last = err
			}
			return last
		},
	}
	var wg sync.WaitGroup
	var started sync.WaitGroup
	for what, call := range calls {
		started.Add(1)
		wg.Go(func() {
			err := call()
			started.Done()
			for err == nil {
				err = call()
			}
			wantContextError(t, ctx, what, err)
		})
	}
	started.Wait()
	cancel()
	s.within(t, "calls whose context ended", wg.Wait)

	// The store still works. B is left alone: what was sent before the context
	// ended may still arrive.
	stored := mustPut(t, st, content("AFTER", "A1"))
	sameFlag(t, "get afterwards", mustGet(t, st, "AFTER"), stored)
}
