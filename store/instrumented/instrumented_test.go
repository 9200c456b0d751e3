// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package instrumented_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/flipper-go/flipper/internal/snapshot"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/bolt"
	"github.com/flipper-go/flipper/store/cached"
	"github.com/flipper-go/flipper/store/instrumented"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/store/mirror"
	"github.com/flipper-go/flipper/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A journal notes what it is told.
type journal struct {
	mu    sync.Mutex
	lines []string
}

type contextKey struct{}

func (j *journal) note(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, fmt.Sprintf(format, args...))
}

func (j *journal) Begin(ctx context.Context, call instrumented.Call) (context.Context, func(error)) {
	j.note("%s %s", call.Operation, call.Name)
	return context.WithValue(ctx, contextKey{}, j), func(err error) { j.note("%s ended: %v", call.Operation, err) }
}

func (j *journal) Watched(_ context.Context, change store.Change, err error) {
	j.note("watch: %t %q %v", change.All, change.Names, err)
}

func (j *journal) want(t *testing.T, want ...string) {
	t.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	if !slices.Equal(j.lines, want) {
		t.Errorf("noted %q\nwant %q", j.lines, want)
	}
	j.lines = nil
}

// bare hides what a store can do besides the four methods.
type bare struct{ store.Store }

func TestStore(t *testing.T) {
	closing := func(t *testing.T, s interface{ Close() error }) {
		t.Helper()
		t.Cleanup(func() { _ = s.Close() })
	}
	for name, newStore := range map[string]func(t *testing.T) store.Store{
		"Memory": func(*testing.T) store.Store { return instrumented.New(memory.New(), new(journal)) },
		"Bare":   func(*testing.T) store.Store { return instrumented.New(bare{memory.New()}, new(journal), new(journal)) },
		"Bolt": func(t *testing.T) store.Store {
			s, err := bolt.Open(filepath.Join(t.TempDir(), "flags.db"))
			if err != nil {
				t.Fatal(err)
			}
			closing(t, s)
			return instrumented.New(s, new(journal))
		},
		"AroundCached": func(t *testing.T) store.Store {
			s := cached.New(memory.New())
			closing(t, s)
			return instrumented.New(s, new(journal))
		},
		"AroundMirror": func(t *testing.T) store.Store {
			s := mirror.New(memory.New())
			closing(t, s)
			return instrumented.New(s, new(journal))
		},
		"BelowMirror": func(t *testing.T) store.Store {
			s := mirror.New(instrumented.NewWatcher(memory.New(), new(journal)))
			closing(t, s)
			return s
		},
		"BelowCached": func(t *testing.T) store.Store {
			s := cached.New(instrumented.New(memory.New(), new(journal)))
			closing(t, s)
			return s
		},
	} {
		t.Run(name, func(t *testing.T) { storetest.Run(t, storetest.Harness{New: newStore}) })
	}
}

// The parts of which stores of all kinds are made.
type (
	watches struct{ store.Watcher }
	peeks   struct{ store.Peeker }
	dates   struct{ store.Dated }
)

// TestCanDo makes stores that can do more or less, and checks that what stands
// around them can do the same.
func TestCanDo(t *testing.T) {
	m := memory.New()
	d := mirror.New(m)
	defer d.Close()
	if err := d.WaitReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	type peek interface {
		Peek(name string) (*store.Flag, bool)
	}
	type age interface {
		Age(name string) (time.Duration, bool)
	}
	for i, s := range []store.Store{
		bare{m},
		watches{m},
		peeks{m},
		dates{d},
		struct {
			store.Watcher
			peek
		}{m, m},
		struct {
			store.Watcher
			age
		}{m, d},
		struct {
			store.Peeker
			age
		}{m, d},
		m, // Watcher, Peeker and snapshots
		d, // everything
	} {
		_, watcher := s.(store.Watcher)
		_, peeker := s.(store.Peeker)
		_, dated := s.(store.Dated)
		around := instrumented.New(s, new(journal))
		if _, ok := around.(store.Watcher); ok != watcher {
			t.Errorf("%d: Watcher: %t, want %t", i, ok, watcher)
		}
		if _, ok := around.(store.Peeker); ok != peeker {
			t.Errorf("%d: Peeker: %t, want %t", i, ok, peeker)
		}
		if _, ok := around.(store.Dated); ok != dated {
			t.Errorf("%d: Dated: %t, want %t", i, ok, dated)
		}
		if snapshot.Of(around) != snapshot.Of(s) {
			t.Errorf("%d: the client reads another Map than that of the store", i)
		}
		if _, ok := around.(interface{ Close() error }); ok {
			t.Errorf("%d: Close closes a store that somebody else made", i)
		}
		if source, ok := around.(snapshot.Source); ok && snapshot.Of(struct{ snapshot.Source }{source}) != nil {
			t.Errorf("%d: a store around this one would be passed by", i)
		}
	}
}

