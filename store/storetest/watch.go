// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/flipper-go/flipper/store"
)

// An observer is a loop over Watch that remembers all it was told.
type observer struct {
	s      *suite
	report *reporter
	done   chan struct{}

	mu     sync.Mutex
	change []store.Change
	failed []error
	grown  chan struct{} // closed and made anew with each change
}

// observe begins a loop that ends with the test.
func (s *suite) observe(t *testing.T, w store.Watcher) *observer {
	t.Helper()
	o := &observer{s: s, report: s.reporter(t), done: make(chan struct{}), grown: make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer close(o.done)
		for change, err := range w.Watch(ctx) {
			o.add(change, err)
		}
	}()
	t.Cleanup(func() {
		cancel()
		s.await(t, "watch whose context ended", o.done)
	})
	return o
}

func (o *observer) add(change store.Change, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err != nil {
		o.failed = append(o.failed, err)
		return
	}
	if change.All && change.Names != nil {
		o.report.Errorf("watch: All and the names %q", change.Names)
	}
	if !change.All && len(change.Names) == 0 {
		o.report.Errorf("watch: a change of nothing")
	}
	if !slices.IsSorted(change.Names) || len(slices.Compact(slices.Clone(change.Names))) != len(change.Names) {
		o.report.Errorf("watch: names %q are not sorted, or one comes twice", change.Names)
	}
	o.change = append(o.change, change)
	close(o.grown)
	o.grown = make(chan struct{})
}

func (o *observer) told() (changes []store.Change, grown <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.change), o.grown
}

func (o *observer) errors() []error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.failed)
}

// waitFor waits until the loop was told such a change.
func (o *observer) waitFor(t *testing.T, what string, match func(store.Change) bool) {
	t.Helper()
	for {
		changes, grown := o.told()
		if slices.ContainsFunc(changes, match) {
			return
		}
		o.s.await(t, "watch tells of "+what, grown)
	}
}

// forget drops what the loop was told.
func (o *observer) forget() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.change = nil
}

func isAll(change store.Change) bool { return change.All }

func mentions(name string) func(store.Change) bool {
	return func(change store.Change) bool { return change.All || slices.Contains(change.Names, name) }
}

func (s *suite) testWatch(t *testing.T) {
	t.Run("First", s.testWatchFirst)
	t.Run("Changes", func(t *testing.T) { s.testWatchChanges(t, nil) })
	if s.Second != nil {
		t.Run("ChangesByAnother", func(t *testing.T) { s.testWatchChanges(t, s.Second) })
	}
	t.Run("LastState", s.testWatchLastState)
	t.Run("SlowReader", s.testWatchSlowReader)
	t.Run("Several", s.testWatchSeveral)
	t.Run("End", s.testWatchEnd)
}

// testWatchFirst holds the store to telling at first that everything may have
// changed, of a store with flags and of one without.
func (s *suite) testWatchFirst(t *testing.T) {
	st := s.New(t)
	for range 2 {
		o := s.observe(t, st.(store.Watcher))
		o.waitFor(t, "something at first", func(store.Change) bool { return true })
		if changes, _ := o.told(); !changes[0].All {
			t.Errorf("the first change is %v, want All", changes[0])
		}
		mustPut(t, st, content(fmt.Sprint(len(listNames(t, st))), "A1"))
	}
}

// testWatchChanges makes one change of each kind to a flag of its own. When one is
// told, it can be read.
func (s *suite) testWatchChanges(t *testing.T, second func(*testing.T, store.Store) store.Store) {
	st := s.New(t)
	writer := st
	if second != nil {
		writer = second(t, st)
	}
	for _, name := range []string{"CHANGED", "DELETED", "UNTOUCHED"} {
		mustPut(t, st, content(name, "1"))
		s.seenByAll(t, []store.Store{st, writer}, name)
	}
	o := s.observe(t, st.(store.Watcher))
	o.waitFor(t, "everything", isAll)
	o.forget()

	mustPut(t, writer, content("CREATED", "1"))
	o.waitFor(t, "a new flag", mentions("CREATED"))
	_ = mustGet(t, st, "CREATED")

	o.forget()
	want := s.change(t, writer, "CHANGED", "2")
	o.waitFor(t, "a changed flag", mentions("CHANGED"))
	if got := mustGet(t, st, "CHANGED"); got.ClientData != want.ClientData {
		t.Errorf("after the change was told, the flag is still %s", describe(t, got))
	}

	o.forget()
	mustDelete(t, writer, "DELETED")
	o.waitFor(t, "a deleted flag", mentions("DELETED"))
	f, err := st.Get(t.Context(), "DELETED")
	wantError(t, "get after the deletion was told", f, err, store.ErrNotFound)

	o.forget()
	mustPut(t, writer, content("DELETED", "3"))
	o.waitFor(t, "a flag that was created again", mentions("DELETED"))
}

