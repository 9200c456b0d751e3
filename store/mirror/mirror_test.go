// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package mirror_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flipper-go/flipper/internal/snapshot"
	"github.com/flipper-go/flipper/internal/snapshot/snapshottest"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/store/mirror"
)

// started returns a mirror of a store with a flag X that is on, followed and ready.
func started(t *testing.T, opts ...mirror.Option) (*mirror.Store, *scripted, *memory.Store) {
	t.Helper()
	inner := memory.New()
	put(t, inner, &store.Flag{Name: "X", Enabled: true})
	w := newScripted(plain{inner})
	s := over(t, w, opts...)
	w.tell(store.Change{All: true}, nil)
	return ready(t, s), w, inner
}

func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := memory.New()
		put(t, inner, &store.Flag{Name: "X", Enabled: true})
		w := newScripted(plain{inner})
		s := over(t, w)
		if _, known := s.Peek("X"); known {
			t.Error("peek knows before anything was read")
		}
		wantEnabled(t, s, "X", true) // from below
		wantMissing(t, s, "LATER")
		w.tell(store.Change{All: true}, nil)
		ready(t, s)
		if f, known := s.Peek("X"); !known || f == nil {
			t.Errorf("peek: %v, %t", f, known)
		}
		if f, known := s.Peek("LATER"); !known || f != nil {
			t.Errorf("peek: %v, %t", f, known)
		}
		lists, gets := w.lists.Load(), w.gets.Load()
		wantEnabled(t, s, "X", true)
		if age, stale := s.Age("X"); age != 0 || stale {
			t.Errorf("age is %v, stale %t", age, stale)
		}
		set(t, inner, "X", false)
		put(t, inner, &store.Flag{Name: "LATER"})
		w.tell(store.Change{Names: []string{"LATER", "X"}}, nil)
		wantEnabled(t, s, "X", false)
		wantEnabled(t, s, "LATER", false)
		if w.lists.Load() != lists || w.gets.Load() != gets+2 {
			t.Errorf("%d lists and %d gets for two changes", w.lists.Load()-lists, w.gets.Load()-gets)
		}
		if err := inner.Delete(t.Context(), "X"); err != nil {
			t.Fatal(err)
		}
		w.tell(store.Change{Names: []string{"X"}}, nil)
		wantMissing(t, s, "X")
	})
}

// TestFullRead has a change that nobody tells.
func TestFullRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, inner := started(t, mirror.WithFullReadInterval(time.Hour))
		next, stop := iter.Pull2(s.Watch(t.Context()))
		defer stop()
		_, _, _ = next()
		put(t, inner, &store.Flag{Name: "A"})
		put(t, inner, &store.Flag{Name: "GONE"})
		time.Sleep(50 * time.Minute)
		wantMissing(t, s, "A")
		time.Sleep(17 * time.Minute)
		wantEnabled(t, s, "A", false)
		// It is told, and nothing else.
		if change, err, _ := next(); change.All || len(change.Names) == 0 || change.Names[0] != "A" || err != nil {
			t.Errorf("watch yields %v, %v", change, err)
		}
		set(t, inner, "X", false)
		if err := inner.Delete(t.Context(), "GONE"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(67 * time.Minute)
		wantEnabled(t, s, "X", false)
		wantMissing(t, s, "GONE")
	})
}

// TestChangeDuringList has a change while the list is read, which has the state
// before.
func TestChangeDuringList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, w, inner := started(t)
		parked, pass, release := w.hold()
		w.tell(store.Change{All: true}, nil)
		<-parked // the list has the old state
		pass()
		set(t, inner, "X", false)
		put(t, inner, &store.Flag{Name: "NEW"})
		w.tell(store.Change{Names: []string{"NEW", "X"}}, nil)
		release()
		synctest.Wait()
		wantEnabled(t, s, "X", false)
		wantEnabled(t, s, "NEW", false)
	})
}

// TestWriteDuringList has the mirror's own user write while a list is read that
// has the state before: what was written stays.
func TestWriteDuringList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, w, _ := started(t)
		put(t, s, &store.Flag{Name: "DELETED"})
		parked, pass, release := w.hold()
		w.tell(store.Change{All: true}, nil)
		<-parked
		pass()
		set(t, s, "X", false)
		put(t, s, &store.Flag{Name: "NEW"})
		if err := s.Delete(t.Context(), "DELETED"); err != nil {
			t.Error(err)
		}
		check := func() {
			t.Helper()
			wantEnabled(t, s, "X", false)
			wantEnabled(t, s, "NEW", false)
			wantMissing(t, s, "DELETED")
		}
		check()
		release()
		synctest.Wait()
		check()
		time.Sleep(time.Hour)
		check()
	})
}

