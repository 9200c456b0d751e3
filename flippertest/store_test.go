// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flippertest_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/flippertest"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/mirror"
	"github.com/flipper-go/flipper/store/storetest"
)

func TestStore(t *testing.T) {
	for name, fault := range map[string]func(*flippertest.Store){
		"Fail":    func(s *flippertest.Store) { s.Fail(nil) },
		"Stall":   func(s *flippertest.Store) { s.Stall() },
		"GoStale": func(s *flippertest.Store) { s.GoStale(time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Run(t, storetest.Harness{
				New: func(t *testing.T) store.Store { return flippertest.NewStore(t) },
				Break: func(_ *testing.T, s store.Store) (heal func()) {
					fault(s.(*flippertest.Store))
					return s.(*flippertest.Store).Recover
				},
			})
		})
	}
}

// calls are all calls of a store that can fail.
func calls(s store.Store) map[string]func(ctx context.Context) error {
	return map[string]func(ctx context.Context) error{
		"get":    func(ctx context.Context) error { _, err := s.Get(ctx, "FLAG"); return err },
		"put":    func(ctx context.Context) error { _, err := s.Put(ctx, &store.Flag{Name: "NEW"}); return err },
		"delete": func(ctx context.Context) error { return s.Delete(ctx, "FLAG") },
		"list": func(ctx context.Context) (last error) {
			for _, last = range s.List(ctx) {
			}
			return last
		},
	}
}

func TestFail(t *testing.T) {
	features := flippertest.New(t, flippertest.On("FLAG"))
	boom := errors.New("boom")
	for _, want := range []error{store.ErrUnavailable, boom} {
		if want == boom {
			features.Store().Fail(boom)
		} else {
			features.Store().Fail(nil)
		}
		for what, call := range calls(features.Store()) {
			if err := call(t.Context()); !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", what, err, want)
			}
		}
		if e := features.Evaluate(t.Context(), "FLAG"); !errors.Is(e.Err, want) || e.Enabled || e.Age != 0 {
			t.Errorf("%+v, want the error %v", e, want)
		}
		if !features.IsEnabledOr(t.Context(), "FLAG", true) {
			t.Error("the answer is not the caller's default")
		}
	}
	features.Store().Recover()
	if e := features.Evaluate(t.Context(), "FLAG"); !e.Enabled || e.Reason != flipper.ReasonStatic {
		t.Errorf("%+v after it recovered", e)
	}
}

func TestStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		features := flippertest.New(t, flippertest.On("FLAG"))
		stalled := features.Store().Stall()
		select {
		case <-stalled:
			t.Error("a call blocks, and there is none")
		default:
		}
		began := time.Now()
		e := features.Evaluate(t.Context(), "FLAG")
		if !errors.Is(e.Err, store.ErrUnavailable) || !errors.Is(e.Err, context.DeadlineExceeded) {
			t.Errorf("%+v", e)
		}
		if took := time.Since(began); took != flipper.DefaultTimeout {
			t.Errorf("the client waited %v", took)
		}
		<-stalled

		for what, call := range calls(features.Store()) {
			ctx, cancel := context.WithCancel(t.Context())
			failed := make(chan error)
			stalled := features.Store().Stall()
			go func() { failed <- call(ctx) }()
			<-stalled
			cancel()
			if err := <-failed; !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v", what, err)
			}
		}
		// What blocks goes on when the store has recovered.
		for what, call := range calls(features.Store()) {
			if what == "delete" {
				continue // the flag is for the others
			}
			done := make(chan error)
			stalled := features.Store().Stall()
			go func() { done <- call(t.Context()) }()
			<-stalled
			features.Store().Recover()
			if err := <-done; err != nil {
				t.Errorf("%s: %v", what, err)
			}
		}
		// It can also fail, if that is what comes next. The client of before asks no
		// store that did not answer.
		features = flippertest.New(t, flippertest.On("FLAG"))
		stalled = features.Store().Stall()
		done := make(chan flipper.Evaluation)
		go func() { done <- features.Evaluate(t.Context(), "FLAG") }()
		<-stalled
		features.Store().Fail(errors.New("boom"))
		if e := <-done; e.Err == nil || e.Err.Error() != "boom" {
			t.Errorf("%+v", e)
		}
		// And the store can be closed.
		stalled = features.Store().Stall()
		go func() { done <- features.Evaluate(t.Context(), "FLAG") }()
		<-stalled
		must(t, features.Store().Close())
		if e := <-done; !errors.Is(e.Err, store.ErrClosed) {
			t.Errorf("%+v", e)
		}
	})
}

func TestGoStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		features := flippertest.New(t, flippertest.On("FLAG"))
		features.Store().GoStale(time.Hour)
		time.Sleep(time.Minute)
		e := features.Evaluate(t.Context(), "FLAG")
		if !e.Enabled || e.Reason != flipper.ReasonStale || e.Age != 61*time.Minute {
			t.Errorf("%+v", e)
		}
		if err := features.Disable(t.Context(), "FLAG"); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("a write: %v", err)
		}
		features.Set("FLAG", false)
		wantOn(t, features, "FLAG", false)
		features.Store().Recover()
		if e := features.Evaluate(t.Context(), "FLAG"); e.Reason != flipper.ReasonDisabled || e.Age != 0 {
			t.Errorf("%+v after it recovered", e)
		}
	})
}

// What watches are told while the store has a fault, and after it.
func TestWatchThroughFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		features := flippertest.New(t, flippertest.On("FLAG"))
		s := features.Store()
		watch := func() (next func() string, stop func()) {
			ctx, cancel := context.WithCancel(t.Context())
			told := make(chan string, 10)
			go func() {
				defer close(told)
				for change, err := range s.Watch(ctx) {
					switch {
					case errors.Is(err, store.ErrUnavailable):
						told <- "unavailable"
					case err != nil:
						told <- err.Error()
					case change.All:
						told <- "all"
					default:
						told <- change.Names[0]
					}
				}
			}()
			return func() string {
				synctest.Wait()
				select {
				case text, ok := <-told:
					if !ok {
						return "end"
					}
					return text
				default:
					return ""
				}
			}, cancel
		}
		next, stop := watch()
		want := func(want string) {
			t.Helper()
			if got := next(); got != want {
				t.Errorf("told %q, want %q", got, want)
			}
		}
		want("all")
		features.Set("FLAG", false)
		want("FLAG")
		for _, fault := range []func(){
			func() { s.Fail(errors.New("boom")) },
			func() { s.GoStale(0) },
		} {
			fault()
			want("unavailable")
			features.Set("FLAG", true)
			want("") // the connection is lost
			s.Recover()
			want("all")
			want("")
		}
		s.Stall()
		want("")
		features.Set("FLAG", false)
		want("")
		s.Recover()
		want("all")
		stop()
		want("end")

		// A watch that begins during a fault stands when that is over.
		s.Stall()
		next, stop = watch()
		want("")
		s.Fail(nil)
		want("unavailable")
		want("")
		s.Recover()
		want("all")
		want("")
		s.Fail(nil)
		want("unavailable")
		stop()
		want("end")

		s.Fail(nil)
		next, stop = watch()
		defer stop()
		want("unavailable")
		must(t, s.Close())
		want("store is closed")
		want("end")
	})
}

// The store behaves as one does that asks a server, also beneath another store.
func TestBeneathMirror(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		beneath := flippertest.New(t, flippertest.On("FLAG"))
		m := mirror.New(beneath.Store(), mirror.WithLogger(slog.New(slog.DiscardHandler)))
		defer m.Close()
		must(t, m.WaitReady(t.Context()))
		features := flipper.New(m)

		beneath.Set("FLAG", false)
		synctest.Wait()
		if features.IsEnabled(t.Context(), "FLAG") {
			t.Error("the mirror did not follow")
		}
		beneath.Store().Fail(nil)
		beneath.Set("FLAG", true)
		time.Sleep(time.Minute)
		if e := features.Evaluate(t.Context(), "FLAG"); e.Enabled || e.Reason != flipper.ReasonStale || e.Age != time.Minute {
			t.Errorf("while it fails: %+v", e)
		}
		beneath.Store().Recover()
		time.Sleep(time.Second)
		if e := features.Evaluate(t.Context(), "FLAG"); !e.Enabled || e.Age != 0 {
			t.Errorf("after it recovered: %+v", e)
		}
	})
}
