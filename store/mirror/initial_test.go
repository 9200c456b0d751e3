// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package mirror_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/flippertest"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/store/mirror"
	"github.com/flipper-go/flipper/store/storetest"
)

func withInitial(flags ...*store.Flag) mirror.Option { return mirror.WithInitial(flags) }

func TestInitial(t *testing.T) {
	var handled flipper.Events
	handled.On(flipper.PreCreate, func(context.Context, flipper.Event) error { return nil })
	for _, c := range []struct {
		name   string
		fault  func(*flippertest.Store)
		within time.Duration // the mirror is ready
		events *flipper.Events
	}{
		{"Fails", func(s *flippertest.Store) { s.Fail(nil) }, 0, &handled},
		{"Stalled", func(s *flippertest.Store) { s.Stall() }, 500 * time.Millisecond, new(flipper.Events)},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				beneath := flippertest.New(t, flippertest.Off("X"), flippertest.On("NEW"))
				c.fault(beneath.Store())
				start := time.Now()
				s := over(t, beneath.Store(), withInitial(&store.Flag{Name: "X", Enabled: true}, &store.Flag{Name: "GONE"}))
				features := flipper.New(s, flipper.WithLogger(slog.New(slog.DiscardHandler)), flipper.WithEvents(c.events))

				// The first answer already is that of the initial flag.
				e := features.Evaluate(t.Context(), "X")
				if took := time.Since(start); !e.Enabled || e.Reason != flipper.ReasonStale || took > c.within {
					t.Errorf("%+v after %v", e, took)
				}
				ready(t, s)
				time.Sleep(time.Minute)
				if e := features.Evaluate(t.Context(), "X"); !e.Enabled || e.Reason != flipper.ReasonStale || e.Age != time.Since(start) {
					t.Errorf("%+v after a minute", e)
				}
				if e := features.Evaluate(t.Context(), "OTHER"); !errors.Is(e.Err, store.ErrNotFound) {
					t.Errorf("what is not among the initial flags: %+v", e)
				}
				if _, known := s.Peek("X"); !known {
					t.Error("the initial flags are not in memory")
				}
				wantFlags(t, s, "GONE", "X")
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				if err := features.Disable(ctx, "X"); !errors.Is(err, store.ErrUnavailable) {
					t.Errorf("a write: %v", err)
				}
				// That GONE is an initial flag does not make it a stored one.
				gone := flipper.Declare("GONE")
				ctx, cancel = context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				if err := features.Register(ctx, gone); !errors.Is(err, store.ErrUnavailable) {
					t.Errorf("registration: %v", err)
				}

				beneath.Store().Recover()
				time.Sleep(time.Minute)
				wantFlags(t, s, "NEW", "X")
				if err := features.Register(t.Context(), gone); err != nil {
					t.Error(err)
				}
				if err := features.Destroy(t.Context(), gone.Name()); err != nil { // it was created
					t.Error(err)
				}
				if e := features.Evaluate(t.Context(), "X"); e.Enabled || e.Age != 0 {
					t.Errorf("%+v after it recovered", e)
				}
				// They are gone for good.
				c.fault(beneath.Store())
				time.Sleep(time.Minute)
				wantFlags(t, s, "NEW", "X")
				wantEnabled(t, s, "X", false)
			})
		})
	}
}

func wantFlags(t *testing.T, s store.Store, names ...string) {
	t.Helper()
	i := 0
	for f, err := range s.List(t.Context()) {
		if err != nil || i == len(names) || f.Name != names[i] {
			t.Errorf("list: %+v, %v in place %d, want %q", f, err, i, names)
			return
		}
		i++
	}
	if i != len(names) {
		t.Errorf("%d flags, want %q", i, names)
	}
}

// However long the store below takes to fail, the mirror is ready in time.
func TestInitialInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := down()
		w.fail(nil)
		put(t, w.Store, &store.Flag{Name: "Y"})
		_, _, release := w.hold()
		s := over(t, w, withInitial(&store.Flag{Name: "X", Enabled: true}))
		w.tell(store.Change{All: true}, nil) // the watch stands, and lists are never answered
		start := time.Now()
		ready(t, s)
		if took := time.Since(start); took != 500*time.Millisecond {
			t.Errorf("ready after %v", took)
		}
		wantEnabled(t, s, "X", true)
		release()
		time.Sleep(time.Minute)
		wantFlags(t, s, "Y")
		if age, stale := s.Age("Y"); age != 0 || stale {
			t.Errorf("age %v, stale %t", age, stale)
		}
	})
}