// testWatchLastState has a reader re-read what it is told of during a storm of
// changes. It has to end at the last state of each flag.
func (s *suite) testWatchLastState(t *testing.T) {
	handles := s.handles(t)
	st := handles[0]
	report := s.reporter(t)
	var names []string
	for i := range 10 {
		names = append(names, fmt.Sprintf("STORM%d", i))
	}
	var mu sync.Mutex
	seen := map[string]string{}
	reread := func(name string) {
		state := "none"
		f, err := st.Get(t.Context(), name)
		if err == nil {
			state = string(f.ClientData)
		} else if !errors.Is(err, store.ErrNotFound) {
			report.Errorf("get %q: %v", name, err)
		}
		mu.Lock()
		defer mu.Unlock()
		seen[name] = state
	}
	watching := make(chan struct{})
	done := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	defer func() {
		cancel()
		s.await(t, "watch whose context ended", done)
	}()
	go func() {
		defer close(done)
		first := true
		for change, err := range st.(store.Watcher).Watch(ctx) {
			if err != nil {
				report.Errorf("watch: %v", err)
				continue
			}
			told := change.Names
			if change.All {
				told = names
			}
			for _, name := range told {
				reread(name)
			}
			if first {
				close(watching)
				first = false
			}
		}
	}()
	s.await(t, "watch begins", watching)

	final := map[string]string{}
	changeAny := func(round int, name string, writer store.Store) {
		switch final[name] {
		case "", "none":
			f := content(name, fmt.Sprint(round))
			mustPut(t, writer, f)
			final[name] = string(f.ClientData)
		default:
			if round%3 == 0 {
				mustDelete(t, writer, name)
				final[name] = "none"
				return
			}
			final[name] = string(s.change(t, writer, name, fmt.Sprint(round)).ClientData)
		}
	}
	caughtUp := func(what string) {
		t.Helper()
		s.eventually(t, what, func() error {
			mu.Lock()
			defer mu.Unlock()
			for name, state := range final {
				if seen[name] != state {
					return fmt.Errorf("%q was last seen as %s, but is %s", name, seen[name], state)
				}
			}
			return nil
		})
	}
	for round := range 400 {
		// Each flag keeps to one handle, which has to read what it wrote.
		i := rand.IntN(len(names))
		changeAny(round, names[i], handles[i%len(handles)])
	}
	caughtUp("the reader has the last state of each flag after a storm")
	for i, name := range names {
		changeAny(400+i, name, handles[i%len(handles)])
		caughtUp("the reader has the last state after one more change")
	}
}

// testWatchSlowReader has one reader that is stuck. Neither writers nor other
// readers wait for it, and it learns of the last change when it goes on.
func (s *suite) testWatchSlowReader(t *testing.T) {
	st := s.New(t)
	report := s.reporter(t)
	stuck, release, learned := make(chan struct{}), make(chan struct{}), make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		first := true
		for change, err := range st.(store.Watcher).Watch(ctx) {
			if err != nil {
				report.Errorf("watch: %v", err)
			}
			if first {
				close(stuck)
				<-release
				first = false
				continue
			}
			if mentions("LAST")(change) {
				close(learned)
				return
			}
		}
	}()
	defer func() {
		cancel()
		s.await(t, "slow reader ends", done)
	}()
	s.await(t, "watch begins", stuck)
	released := false
	defer func() {
		if !released {
			close(release)
		}
	}()
	other := s.observe(t, st.(store.Watcher))
	s.within(t, "writes beside a slow reader", func() {
		for i := range 200 {
			if _, err := st.Put(t.Context(), content(fmt.Sprint("FLAG", i), "1")); err != nil {
				report.Errorf("put: %v", err)
				return
			}
		}
		if _, err := st.Put(t.Context(), content("LAST", "1")); err != nil {
			report.Errorf("put: %v", err)
		}
	})
	if t.Failed() {
		return
	}
	other.waitFor(t, "a change, beside a slow reader", mentions("LAST"))
	close(release)
	released = true
	s.await(t, "slow reader is told of the last change", learned)
}

func (s *suite) testWatchSeveral(t *testing.T) {
	st := s.New(t)
	var observers []*observer
	for range 5 {
		o := s.observe(t, st.(store.Watcher))
		o.waitFor(t, "everything", isAll)
		o.forget()
		observers = append(observers, o)
	}
	mustPut(t, st, content("A", "A1"))
	for _, o := range observers {
		o.waitFor(t, "a new flag, to each of several", mentions("A"))
	}
}

// testWatchEnd ends loops by their context and by break. Nothing stays behind.
func (s *suite) testWatchEnd(t *testing.T) {
	const loops = 20
	st := s.New(t)
	report := s.reporter(t)
	w := st.(store.Watcher)
	mustPut(t, st, content("A", "A1"))
	before := runtime.NumGoroutine()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var wg, watching sync.WaitGroup
	for i := range loops {
		watching.Add(1)
		wg.Go(func() {
			n := 0
			for _, err := range w.Watch(ctx) {
				if n++; n == 1 {
					watching.Done()
				}
				if err != nil {
					report.Errorf("watch: %v", err)
				}
				if i%2 == 0 {
					break
				}
			}
		})
	}
	s.within(t, "watches begin", watching.Wait)
	cancel()
	s.within(t, "watches whose context ended", wg.Wait)
	s.eventually(t, "goroutines end with the watches", func() error {
		if n := runtime.NumGoroutine(); n >= before+loops/2 {
			return fmt.Errorf("%d goroutines, %d before", n, before)
		}
		return nil
	})
	mustPut(t, st, content("B", "B1")) // with nobody watching
}
