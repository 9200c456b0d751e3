// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipper_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting/carta"
)

const (
	nullPercentage = `{"feature_name": "flag", "is_enabled": true, "meta": {"created_date": 7, "bucketer": {"type": "PercentageBucketer", "percentage": {"type": "Percentage", "value": null}}}}`
)

func TestEvaluate(t *testing.T) {
	none := carta.NewPercentageBucketer(carta.FixedPercentage(0))
	all := carta.NewPercentageBucketer(carta.FixedPercentage(1))
	age := flipper.Int("age", 20)
	for _, test := range []struct {
		name   string
		opts   []flipper.CreateOption
		attrs  []flipper.Attr
		on     bool
		reason flipper.Reason
		err    error
	}{
		{"disabled", nil, nil, false, flipper.ReasonDisabled, nil},
		{"disabled, whatever else", []flipper.CreateOption{flipper.WithConditions(adults), flipper.WithBucketer(all)}, []flipper.Attr{age}, false, flipper.ReasonDisabled, nil},
		{"enabled", []flipper.CreateOption{on()}, nil, true, flipper.ReasonStatic, nil},
		{"enabled, attributes", []flipper.CreateOption{on()}, []flipper.Attr{age}, true, flipper.ReasonStatic, nil},
		{"condition holds", []flipper.CreateOption{on(), flipper.WithConditions(adults)}, []flipper.Attr{age}, true, flipper.ReasonTargetingMatch, nil},
		{"condition fails", []flipper.CreateOption{on(), flipper.WithConditions(adults)}, []flipper.Attr{flipper.Int("age", 7)}, false, flipper.ReasonDefault, nil},
		{"condition without attributes", []flipper.CreateOption{on(), flipper.WithConditions(adults)}, nil, true, flipper.ReasonStatic, nil},
		{"condition on what is not given", []flipper.CreateOption{on(), flipper.WithConditions(adults)}, []flipper.Attr{flipper.Bool("x", true)}, true, flipper.ReasonTargetingMatch, nil},
		{"condition and bucketer", []flipper.CreateOption{on(), flipper.WithConditions(adults), flipper.WithBucketer(none)}, []flipper.Attr{age}, true, flipper.ReasonTargetingMatch, nil},
		{"condition and bucketer without attributes", []flipper.CreateOption{on(), flipper.WithConditions(adults), flipper.WithBucketer(none)}, nil, false, flipper.ReasonSplit, nil},
		{"everybody", []flipper.CreateOption{on(), flipper.WithBucketer(all)}, nil, true, flipper.ReasonSplit, nil},
		{"nobody", []flipper.CreateOption{on(), flipper.WithBucketer(none)}, nil, false, flipper.ReasonSplit, nil},
		{"in the bucket", []flipper.CreateOption{on(), flipper.WithBucketer(half)}, []flipper.Attr{flipper.Int("user_id", 1)}, true, flipper.ReasonSplit, nil},
		{"out of the bucket", []flipper.CreateOption{on(), flipper.WithBucketer(half)}, []flipper.Attr{flipper.Int("user_id", 2)}, false, flipper.ReasonSplit, nil},
		{"of no kind to compare", []flipper.CreateOption{on(), flipper.WithConditions(adults)}, []flipper.Attr{flipper.String("age", "old")}, false, flipper.ReasonError, carta.ErrKind},
		{"the last of one name counts", []flipper.CreateOption{on(), flipper.WithConditions(adults)}, []flipper.Attr{flipper.Int("age", 7), age}, true, flipper.ReasonTargetingMatch, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newClient(t)
			flag := mustCreate(t, c, "flag", test.opts...)
			for _, got := range []flipper.Evaluation{c.Evaluate(t.Context(), "flag", test.attrs...), flag.Evaluate(t.Context(), test.attrs...)} {
				if got.Enabled != test.on || got.Reason != test.reason || !errors.Is(got.Err, test.err) || got.Age != 0 {
					t.Errorf("%+v, want %v because of %s, error %v", got, test.on, test.reason, test.err)
				}
			}
			// Where there is no answer, the default is.
			for _, otherwise := range []bool{false, true} {
				want := test.on || test.err != nil && otherwise
				if c.IsEnabledOr(t.Context(), "flag", otherwise, test.attrs...) != want || flag.IsEnabledOr(t.Context(), otherwise, test.attrs...) != want {
					t.Errorf("with the default %v the answer is not %v", otherwise, want)
				}
			}
			if c.IsEnabled(t.Context(), "flag", test.attrs...) != test.on || flag.IsEnabled(t.Context(), test.attrs...) != test.on {
				t.Errorf("IsEnabled is not %v", test.on)
			}
		})
	}
}

func on() flipper.CreateOption { return flipper.WithEnabled(true) }

func TestEvaluateErrors(t *testing.T) {
	s := newFaultyStore()
	c := flipper.New(s, quiet())
	mustCreate(t, c, "flag", on())
	for _, test := range []struct {
		name    string
		arrange func()
		flag    string
		err     error
	}{
		{"missing", func() {}, "nobody", store.ErrNotFound},
		{"unreadable", func() { s.unreadable.Store(new("flag")) }, "flag", store.ErrUnreadable},
		{"down", func() { s.fail(errDown) }, "flag", store.ErrUnavailable},
		{"closed", func() { s.fail(store.ErrClosed) }, "flag", store.ErrClosed},
		{"percentage that is no number", func() {
			s.heal()
			s.unreadable.Store(nil)
			must(t, s.Delete(t.Context(), "flag"))
			putStored(t, s, "flag", nullPercentage)
		}, "flag", carta.ErrKind},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.arrange()
			got := c.Evaluate(t.Context(), test.flag)
			wantErr(t, got.Err, test.err)
			if got.Enabled || got.Reason != flipper.ReasonError {
				t.Errorf("%+v", got)
			}
			if c.IsEnabled(t.Context(), test.flag) || !c.IsEnabledOr(t.Context(), test.flag, true) {
				t.Error("the answer is not the default")
			}
		})
	}
}

