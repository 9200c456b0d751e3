// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package cached_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/cached"
	"github.com/flipper-go/flipper/store/memory"
)

func TestHits(t *testing.T) {
	inner := memory.New()
	g := newGate(inner)
	s := over(t, g)
	put(t, inner, &store.Flag{Name: "X", Enabled: true})
	for range 3 {
		wantEnabled(t, s, "X", true)
		wantMissing(t, s, "MISSING")
	}
	wantGets(t, g, "one flag and one that is missing", 2)
	if f, known := s.Peek("X"); !known || f == nil {
		t.Errorf("peek: %v, %t", f, known)
	}
	if f, known := s.Peek("MISSING"); !known || f != nil {
		t.Errorf("peek missing: %v, %t", f, known)
	}
	if f, known := s.Peek("UNASKED"); known || f != nil {
		t.Errorf("peek what was not asked for: %v, %t", f, known)
	}
}

// TestMissesAreBounded asks for more names than fit.
func TestMissesAreBounded(t *testing.T) {
	g := newGate(memory.New())
	s := over(t, g, cached.WithSize(10))
	for i := range 100 {
		wantMissing(t, s, fmt.Sprint(i))
	}
	known := 0
	for i := range 100 {
		if _, ok := s.Peek(fmt.Sprint(i)); ok {
			known++
		}
	}
	if known != 10 {
		t.Errorf("%d names are held, want 10", known)
	}
}

// TestStampede has many readers of one flag that nobody has read yet, and again
// when its time is over, and of one that is missing.
func TestStampede(t *testing.T) {
	const readers = 1000
	synctest.Test(t, func(t *testing.T) {
		inner := memory.New()
		put(t, inner, &store.Flag{Name: "X", Enabled: true})
		g := newGate(inner)
		s := over(t, g)
		for _, name := range []string{"X", "MISSING", "X"} {
			_, release := g.hold()
			var all sync.WaitGroup
			for range readers {
				all.Go(func() {
					f, err := s.Get(t.Context(), name)
					if name == "X" && (err != nil || !f.Enabled) || name != "X" && !errors.Is(err, store.ErrNotFound) {
						t.Errorf("get %q: %v, %v", name, f, err)
					}
				})
			}
			synctest.Wait() // all of them wait
			release()
			all.Wait()
			wantGets(t, g, "stampede for "+name, 1)
			time.Sleep(time.Hour)
		}
	})
}

// TestExpiry has another process change a store that cannot watch.
func TestExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := memory.New()
		s := over(t, plain{inner}, cached.WithTTL(10*time.Minute), cached.WithMissTTL(time.Minute))
		put(t, inner, &store.Flag{Name: "X", Enabled: true})
		wantEnabled(t, s, "X", true)
		wantMissing(t, s, "LATER")
		set(t, inner, "X", false)
		put(t, inner, &store.Flag{Name: "LATER"})

		time.Sleep(50 * time.Second)
		wantEnabled(t, s, "X", true)
		wantMissing(t, s, "LATER")
		if age, stale := s.Age("X"); age != 50*time.Second+0 && age != 50*time.Second+1 || stale {
			t.Errorf("age is %v, stale %t", age, stale)
		}
		time.Sleep(10*time.Second + 1)
		wantEnabled(t, s, "LATER", false)
		time.Sleep(7 * time.Minute)
		wantEnabled(t, s, "X", true)
		time.Sleep(2 * time.Minute)
		wantEnabled(t, s, "X", false)
		if age, stale := s.Age("X"); age > 1 || stale {
			t.Errorf("age is %v, stale %t", age, stale)
		}
	})
}

// TestExpiryWhileWatching has a store whose watch stays up and keeps quiet.
func TestExpiryWhileWatching(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := memory.New()
		put(t, inner, &store.Flag{Name: "X", Enabled: true})
		w := newScripted(plain{inner})
		s := over(t, w, cached.WithTTL(10*time.Minute))
		w.tell(store.Change{All: true}, nil)
		wantEnabled(t, s, "X", true)
		wantMissing(t, s, "MISSING")
		set(t, inner, "X", false)
		time.Sleep(5 * time.Minute)
		wantEnabled(t, s, "X", true)
		if age, stale := s.Age("X"); age != 0 || stale {
			t.Errorf("age is %v, stale %t while everything is told", age, stale)
		}
		time.Sleep(6*time.Minute + 15*time.Second)
		wantEnabled(t, s, "X", false)
	})
}

