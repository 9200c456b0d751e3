// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
)

// content returns a flag that has something in every field, and that differs from
// that of any other state.
func content(name, state string) *store.Flag {
	return &store.Flag{
		Name:       name,
		Enabled:    len(state)%2 == 0,
		Created:    time.Unix(1700000000, 0).UTC(),
		ClientData: targeting.JSON(`{"state": ` + targeting.Text(state).String() + `}`),
		Conditions: []carta.Condition{
			carta.NewCondition(carta.Equal("state", state), carta.Less("age", 65)),
			carta.NewCondition(carta.In("plan", "pro", "team")),
		},
		Bucketer: carta.NewConsistentHashBucketer(carta.FixedPercentage(0.5), "user_id"),
	}
}

// sameFlag checks that got is want, and has its revision if that has one.
func sameFlag(t *testing.T, what string, got, want *store.Flag) {
	t.Helper()
	if got == nil {
		t.Errorf("%s: no flag, want %s", what, describe(t, want))
		return
	}
	if got.Name != want.Name || describe(t, got) != describe(t, want) {
		t.Errorf("%s:\n got %s\nwant %s", what, describe(t, got), describe(t, want))
	}
	if got.Revision == "" {
		t.Errorf("%s: the flag has no revision", what)
	}
	if want.Revision != "" && got.Revision != want.Revision {
		t.Errorf("%s: revision is %q, want %q", what, got.Revision, want.Revision)
	}
}

// describe returns the flag's stored form.
func describe(t *testing.T, f *store.Flag) string {
	t.Helper()
	if f == nil {
		return "no flag"
	}
	text, err := store.Encode(f)
	if err != nil {
		t.Errorf("flag %q from the store cannot be stored: %v", f.Name, err)
	}
	return string(text)
}

// kinds are the errors of which one error matches one at most.
var kinds = []error{
	store.ErrNotFound, store.ErrExists, store.ErrConflict,
	store.ErrUnreadable, store.ErrUnavailable, store.ErrClosed,
}

// wantError checks that a call failed with want, or with nothing if that is nil,
// and that there is a flag only without an error.
func wantError(t *testing.T, what string, f *store.Flag, err, want error) {
	t.Helper()
	if want == nil && err != nil || !errors.Is(err, want) {
		t.Errorf("%s: error is %v, want %v", what, err, want)
		return
	}
	if err != nil && f != nil {
		t.Errorf("%s: gives a flag with the error %v", what, err)
	}
	for _, kind := range kinds {
		if err != nil && kind != want && errors.Is(err, kind) && slices.Contains(kinds, want) {
			t.Errorf("%s: the error %v matches %q too", what, err, kind)
		}
	}
}

// wantContextError checks that a call failed because ctx ended.
func wantContextError(t *testing.T, ctx context.Context, what string, err error) {
	t.Helper()
	if !isContextError(ctx, err) {
		t.Errorf("%s: error is %v, want that of the context, %v", what, err, ctx.Err())
	}
}

func isContextError(ctx context.Context, err error) bool {
	return err != nil && (errors.Is(err, ctx.Err()) || errors.Is(err, context.Cause(ctx)))
}

func mustPut(t *testing.T, s store.Store, f *store.Flag) *store.Flag {
	t.Helper()
	stored, err := s.Put(t.Context(), f)
	if err != nil {
		t.Fatalf("put %q: %v", f.Name, err)
	}
	return stored
}

func mustGet(t *testing.T, s store.Store, name string) *store.Flag {
	t.Helper()
	f, err := s.Get(t.Context(), name)
	if err != nil {
		t.Fatalf("get %q: %v", name, err)
	}
	return f
}

func mustDelete(t *testing.T, s store.Store, name string) {
	t.Helper()
	if err := s.Delete(t.Context(), name); err != nil {
		t.Fatalf("delete %q: %v", name, err)
	}
}

// update is [store.Update] with a limit: a store that always says conflict would
// keep it for ever.
func (s *suite) update(t *testing.T, st store.Store, name string, change func(*store.Flag) error) (*store.Flag, error) {
	ctx, cancel := context.WithTimeout(t.Context(), s.Patience)
	defer cancel()
	return store.Update(ctx, st, name, change)
}

// change stores another state of a flag that is there.
func (s *suite) change(t *testing.T, st store.Store, name, state string) *store.Flag {
	t.Helper()
	f, err := s.update(t, st, name, func(f *store.Flag) error {
		f.ClientData = content(name, state).ClientData
		return nil
	})
	if err != nil {
		t.Fatalf("update %q: %v", name, err)
	}
	return f
}

// listNames returns the names in the order listed, and fails on any error but that
// a flag is unreadable.
func listNames(t *testing.T, s store.Store) []string {
	t.Helper()
	var names []string
	for f, err := range s.List(t.Context()) {
		if e, ok := errors.AsType[*store.UnreadableError](err); ok {
			names = append(names, e.Name)
			continue
		}
		if err != nil {
			t.Fatalf("list: %v", err)
		}
		names = append(names, f.Name)
	}
	return names
}

func wantNames(t *testing.T, s store.Store, want ...string) {
	t.Helper()
	if got := listNames(t, s); !slices.Equal(got, want) {
		t.Errorf("list gives\n     %q\nwant %q", got, want)
	}
}

// within waits for f to return, and fails the test if it does not do so soon.
func (s *suite) within(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	s.await(t, what, done)
}

// await waits until the channel is closed or yields something.
func (s *suite) await(t *testing.T, what string, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(s.Patience):
		t.Fatalf("%s: still not done after %v", what, s.Patience)
	}
}

// eventually waits until f returns nil.
func (s *suite) eventually(t *testing.T, what string, f func() error) {
	t.Helper()
	deadline := time.Now().Add(s.Patience)
	pause := time.Millisecond
	for {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: still not so after %v: %v", what, s.Patience, err)
		}
		time.Sleep(pause)
		pause = min(2*pause, 50*time.Millisecond)
	}
}

// A reporter is for goroutines that a wrong store may keep beyond the end of the
// test: what it is told then, it drops.
type reporter struct {
	t    *testing.T
	mu   sync.Mutex
	over bool
}

// reporter returns one for what is called before t's store is cleaned up.
func (s *suite) reporter(t *testing.T) *reporter {
	r := &reporter{t: t}
	t.Cleanup(func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.over = true
	})
	return r
}

func (r *reporter) Errorf(format string, args ...any) {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.over {
		r.t.Errorf(format, args...)
	}
}