// TestLateRead has a read of one flag that is overtaken by a write and by a later
// read.
func TestLateRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, w, _ := started(t)
		parked, pass, release := w.hold()
		w.tell(store.Change{Names: []string{"X"}}, nil)
		<-parked
		pass()
		set(t, s, "X", false)
		wantEnabled(t, s, "X", false)
		release()
		synctest.Wait()
		wantEnabled(t, s, "X", false)
	})
}

// TestReadBackFails has the store below fail right after a write.
func TestReadBackFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, w, inner := started(t)
		put(t, s, &store.Flag{Name: "DELETED"})
		w.fail(errDown)
		set(t, s, "X", false)
		put(t, s, &store.Flag{Name: "NEW"})
		if err := s.Delete(t.Context(), "DELETED"); err != nil {
			t.Error(err)
		}
		wantEnabled(t, s, "X", false)
		wantEnabled(t, s, "NEW", false)
		wantMissing(t, s, "DELETED")
		// Then what is below counts.
		set(t, inner, "NEW", true)
		w.fail(nil)
		time.Sleep(time.Second)
		wantEnabled(t, s, "NEW", true)
		wantEnabled(t, s, "X", false)
	})
}

// TestConflict has the mirror behind: one who lost a race reads what won.
func TestConflict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, inner := started(t)
		set(t, inner, "X", false)
		wantEnabled(t, s, "X", true)
		set(t, s, "X", false) // tries twice
		wantEnabled(t, s, "X", false)
		put(t, inner, &store.Flag{Name: "TAKEN"})
		if _, err := s.Put(t.Context(), &store.Flag{Name: "TAKEN"}); !errors.Is(err, store.ErrExists) {
			t.Error(err)
		}
		wantEnabled(t, s, "TAKEN", false)
		if err := inner.Delete(t.Context(), "X"); err != nil {
			t.Fatal(err)
		}
		if err := s.Delete(t.Context(), "X"); !errors.Is(err, store.ErrNotFound) {
			t.Error(err)
		}
		wantMissing(t, s, "X")
	})
}

// TestOutage loses the connection for an hour.
func TestOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		var failures []error
		s, w, inner := started(t,
			mirror.WithLogger(slog.New(slog.NewTextHandler(&log, nil))),
			mirror.WithErrorHandler(func(err error) { failures = append(failures, err) }))
		next, stop := iter.Pull2(s.Watch(t.Context()))
		defer stop()
		if change, err, _ := next(); !change.All || err != nil {
			t.Errorf("watch yields %v, %v", change, err)
		}
		time.Sleep(time.Hour)
		w.fail(errDown)
		for range 60 {
			w.tell(store.Change{}, errDown)
			time.Sleep(time.Minute)
		}
		if change, err, _ := next(); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("watch yields %v, %v", change, err)
		}
		wantEnabled(t, s, "X", true)
		if age, stale := s.Age("X"); age != time.Hour || !stale {
			t.Errorf("age is %v, stale %t, after an hour", age, stale)
		}
		if n := strings.Count(log.String(), "\n"); n != 1 || len(failures) != 1 || !errors.Is(failures[0], store.ErrUnavailable) {
			t.Errorf("%v was reported, and logged %d times:\n%s", failures, n, log.String())
		}
		set(t, inner, "X", false)

		// Reads work again, the watch does not yet.
		w.fail(nil)
		time.Sleep(time.Second)
		wantEnabled(t, s, "X", false)
		if change, err, _ := next(); change.All || len(change.Names) != 1 || err != nil {
			t.Errorf("watch yields %v, %v", change, err)
		}
		if age, stale := s.Age("X"); age == 0 || age > time.Second || !stale {
			t.Errorf("age is %v, stale %t, while the watch is lost", age, stale)
		}
		set(t, inner, "X", true)
		w.tell(store.Change{All: true}, nil)
		wantEnabled(t, s, "X", true)
		if age, stale := s.Age("X"); age != 0 || stale {
			t.Errorf("age is %v, stale %t, after all", age, stale)
		}
		if change, err, _ := next(); !change.All || err != nil {
			t.Errorf("watch yields %v, %v", change, err)
		}
		if n := strings.Count(log.String(), "\n"); n != 2 {
			t.Errorf("logged %d times:\n%s", n, log.String())
		}
	})
}

