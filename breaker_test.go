// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipper_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/cached"
	"github.com/flipper-go/flipper/store/instrumented"
)

// TestBreaker asks for ten flags, over and over, during an outage of an hour.
func TestBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFaultyStore()
		var log bytes.Buffer
		reported := 0
		c := flipper.New(s, flipper.WithLogger(slog.New(slog.NewTextHandler(&log, nil))),
			flipper.WithErrorHandler(func(context.Context, string, error) { reported++ }))
		for i := range 10 {
			mustCreate(t, c, fmt.Sprint(i), on())
		}
		s.hanging.Store(true)
		page := func() (waited time.Duration) {
			began := time.Now()
			for i := range 10 {
				if c.IsEnabled(t.Context(), fmt.Sprint(i)) || !c.IsEnabledOr(t.Context(), fmt.Sprint(i), true) {
					t.Error("the answer is not the default")
				}
			}
			return time.Since(began)
		}
		if waited := page(); waited != flipper.DefaultTimeout {
			t.Errorf("the first request waited %v, want one time-out", waited)
		}
		before := s.gets.Load()
		for range 3600 {
			if waited := page(); waited != 0 {
				t.Fatalf("a later request waited %v", waited)
			}
			time.Sleep(time.Second)
		}
		if asked := s.gets.Load() - before; asked < 1000 || asked > 3600 {
			t.Errorf("the store was asked %d times in an hour, want about one question a second or two", asked)
		}
		if reported != 20*3601 {
			t.Errorf("%d evaluations were reported, want each", reported)
		}
		s.hanging.Store(false)
		time.Sleep(3 * time.Second)
		c.IsEnabled(t.Context(), "0") // a check has the probe started
		synctest.Wait()
		if !c.IsEnabled(t.Context(), "0") {
			t.Error("the store is back, and not asked")
		}
		lines := strings.Count(log.String(), "\n")
		if lines > 3 || !strings.Contains(log.String(), "answers again") {
			t.Errorf("an outage of an hour is %d lines:\n%s", lines, log.String())
		}
	})
}

// TestBreakerInBulk has a page of flags open the breaker, and use it.
func TestBreakerInBulk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFaultyStore()
		c := flipper.New(s, quiet())
		var names []string
		for i := range 40 {
			names = append(names, fmt.Sprint(i))
			mustCreate(t, c, names[i], on())
		}
		s.hanging.Store(true)
		for _, want := range []time.Duration{flipper.DefaultTimeout, 0} {
			began := time.Now()
			for _, e := range c.EvaluateNames(t.Context(), names) {
				if !errors.Is(e.Err, store.ErrUnavailable) {
					t.Fatalf("%+v", e)
				}
			}
			if waited := time.Since(began); waited != want {
				t.Errorf("a page waited %v, want %v", waited, want)
			}
		}
		s.hanging.Store(false)
		c.IsEnabled(t.Context(), "0")
		synctest.Wait()
		time.Sleep(2 * flipper.DefaultTimeout) // a probe that hung ends
		c.IsEnabled(t.Context(), "0")
		synctest.Wait()
		if e := c.EvaluateNames(t.Context(), names)[39]; !e.Enabled {
			t.Errorf("%+v after the store is back", e)
		}
	})
}

// TestSlowAnswersShareTheTimeout has a store that answers every question, each time
// shortly before the time-out.
func TestSlowAnswersShareTheTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFaultyStore()
		c := flipper.New(s, quiet())
		for i := range 10 {
			mustCreate(t, c, fmt.Sprint(i), on())
		}
		s.onGet = func(string) { time.Sleep(flipper.DefaultTimeout * 2 / 5) }
		ctx := flipper.WithPinnedFlags(t.Context())
		began := time.Now()
		var answered int
		for i := range 10 {
			if c.IsEnabled(ctx, fmt.Sprint(i)) {
				answered++
			}
		}
		if waited := time.Since(began); waited > 2*flipper.DefaultTimeout || answered < 2 {
			t.Errorf("ten checks of one request waited %v, and %d were answered", waited, answered)
		}
		if !c.IsEnabled(flipper.WithPinnedFlags(t.Context()), "9") {
			t.Error("one slow request opened the breaker for all")
		}
	})
}