// A scripted store is a watcher that tells what a test says.
type scripted struct {
	store.Store
	script chan told
}

type told struct {
	change store.Change
	err    error
	end    bool
}

func newScripted(s store.Store) *scripted { return &scripted{s, make(chan told)} }

// tell returns when what was told is dealt with.
func (s *scripted) tell(change store.Change, err error) {
	s.script <- told{change, err, false}
	synctest.Wait()
}

func (s *scripted) Watch(ctx context.Context) iter.Seq2[store.Change, error] {
	return func(yield func(store.Change, error) bool) {
		for {
			select {
			case told := <-s.script:
				if told.end || !yield(told.change, told.err) {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}
}

// TestWatchLost loses the watch, and has it again.
func TestWatchLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := memory.New()
		put(t, inner, &store.Flag{Name: "X", Enabled: true})
		g := newGate(inner)
		w := newScripted(g)
		s := over(t, w)

		// Before the watch is up, the cache works by time.
		wantEnabled(t, s, "X", true)
		time.Sleep(time.Minute)
		if age, _ := s.Age("X"); age < time.Minute {
			t.Errorf("age is %v before the watch is up", age)
		}
		w.tell(store.Change{All: true}, nil)
		wantGets(t, g, "before the watch", 1)
		wantEnabled(t, s, "X", true)
		wantGets(t, g, "after all may have changed", 1)
		time.Sleep(time.Minute)
		if age, _ := s.Age("X"); age != 0 {
			t.Errorf("age is %v while the watch is up", age)
		}

		next, stop := iter.Pull2(s.Watch(t.Context()))
		defer stop()
		if change, err, _ := next(); !change.All || err != nil {
			t.Errorf("watch yields %v, %v", change, err)
		}
		w.tell(store.Change{}, errDown)
		if change, err, _ := next(); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("watch yields %v, %v", change, err)
		}
		g.gets.Store(0)
		wantEnabled(t, s, "X", true)
		wantGets(t, g, "when the watch was lost", 1)
		set(t, inner, "X", false)
		time.Sleep(time.Minute)
		wantEnabled(t, s, "X", true)
		if age, stale := s.Age("X"); age < time.Minute || age > time.Minute+time.Second || stale {
			t.Errorf("age is %v, stale %t: a minute after the watch was lost", age, stale)
		}
		wantGets(t, g, "while the watch is lost", 0)

		// When it is back, the old answer is there until the new one is.
		g.fail(errDown)
		w.tell(store.Change{All: true}, nil)
		if change, err, _ := next(); !change.All || err != nil {
			t.Errorf("watch yields %v, %v", change, err)
		}
		wantEnabled(t, s, "X", true)
		if age, stale := s.Age("X"); age < time.Minute || !stale {
			t.Errorf("age is %v, stale %t: read again in vain", age, stale)
		}
		g.fail(nil)
		time.Sleep(time.Second)
		wantEnabled(t, s, "X", false)
		if age, stale := s.Age("X"); age != 0 || stale {
			t.Errorf("age is %v, stale %t: all is well", age, stale)
		}

		// A watch that ends by itself is begun again.
		w.script <- told{end: true}
		time.Sleep(2 * time.Second)
		if change, err, _ := next(); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("watch yields %v, %v", change, err)
		}
		w.tell(store.Change{All: true}, nil)
		wantEnabled(t, s, "X", false)
	})
}

// TestNoWatch has stores that cannot watch, by their type or by what they say.
func TestNoWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cannot := newScripted(memory.New())
		s := over(t, cannot)
		cannot.tell(store.Change{All: true}, nil)
		cannot.tell(store.Change{}, fmt.Errorf("an old server: %w", errors.ErrUnsupported))
		for _, s := range []*cached.Store{s, over(t, plain{memory.New()})} {
			var all, failed int
			for change, err := range s.Watch(t.Context()) {
				if change.All {
					all++
				}
				if errors.Is(err, errors.ErrUnsupported) {
					failed++
				}
			}
			if all != 1 || failed != 1 {
				t.Errorf("watch yields %d changes and %d errors, want one of each", all, failed)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			for _, err := range s.Watch(t.Context()) {
				if err != store.ErrClosed {
					t.Errorf("after close, watch yields %v", err)
				}
			}
		}
	})
}