// TestReadsFail has reads fail while the watch stands.
func TestReadsFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, w, inner := started(t)
		set(t, inner, "X", false)
		w.fail(errDown)
		w.tell(store.Change{Names: []string{"X"}}, nil)
		time.Sleep(time.Minute)
		wantEnabled(t, s, "X", true)
		if age, stale := s.Age("X"); age < time.Minute || !stale {
			t.Errorf("age is %v, stale %t", age, stale)
		}
		w.fail(nil)
		time.Sleep(time.Second)
		wantEnabled(t, s, "X", false)
		if age, stale := s.Age("X"); age != 0 || stale {
			t.Errorf("age is %v, stale %t, after all", age, stale)
		}
	})
}

// TestHangs has a list that hangs.
func TestHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, w, inner := started(t)
		_, pass, release := w.hold()
		defer release()
		set(t, inner, "X", false)
		w.tell(store.Change{All: true}, nil)
		pass() // only that one hangs
		time.Sleep(3 * time.Second)
		wantEnabled(t, s, "X", false)
	})
}

// TestNoWatch has a server that cannot tell of changes.
func TestNoWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var failures []error
		inner := memory.New()
		put(t, inner, &store.Flag{Name: "X", Enabled: true})
		w := newScripted(plain{inner})
		s := over(t, w, mirror.WithFullReadInterval(time.Minute),
			mirror.WithErrorHandler(func(err error) { failures = append(failures, err) }))
		w.tell(store.Change{All: true}, nil)
		w.tell(store.Change{}, fmt.Errorf("an old server: %w", errors.ErrUnsupported))
		ready(t, s)
		set(t, inner, "X", false)
		time.Sleep(30 * time.Second)
		if age, stale := s.Age("X"); age < 30*time.Second || age > time.Minute || stale {
			t.Errorf("age is %v, stale %t", age, stale)
		}
		time.Sleep(40 * time.Second)
		wantEnabled(t, s, "X", false)
		synctest.Wait()
		if len(failures) != 1 {
			t.Errorf("reported: %v", failures)
		}
	})
}

// TestUnreadable has one flag that cannot be read.
func TestUnreadable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, w, inner := started(t)
		put(t, inner, &store.Flag{Name: "Y"})
		w.fail(&store.UnreadableError{Name: "X", Err: errors.New("broken")})
		w.tell(store.Change{Names: []string{"X"}}, nil)
		w.fail(nil)
		if _, err := s.Get(t.Context(), "X"); !errors.Is(err, store.ErrUnreadable) {
			t.Errorf("get: %v", err)
		}
		if f, known := s.Peek("X"); known {
			t.Errorf("peek: %v, known", f)
		}
		if age, stale := s.Age("X"); age != 0 || stale {
			t.Errorf("age is %v, stale %t", age, stale)
		}
		w.tell(store.Change{Names: []string{"X", "Y"}}, nil)
		wantEnabled(t, s, "X", true)
		wantEnabled(t, s, "Y", false)
	})
}

func TestWaitReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newScripted(memory.New())
		s := over(t, w)
		w.fail(errDown)
		w.tell(store.Change{}, errDown)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := s.WaitReady(ctx); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("wait: %v", err)
		}
		if _, err := s.Get(t.Context(), "X"); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("get: %v", err)
		}
		w.fail(nil)
		ready(t, s)
		_ = s.Close()
		if err := s.WaitReady(t.Context()); !errors.Is(err, store.ErrClosed) {
			t.Errorf("wait: %v", err)
		}
	})
}

// TestInnerClosed closes the store below: watches of the mirror end.
func TestInnerClosed(t *testing.T) {
	inner := memory.New()
	put(t, inner, &store.Flag{Name: "X"})
	s := ready(t, over(t, inner))
	_ = inner.Close()
	var last error
	for _, err := range s.Watch(t.Context()) {
		last = err
	}
	if !errors.Is(last, store.ErrClosed) {
		t.Errorf("watch ends with %v", last)
	}
	wantEnabled(t, s, "X", false)
	if _, stale := s.Age("X"); !stale {
		t.Error("the answer is not stale")
	}
}