// TestBreakerLeavesWhatIsHeld has a flag that is not held open the breaker of a cache. A
// flag that is held, and would be read again, is answered as it was.
func TestBreakerLeavesWhatIsHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFaultyStore()
		cache := cached.New(s, cached.WithTTL(time.Second))
		defer cache.Close()
		c := flipper.New(instrumented.New(cache), quiet())
		mustCreate(t, c, "held", on())
		mustCreate(t, c, "other", on())
		if !c.IsEnabled(t.Context(), "held") {
			t.Fatal("off")
		}
		time.Sleep(time.Minute)
		must(t, flipper.New(s.Store).Disable(t.Context(), "held"))
		s.hanging.Store(true)
		if e := c.Evaluate(t.Context(), "nobody"); !errors.Is(e.Err, store.ErrUnavailable) && !errors.Is(e.Err, context.DeadlineExceeded) {
			t.Fatalf("%+v", e)
		}
		began := time.Now()
		for range 10 {
			if e := c.Evaluate(t.Context(), "held"); !e.Enabled || e.Reason != flipper.ReasonStale && e.Reason != flipper.ReasonCached {
				t.Errorf("held: %+v", e)
			}
			if e := c.EvaluateNames(t.Context(), []string{"nobody", "held"})[1]; !e.Enabled {
				t.Errorf("held, in bulk: %+v", e)
			}
			time.Sleep(10 * time.Millisecond)
		}
		if waited := time.Since(began); waited > 200*time.Millisecond {
			t.Errorf("what is held took %v", waited)
		}
		s.hanging.Store(false)
		for range 10 {
			time.Sleep(time.Second)
			c.Evaluate(t.Context(), "held")
			synctest.Wait()
		}
		if e := c.Evaluate(t.Context(), "held"); e.Enabled || e.Err != nil {
			t.Errorf("the store is back, and the flag is %+v", e)
		}
	})
}

// TestFailuresOpenTheBreaker has a store that fails, at once or after some time, but
// before the time-out.
func TestFailuresOpenTheBreaker(t *testing.T) {
	for name, delay := range map[string]time.Duration{"AtOnce": 0, "Late": 300 * time.Millisecond, "NearlyLate": 900 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := slowlyFailing{newFaultyStore(), delay}
				var log bytes.Buffer
				c := flipper.New(s, flipper.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
				for i := range 10 {
					mustCreate(t, flipper.New(s.Store), fmt.Sprint(i), on())
				}
				s.fail(errDown)
				for minute := range 60 {
					began := time.Now()
					for i := range 10 {
						c.IsEnabled(t.Context(), fmt.Sprint(i))
					}
					if waited := time.Since(began); waited > flipper.DefaultTimeout+flipper.DefaultTimeout/10 {
						t.Errorf("ten checks waited %v in minute %d", waited, minute)
					}
					time.Sleep(time.Minute)
				}
				s.heal()
				c.IsEnabled(t.Context(), "0")
				time.Sleep(time.Second)
				if !c.IsEnabled(t.Context(), "0") {
					t.Error("the store is back, and not asked")
				}
				synctest.Wait()
				if lines := strings.Count(log.String(), "\n"); lines > 7 {
					t.Errorf("an outage of an hour is %d lines:\n%s", lines, log.String())
				}
			})
		})
	}
}

// A slowlyFailing store takes its time.
type slowlyFailing struct {
	*faultyStore
	delay time.Duration
}

func (s slowlyFailing) Get(ctx context.Context, name string) (*store.Flag, error) {
	if s.err.Load() != nil {
		select {
		case <-time.After(s.delay):
		case <-ctx.Done():
		}
	}
	return s.faultyStore.Get(ctx, name)
}

// TestFewWaitTogether has a thousand requests come within the first second of an outage.
// They cannot all wait.
func TestFewWaitTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFaultyStore()
		c := flipper.New(s, quiet())
		mustCreate(t, c, "flag", on())
		s.hanging.Store(true)
		var requests sync.WaitGroup
		var waited, longest atomic.Int64
		for range 1000 {
			requests.Go(func() {
				began := time.Now()
				for range 10 {
					c.IsEnabled(t.Context(), "flag")
				}
				if took := int64(time.Since(began)); took > 0 {
					waited.Add(1)
					longest.Store(max(longest.Load(), took))
				}
			})
			time.Sleep(time.Millisecond)
		}
		requests.Wait()
		// Those of the first quarter of the time-out.
		if n := waited.Load(); n > 260 {
			t.Errorf("%d of 1,000 requests waited", n)
		}
		if d := time.Duration(longest.Load()); d > flipper.DefaultTimeout {
			t.Errorf("a request waited %v", d)
		}
		time.Sleep(2 * flipper.DefaultTimeout) // the probe ends
	})
}

// A crowd that comes at once to a store that answers is served.
func TestCrowdIsServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFaultyStore()
		c := flipper.New(s, quiet())
		mustCreate(t, c, "flag", on())
		s.onGet = func(string) { time.Sleep(flipper.DefaultTimeout * 3 / 5) }
		var requests sync.WaitGroup
		var off atomic.Int64
		for range 5000 {
			requests.Go(func() {
				if !c.IsEnabled(t.Context(), "flag") {
					off.Add(1)
				}
			})
		}
		requests.Wait()
		if n := off.Load(); n > 0 {
			t.Errorf("%d of 5,000 got the default", n)
		}
	})
}