// TestOvertakenFill has a read under way while the flag changes. What it read is
// not kept, and one who asks after the change does not get it.
func TestOvertakenFill(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, s *cached.Store, w *scripted, inner store.Store){
		"Told": func(t *testing.T, _ *cached.Store, w *scripted, inner store.Store) {
			set(t, inner, "X", false)
			w.tell(store.Change{Names: []string{"X"}}, nil)
		},
		"All": func(t *testing.T, _ *cached.Store, w *scripted, inner store.Store) {
			set(t, inner, "X", false)
			w.tell(store.Change{All: true}, nil)
		},
		"Written": func(t *testing.T, s *cached.Store, _ *scripted, inner store.Store) {
			f, _ := inner.Get(t.Context(), "X")
			f = f.Clone()
			f.Enabled = false
			put(t, s, f)
		},
		"WrittenInVain": func(t *testing.T, s *cached.Store, _ *scripted, inner store.Store) {
			set(t, inner, "X", false)
			if _, err := s.Put(t.Context(), &store.Flag{Name: "X", Revision: "another"}); !errors.Is(err, store.ErrConflict) {
				t.Error(err)
			}
		},
		"Deleted": func(t *testing.T, s *cached.Store, _ *scripted, _ store.Store) {
			if err := s.Delete(t.Context(), "X"); err != nil {
				t.Error(err)
			}
			put(t, s, &store.Flag{Name: "X"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				inner := memory.New()
				put(t, inner, &store.Flag{Name: "X", Enabled: true})
				g := newGate(inner)
				w := newScripted(g)
				s := over(t, w)
				w.tell(store.Change{All: true}, nil)
				arrived, release := g.hold()
				var early sync.WaitGroup
				early.Go(func() { _, _ = s.Get(t.Context(), "X") })
				<-arrived // it has read the old state, and is slow
				g.mu.Lock()
				g.stop = nil // others are not
				g.mu.Unlock()
				change(t, s, w, inner)
				wantEnabled(t, s, "X", false)
				release()
				early.Wait()
				wantEnabled(t, s, "X", false)
				if f, known := s.Peek("X"); !known || f.Enabled {
					t.Errorf("peek: %v, %t", f, known)
				}
			})
		})
	}
}

// TestLateWrite has a write whose answer is late: another process has changed the
// flag since, and that was told.
func TestLateWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := memory.New()
		late := &latePuts{Store: plain{inner}, stored: make(chan struct{}), release: make(chan struct{})}
		w := newScripted(late)
		s := over(t, w)
		w.tell(store.Change{All: true}, nil)
		wantMissing(t, s, "X")
		var writer sync.WaitGroup
		writer.Go(func() { _, _ = s.Put(t.Context(), &store.Flag{Name: "X", Enabled: true}) })
		<-late.stored
		set(t, inner, "X", false)
		w.tell(store.Change{Names: []string{"X"}}, nil)
		close(late.release)
		writer.Wait()
		wantEnabled(t, s, "X", false)
	})
}

// latePuts answers writes late.
type latePuts struct {
	store.Store
	stored, release chan struct{}
}

func (l *latePuts) Put(ctx context.Context, f *store.Flag) (*store.Flag, error) {
	f, err := l.Store.Put(ctx, f)
	close(l.stored)
	<-l.release
	return f, err
}

// TestOwnWriteSurvives has the store below fail right after a write, which was
// told while it was under way: the writer does not see what was before.
func TestOwnWriteSurvives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := memory.New()
		put(t, inner, &store.Flag{Name: "X", Enabled: true})
		late := &latePuts{Store: plain{inner}, stored: make(chan struct{}), release: make(chan struct{})}
		g := newGate(late)
		w := newScripted(g)
		s := over(t, w)
		w.tell(store.Change{All: true}, nil)
		wantEnabled(t, s, "X", true)
		var writer sync.WaitGroup
		writer.Go(func() { set(t, s, "X", false) })
		<-late.stored
		w.tell(store.Change{Names: []string{"X"}}, nil)
		g.fail(errDown)
		close(late.release)
		writer.Wait()
		wantEnabled(t, s, "X", false)
		if _, stale := s.Age("X"); !stale {
			t.Error("the answer is not stale")
		}
	})
}