// Initial flags are not seen, not even at first, if the store below can be asked.
func TestInitialUnused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 100 {
			inner := memory.New()
			put(t, inner, &store.Flag{Name: "X"})
			s := over(t, inner, withInitial(&store.Flag{Name: "X", Enabled: true}, &store.Flag{Name: "Y"}))
			wantEnabled(t, s, "X", false)
			wantMissing(t, s, "Y")
			wantFlags(t, s, "X")
			if age, stale := s.Age("X"); age != 0 || stale {
				t.Fatalf("age %v, stale %t", age, stale)
			}
		}
	})
}

// A change of an initial flag is made to what the store below has.
func TestInitialChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		beneath := flippertest.New(t, flippertest.Off("X"))
		beneath.Store().Fail(nil)
		s := ready(t, over(t, beneath.Store(), withInitial(&store.Flag{Name: "X"}, &store.Flag{Name: "Y"})))
		want, err := beneath.Get(t.Context(), "X")
		if !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%+v, %v", want, err)
		}
		beneath.Store().Recover() // and the mirror does not know yet
		set(t, s, "X", true)
		f, err := beneath.Get(t.Context(), "X")
		if err != nil || !f.Enabled {
			t.Errorf("below: %+v, %v", f, err)
		}
		_, err = store.Update(t.Context(), s, "Y", func(*store.Flag) error { return nil })
		if !errors.Is(err, store.ErrNotFound) {
			t.Errorf("the change of a flag that the store below has not: %v", err)
		}
	})
}

// The last good flags are better than the initial ones, which are never saved.
func TestInitialAndLastGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path, _ := saved(t)
		s := ready(t, over(t, down(), withInitial(&store.Flag{Name: "INITIAL"}), mirror.WithLastGood(path)))
		wantEnabled(t, s, "X", true)
		wantMissing(t, s, "INITIAL")

		path = filepath.Join(t.TempDir(), "flags.json")
		s = ready(t, over(t, down(), withInitial(&store.Flag{Name: "INITIAL"}), mirror.WithLastGood(path)))
		wantEnabled(t, s, "INITIAL", false)
		time.Sleep(time.Minute)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("initial flags were saved: %v", err)
		}
	})
}

// One that cannot be a flag is reported, and is no reason to do without the others.
func TestInitialInvalid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reported reports
		s := ready(t, over(t, down(), withInitial(&store.Flag{Name: "\xff"}, &store.Flag{Name: "X"}),
			mirror.WithErrorHandler(reported.add)))
		wantFlags(t, s, "X")
		synctest.Wait()
		if failures := reported.all(); len(failures) != 2 || !errors.Is(errors.Join(failures...), store.ErrInvalidName) {
			t.Errorf("reported: %v", failures)
		}
	})
}

// Reads that wait for the mirror end with their contexts, and with the mirror.
func TestInitialWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := flippertest.NewStore(t)
		inner.Stall()
		reads := func(s *mirror.Store) map[string]func(context.Context) error {
			return map[string]func(context.Context) error{
				"get": func(ctx context.Context) error { _, err := s.Get(ctx, "X"); return err },
				"list": func(ctx context.Context) (last error) {
					for _, last = range s.List(ctx) {
					}
					return last
				},
			}
		}
		for _, what := range []string{"get", "list"} {
			s := over(t, inner, withInitial(&store.Flag{Name: "X"}))
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			if err := reads(s)[what](ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: %v", what, err)
			}
			cancel()
			failed := make(chan error)
			go func() { failed <- reads(s)[what](t.Context()) }()
			synctest.Wait()
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			if err := <-failed; !errors.Is(err, store.ErrClosed) {
				t.Errorf("%s of a closed mirror: %v", what, err)
			}
		}
	})
}

// TestInitialStore holds mirrors with initial flags, which are not seen, to the
// contract.
func TestInitialStore(t *testing.T) {
	storetest.Run(t, storetest.Harness{
		New: func(t *testing.T) store.Store {
			return over(t, flippertest.NewStore(t), withInitial(&store.Flag{Name: "INITIAL"}))
		},
	})
}