func TestCancelledEvaluation(t *testing.T) {
	c := flipper.New(newFaultyStore(), quiet())
	mustCreate(t, c, "flag", on())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wantErr(t, c.Evaluate(ctx, "flag").Err, context.Canceled)
	// What is in memory needs no time.
	held := newClient(t)
	mustCreate(t, held, "flag", on())
	if !held.IsEnabled(ctx, "flag") {
		t.Error("a store that answers from memory did not")
	}
}

// A store that hangs costs the time-out and no more.
func TestTimeout(t *testing.T) {
	for _, test := range []struct {
		name  string
		opts  []flipper.Option
		limit time.Duration // of the caller's context
		want  time.Duration
	}{
		{"by default", nil, 0, flipper.DefaultTimeout},
		{"set", []flipper.Option{flipper.WithTimeout(5 * time.Millisecond)}, 0, 5 * time.Millisecond},
		{"longer", []flipper.Option{flipper.WithTimeout(time.Hour)}, 0, time.Hour},
		{"the context allows less", nil, time.Millisecond, time.Millisecond},
		{"the context allows more", nil, time.Hour, flipper.DefaultTimeout},
		{"left to the context", []flipper.Option{flipper.WithTimeout(0)}, time.Hour, time.Hour},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newFaultyStore()
				c := flipper.New(s, append(test.opts, quiet())...)
				mustCreate(t, c, "flag", on())
				s.hanging.Store(true)
				ctx := t.Context()
				if test.limit > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, test.limit)
					defer cancel()
				}
				start := time.Now()
				got := c.Evaluate(ctx, "flag")
				if waited := time.Since(start); waited != test.want {
					t.Errorf("waited %v, want %v", waited, test.want)
				}
				wantErr(t, got.Err, context.DeadlineExceeded, store.ErrUnavailable)
				if got.Enabled || ctx.Err() == nil && !c.IsEnabledOr(ctx, "flag", true) {
					t.Error("the answer is not the default")
				}
				time.Sleep(2 * test.want) // a probe in the background ends by itself
			})
		})
	}
}

// The time-out is for evaluations. How long a change may take is the caller's
// decision.
func TestTimeoutIsNotForChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFaultyStore()
		c := flipper.New(s, quiet(), flipper.WithTimeout(time.Second))
		mustCreate(t, c, "flag")
		s.hanging.Store(true)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		wantErr(t, c.Enable(ctx, "flag"), context.DeadlineExceeded)
		if waited := time.Since(start); waited != time.Minute {
			t.Errorf("waited %v", waited)
		}
	})
}

// Cancelling ends an evaluation that waits.
func TestCancelWhileWaiting(t *testing.T) {
	s := newFaultyStore()
	s.entered = make(chan struct{})
	s.hanging.Store(true)
	c := flipper.New(s, quiet(), flipper.WithTimeout(0))
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-s.entered
		cancel()
	}()
	wantErr(t, c.Evaluate(ctx, "flag").Err, context.Canceled)
}

// A store that holds the flag in memory is not called.
func TestPeekIsPreferred(t *testing.T) {
	s := &peekStore{Store: newFaultyStore(), known: true, flag: &store.Flag{Name: "flag", Enabled: true}}
	c := flipper.New(s, quiet())
	if !c.IsEnabled(t.Context(), "flag") || s.Store.(*faultyStore).gets.Load() != 0 {
		t.Error("the flag in memory was not used")
	}
	s.flag = nil
	wantErr(t, c.Evaluate(t.Context(), "flag").Err, store.ErrNotFound)
	if s.Store.(*faultyStore).gets.Load() != 0 {
		t.Error("the store was asked for a flag that it knows is missing")
	}
	s.known = false
	mustCreate(t, flipper.New(s.Store), "flag", on())
	if before := s.Store.(*faultyStore).gets.Load(); !c.IsEnabled(t.Context(), "flag") || s.Store.(*faultyStore).gets.Load() != before+1 {
		t.Error("the store was not asked for a flag that it does not know")
	}
}

type peekStore struct {
	store.Store
	flag  *store.Flag
	known bool
}

func (s *peekStore) Peek(string) (*store.Flag, bool) { return s.flag, s.known }

// A ramp rises with the clock.
func TestRamp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t)
		ramp := carta.NewConsistentHashBucketer(carta.LinearRamp(0, 1, time.Now(), time.Hour), "user_id")
		flag := mustCreate(t, c, "flag", on(), flipper.WithBucketer(ramp))
		count := func() (n int) {
			for id := range 1000 {
				if flag.IsEnabled(t.Context(), flipper.Int("user_id", id)) {
					n++
				}
			}
			return n
		}
		last := count()
		if last != 0 {
			t.Errorf("%d of 1000 at the start", last)
		}
		for minutes := 10; minutes <= 60; minutes += 10 {
			time.Sleep(10 * time.Minute)
			n := count()
			if n <= last {
				t.Errorf("%d of 1000 after %d minutes, %d before", n, minutes, last)
			}
			last = n
		}
		if last != 1000 {
			t.Errorf("%d of 1000 at the end", last)
		}
	})
}