// TestStale has the store below fail when a flag is to be read again.
func TestStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := memory.New()
		put(t, inner, &store.Flag{Name: "X", Enabled: true})
		g := newGate(inner)
		var reported []string
		s := over(t, plain{g}, cached.WithTTL(time.Minute), cached.WithMaxStale(time.Hour),
			cached.WithErrorHandler(func(name string, age time.Duration, err error) {
				reported = append(reported, fmt.Sprint(name, age.Truncate(time.Second), errors.Is(err, store.ErrUnavailable)))
			}))
		wantEnabled(t, s, "X", true)
		wantMissing(t, s, "MISSING")
		g.fail(errDown)
		if _, err := s.Get(t.Context(), "COLD"); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("get what was never read: %v", err)
		}
		time.Sleep(time.Minute)
		g.gets.Store(0)
		for range 100 {
			wantEnabled(t, s, "X", true)
		}
		wantGets(t, g, "failing store", 1)
		synctest.Wait()
		if len(reported) != 1 || reported[0] != "X1m0s true" {
			t.Errorf("reported: %q", reported)
		}
		wantMissing(t, s, "MISSING")
		if age, stale := s.Age("X"); age < time.Minute || !stale {
			t.Errorf("age is %v, stale %t", age, stale)
		}
		if _, known := s.Peek("X"); known {
			t.Error("peek knows what is not current")
		}

		// A store that hangs delays one call, a little.
		g.fail(nil)
		_, release := g.hold()
		time.Sleep(time.Second)
		start := time.Now()
		for range 100 {
			wantEnabled(t, s, "X", true)
		}
		if d := time.Since(start); d != 100*time.Millisecond {
			t.Errorf("100 calls took %v", d)
		}
		// One who has less time than that gets the old answer in time.
		time.Sleep(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		if f, err := s.Get(ctx, "X"); err != nil || !f.Enabled || time.Since(start) > 2*time.Second {
			t.Errorf("get: %v, %v", f, err)
		}
		cancel()
		time.Sleep(3 * time.Second) // the load times out
		release()

		// It ends.
		g.fail(errDown)
		time.Sleep(time.Hour)
		if f, err := s.Get(t.Context(), "X"); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("get after the longest time: %v, %v", f, err)
		}
		g.fail(nil)
		wantEnabled(t, s, "X", true)
	})
}

// TestUnreadable has a flag become unreadable: the old one is no answer.
func TestUnreadable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := memory.New()
		put(t, inner, &store.Flag{Name: "X"})
		g := newGate(inner)
		w := newScripted(g)
		s := over(t, w)
		w.tell(store.Change{All: true}, nil)
		wantEnabled(t, s, "X", false)
		g.fail(&store.UnreadableError{Name: "X", Err: errors.New("broken")})
		w.tell(store.Change{Names: []string{"X"}}, nil)
		for range 2 {
			if _, err := s.Get(t.Context(), "X"); !errors.Is(err, store.ErrUnreadable) {
				t.Errorf("get: %v", err)
			}
			g.fail(errDown)
			if _, err := s.Get(t.Context(), "X"); !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("get: %v", err)
			}
			g.fail(&store.UnreadableError{Name: "X", Err: errors.New("broken")})
		}
	})
}

// TestCallersContext has one reader give up, and others not.
func TestCallersContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := memory.New()
		put(t, inner, &store.Flag{Name: "X"})
		g := newGate(inner)
		s := over(t, g)
		arrived, release := g.hold()
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := s.Get(ctx, "X"); !errors.Is(err, context.Canceled) {
				t.Errorf("the one who gave up: %v", err)
			}
		})
		<-arrived
		for range 3 {
			all.Go(func() { wantEnabled(t, s, "X", false) })
		}
		synctest.Wait()
		cancel()
		synctest.Wait()
		release()
		all.Wait()
		wantGets(t, g, "one gave up", 1)
	})
}

// TestLoadTimeout has nobody but the cache bound a read.
func TestLoadTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(memory.New())
		s := over(t, g, cached.WithLoadTimeout(3*time.Second))
		_, release := g.hold()
		defer release()
		start := time.Now()
		if _, err := s.Get(t.Context(), "X"); !errors.Is(err, store.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("get: %v", err)
		}
		if d := time.Since(start); d != 3*time.Second {
			t.Errorf("it took %v", d)
		}
	})
}