// TestConcurrentWriters has writers through two mirrors and below. Each reads what
// it wrote, and in the end all have the same.
func TestConcurrentWriters(t *testing.T) {
	inner := memory.New()
	first, second := ready(t, over(t, inner)), ready(t, over(t, inner))
	stores := []store.Store{first, second, inner}
	var all sync.WaitGroup
	for w := range 6 {
		all.Go(func() {
			s := stores[w%3]
			for i := range 300 {
				name := fmt.Sprint(rand.IntN(20))
				own := fmt.Sprintf("OWN%d", w)
				switch f, err := s.Get(t.Context(), name); {
				case errors.Is(err, store.ErrNotFound):
					_, err = s.Put(t.Context(), &store.Flag{Name: name})
					if err != nil && !errors.Is(err, store.ErrExists) {
						t.Error(err)
					}
				case i%7 == 0:
					_ = s.Delete(t.Context(), name)
				default:
					f = f.Clone()
					f.Enabled = !f.Enabled
					if _, err := s.Put(t.Context(), f); err != nil && !errors.Is(err, store.ErrConflict) {
						t.Error(err)
					}
				}
				if i == 0 {
					put(t, s, &store.Flag{Name: own})
				}
				stored, err := store.Update(t.Context(), s, own, func(f *store.Flag) error {
					f.Enabled = !f.Enabled
					return nil
				})
				if err != nil {
					t.Error(err)
					return
				}
				if f, err := s.Get(t.Context(), own); err != nil || f.Revision != stored.Revision {
					t.Errorf("reads %v, %v after writing %v", f, err, stored)
				}
			}
		})
	}
	all.Wait()
	for _, s := range []*mirror.Store{first, second} {
		eventually(t, "the mirror equals the store", func() bool { return content(t, s) == content(t, inner) })
	}
}

// content returns all of a store.
func content(t testing.TB, s store.Store) string {
	t.Helper()
	var b strings.Builder
	for f, err := range s.List(t.Context()) {
		if err != nil {
			t.Error(err)
			continue
		}
		fmt.Fprintln(&b, f.Name, f.Revision, f.Enabled)
	}
	return b.String()
}

// TestStorm has 10,000 changes as fast as they come.
func TestStorm(t *testing.T) {
	inner := memory.New()
	s := ready(t, over(t, inner))
	for i := range 10_000 {
		name := fmt.Sprint(i % 100)
		if i < 100 {
			put(t, inner, &store.Flag{Name: name})
			continue
		}
		set(t, inner, name, i%2 == 0)
	}
	start := time.Now()
	eventually(t, "the mirror equals the store", func() bool { return content(t, s) == content(t, inner) })
	t.Logf("right %v after the last of 10,000 changes", time.Since(start))
}

func TestReadsDoNotAllocate(t *testing.T) {
	inner := memory.New()
	put(t, inner, &store.Flag{Name: "X"})
	s := ready(t, over(t, inner))
	ctx := t.Context()
	for _, name := range []string{"X", "MISSING"} {
		if n := testing.AllocsPerRun(100, func() {
			_, _ = s.Get(ctx, name)
			_, _ = s.Peek(name)
			_, _ = s.Age(name)
		}); n != 0 {
			t.Errorf("reading %q allocates %v times", name, n)
		}
	}
}

// TestNotCurrentTooEarly has the connection lost and back while a list is read,
// and then a change that is not read yet: until all that is over, the flags may
// be old.
func TestNotCurrentTooEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, w, inner := started(t)
		w.tell(store.Change{}, errDown)
		time.Sleep(time.Minute)
		parked, _, release := w.hold()
		w.tell(store.Change{All: true}, nil)
		<-parked
		w.tell(store.Change{}, errDown) // what changes now is not told
		set(t, inner, "X", false)
		again, _, releaseAgain := w.hold()
		w.tell(store.Change{All: true}, nil)
		release()
		<-again // the second list
		if age, stale := s.Age("X"); age == 0 || !stale {
			t.Errorf("age is %v, stale %t, after a list from before the gap", age, stale)
		}
		w.tell(store.Change{Names: []string{"X"}}, nil)
		last, _, releaseLast := w.hold()
		releaseAgain()
		<-last // the flag that changed meanwhile
		if age, stale := s.Age("X"); age == 0 || !stale {
			t.Errorf("age is %v, stale %t, while a change is not read", age, stale)
		}
		releaseLast()
		synctest.Wait()
		if age, stale := s.Age("X"); age != 0 || stale {
			t.Errorf("age is %v, stale %t, after all", age, stale)
		}
		wantEnabled(t, s, "X", false)
	})
}

func TestSnapshots(t *testing.T) { snapshottest.Run(t, ready(t, over(t, memory.New()))) }

// TestSnapshotsBeforeReady has a mirror of a store that cannot be read yet.
func TestSnapshotsBeforeReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := memory.New()
		put(t, inner, &store.Flag{Name: "X"})
		w := newScripted(inner)
		w.fail(errDown)
		s := over(t, w)
		m := snapshot.Of(s)
		time.Sleep(time.Minute)
		for _, name := range []string{"X", "MISSING"} {
			if f, known := m.Load().Peek(name); f != nil || known {
				t.Errorf("not ready: %v, %t", f, known)
			}
		}
		w.fail(nil)
		ready(t, s)
		if f := m.Load().Find("X"); f == nil {
			t.Error("ready: there is no flag")
		}
	})
}