func TestObserver(t *testing.T) {
	var j journal
	s := instrumented.New(memory.New(), &j)
	ctx := t.Context()
	f, err := s.Put(ctx, &store.Flag{Name: "a"})
	if err != nil {
		t.Fatal(err)
	}
	j.want(t, "put a", "put ended: <nil>")
	if _, err := s.Put(ctx, &store.Flag{Name: "a"}); !errors.Is(err, store.ErrExists) {
		t.Errorf("Put: %v", err)
	}
	j.want(t, "put a", "put ended: put \"a\": flag already exists")
	if _, err := s.Get(ctx, "b"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Get: %v", err)
	}
	j.want(t, "get b", "get ended: flag not found")
	if got, known := s.(store.Peeker).Peek("a"); got != f || !known {
		t.Errorf("Peek gives %v, %t", got, known)
	}
	j.want(t)
	for range s.List(ctx) {
		j.want(t, "list ")
		break
	}
	j.want(t, "list ended: <nil>")
	ended, cancel := context.WithCancel(ctx)
	cancel()
	for _, err := range s.List(ended) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("List: %v", err)
		}
	}
	j.want(t, "list ", "list ended: context canceled")
	if err := s.Delete(ctx, "a"); err != nil {
		t.Error(err)
	}
	j.want(t, "delete a", "delete ended: <nil>")
}

// unreadable has a list with a flag that cannot be read.
type unreadable struct{ *memory.Store }

func (unreadable) List(context.Context) iter.Seq2[*store.Flag, error] {
	return func(yield func(*store.Flag, error) bool) {
		_ = yield(nil, &store.UnreadableError{Name: "broken"}) && yield(&store.Flag{Name: "whole"}, nil)
	}
}

func TestUnreadableFlagDoesNotFailList(t *testing.T) {
	var j journal
	n := 0
	for range instrumented.New(bare{unreadable{memory.New()}}, &j).List(t.Context()) {
		n++
	}
	if n != 2 {
		t.Errorf("%d flags, want 2", n)
	}
	j.want(t, "list ", "list ended: <nil>")
}

// checked wants the context of an observer.
type checked struct {
	*memory.Store
	t    *testing.T
	want *journal
}

func (c checked) Get(ctx context.Context, name string) (*store.Flag, error) {
	if got := ctx.Value(contextKey{}); got != c.want {
		c.t.Errorf("the call has the context of %v", got)
	}
	return c.Store.Get(ctx, name)
}

// order notes the beginnings and ends of several observers.
type order struct {
	*journal
	name string
}

func (o order) Begin(ctx context.Context, _ instrumented.Call) (context.Context, func(error)) {
	o.note("%s begins", o.name)
	return context.WithValue(ctx, contextKey{}, o.journal), func(error) { o.note("%s ends", o.name) }
}

func TestSeveralObservers(t *testing.T) {
	var j journal
	s := instrumented.New(checked{memory.New(), t, &j}, order{&j, "first"}, order{&j, "second"})
	_, _ = s.Get(t.Context(), "a")
	j.want(t, "first begins", "second begins", "second ends", "first ends")
}

func TestWithoutObservers(t *testing.T) {
	if _, err := instrumented.New(memory.New()).Get(t.Context(), "a"); err != store.ErrNotFound {
		t.Errorf("Get: %v", err)
	}
}

func TestWatch(t *testing.T) {
	var j journal
	m := memory.New()
	s := instrumented.NewWatcher(m, &j)
	for change, err := range s.Watch(t.Context()) {
		if err != nil {
			break
		}
		if change.All {
			j.want(t, "watch: true [] <nil>")
			if _, err := m.Put(t.Context(), &store.Flag{Name: "a"}); err != nil {
				t.Fatal(err)
			}
			continue
		}
		j.want(t, `watch: false ["a"] <nil>`)
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
	j.want(t, "watch: false [] store is closed")
}

func TestWaitReady(t *testing.T) {
	type waiter interface{ WaitReady(context.Context) error }
	m := mirror.New(memory.New())
	if err := instrumented.New(m).(waiter).WaitReady(t.Context()); err != nil {
		t.Error(err)
	}
	_ = m.Close()
	if err := instrumented.New(m).(waiter).WaitReady(t.Context()); !errors.Is(err, store.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	if err := instrumented.New(memory.New()).(waiter).WaitReady(t.Context()); err != nil {
		t.Errorf("a store that is always ready: %v", err)
	}
}