// TestCloseWhileLoading ends the cache while a read hangs below.
func TestCloseWhileLoading(t *testing.T) {
	g := newGate(memory.New())
	s := cached.New(g)
	arrived, release := g.hold()
	defer release()
	failed := make(chan error)
	go func() {
		_, err := s.Get(context.Background(), "X")
		failed <- err
	}()
	<-arrived
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := <-failed; !errors.Is(err, store.ErrClosed) {
		t.Errorf("get: %v", err)
	}
	if n := g.running.Load(); n != 0 {
		t.Errorf("%d reads below after close", n)
	}
	// The store below is not closed.
	if _, err := g.Store.Get(t.Context(), "X"); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
}

// TestInnerClosed closes the store below: the cache says so, with what it holds
// or without.
func TestInnerClosed(t *testing.T) {
	inner := memory.New()
	put(t, inner, &store.Flag{Name: "X"})
	s := over(t, inner)
	wantEnabled(t, s, "X", false)
	_ = inner.Close()
	for _, err := range s.Watch(t.Context()) {
		if errors.Is(err, store.ErrClosed) {
			break
		}
	}
	if _, err := s.Get(t.Context(), "COLD"); !errors.Is(err, store.ErrClosed) {
		t.Errorf("get: %v", err)
	}
}

func TestReadsDoNotAllocate(t *testing.T) {
	inner := memory.New()
	put(t, inner, &store.Flag{Name: "X"})
	for what, s := range map[string]*cached.Store{"watched": over(t, inner), "not watched": over(t, plain{inner})} {
		ctx := t.Context()
		eventually(t, "the flags stay", func() bool { // until the watch stands, which has them read again
			_, _ = s.Get(ctx, "X")
			_, _ = s.Get(ctx, "MISSING")
			age, _ := s.Age("X")
			return what == "not watched" || age == 0
		})
		for _, name := range []string{"X", "MISSING"} {
			if n := testing.AllocsPerRun(100, func() {
				_, _ = s.Get(ctx, name)
				_, _ = s.Peek(name)
				_, _ = s.Age(name)
			}); n != 0 {
				t.Errorf("%s: reading %q allocates %v times", what, name, n)
			}
		}
	}
}

// TestNeverBack has a read that is overtaken by a change, and the store below fail
// then: one who has seen what was read does not see what was before.
func TestNeverBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := memory.New()
		put(t, inner, &store.Flag{Name: "X", Enabled: true})
		g := newGate(inner)
		w := newScripted(g)
		s := over(t, w)
		w.tell(store.Change{All: true}, nil)
		wantEnabled(t, s, "X", true)
		set(t, inner, "X", false)
		w.tell(store.Change{Names: []string{"X"}}, nil)
		arrived, release := g.hold()
		var reader sync.WaitGroup
		reader.Go(func() { _, _ = s.Get(t.Context(), "X") })
		<-arrived
		w.tell(store.Change{Names: []string{"X"}}, nil) // and another change
		release()
		reader.Wait()
		g.fail(errDown)
		wantEnabled(t, s, "X", false)
		if _, stale := s.Age("X"); !stale {
			t.Error("the answer is not stale")
		}
	})
}

// TestConcurrentWriters has writers through two caches and below, in a storm of
// 10,000 changes. Each reads what it wrote, and in the end all have the same.
func TestConcurrentWriters(t *testing.T) {
	const names = 20
	inner := memory.New()
	first, second := over(t, inner), over(t, inner, cached.WithSize(names/2))
	stores := []store.Store{first, second, inner}
	for i := range names {
		put(t, inner, &store.Flag{Name: fmt.Sprint(i)})
	}
	var all sync.WaitGroup
	for w := range 6 {
		all.Go(func() {
			s := stores[w%3]
			own := fmt.Sprint("OWN", w)
			put(t, s, &store.Flag{Name: own})
			flip := func(f *store.Flag) error {
				f.Enabled = !f.Enabled
				return nil
			}
			for i := range 850 {
				if _, err := store.Update(t.Context(), s, fmt.Sprint((i*7+w)%names), flip); err != nil {
					t.Error(err)
				}
				stored, err := store.Update(t.Context(), s, own, flip)
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
	start := time.Now()
	for i := range names {
		want, err := inner.Get(t.Context(), fmt.Sprint(i))
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range []*cached.Store{first, second} {
			eventually(t, "the cache has the last state", func() bool {
				f, err := s.Get(t.Context(), want.Name)
				return err == nil && f.Revision == want.Revision
			})
		}
	}
	t.Logf("right %v after the last change", time.Since(start))
}
