// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipper_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/store"
)

// A logCounter counts what is logged.
type logCounter struct {
	slog.Handler
	records atomic.Int64
}

func newLogCounter() *logCounter { return &logCounter{Handler: slog.DiscardHandler} }

func (h *logCounter) Enabled(context.Context, slog.Level) bool { return true }

func (h *logCounter) Handle(context.Context, slog.Record) error {
	h.records.Add(1)
	return nil
}

func TestReport(t *testing.T) {
	var out bytes.Buffer
	var told []string
	c := newClient(t,
		flipper.WithLogger(slog.New(slog.NewTextHandler(&out, nil))),
		flipper.WithErrorHandler(func(ctx context.Context, name string, err error) {
			if ctx != t.Context() || !errors.Is(err, store.ErrNotFound) {
				t.Errorf("told of %v", err)
			}
			told = append(told, name)
		}))
	mustCreate(t, c, "flag", on())
	c.IsEnabled(t.Context(), "flag")
	c.Evaluate(t.Context(), "nobody") // returns its error instead
	if out.Len() > 0 || len(told) > 0 {
		t.Errorf("reported without reason: %s %v", &out, told)
	}
	c.IsEnabled(t.Context(), "nobody")
	if text := out.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "level=WARN") ||
		!strings.Contains(text, "flag=nobody") || !strings.Contains(text, `error="flag not found"`) {
		t.Errorf("logged %q", text)
	}
	for range 9 {
		c.IsEnabledOr(t.Context(), "nobody", true)
	}
	if strings.Count(out.String(), "\n") != 1 {
		t.Errorf("logged again: %s", &out)
	}
	if len(told) != 10 {
		t.Errorf("the handler was told %d times of 10", len(told))
	}
}

func TestDefaultLogger(t *testing.T) {
	before := slog.Default()
	defer slog.SetDefault(before)
	counter := newLogCounter()
	c := flipper.New(newFaultyStore()) // made before the logger is set
	slog.SetDefault(slog.New(counter))
	c.IsEnabled(t.Context(), "nobody")
	if counter.records.Load() != 1 {
		t.Errorf("%d records in the default logger", counter.records.Load())
	}
}

func TestReportOncePerCauseAndMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		counter := newLogCounter()
		s := newFaultyStore()
		c := flipper.New(s, flipper.WithLogger(slog.New(counter)))
		expect := func(what string, want int64) {
			t.Helper()
			for range 100 {
				c.IsEnabled(t.Context(), "one")
			}
			if got := counter.records.Swap(0); got != want {
				t.Errorf("%s: %d records, want %d", what, got, want)
			}
		}
		expect("first", 1)
		time.Sleep(time.Minute - time.Nanosecond)
		expect("within the minute", 0)
		time.Sleep(time.Nanosecond)
		expect("after a minute", 1)
		s.fail(errDown)
		expect("another cause", 2) // and that the store is not asked any more
		s.heal()
		time.Sleep(time.Second)         // longer than the pause after a probe that failed
		c.IsEnabled(t.Context(), "one") // has the store asked in the background
		synctest.Wait()
		if got := counter.records.Swap(0); got != 1 {
			t.Errorf("the store is back: %d records, want 1", got)
		}
		expect("the first cause again", 0)
		c.IsEnabled(t.Context(), "two")
		expect("another flag", 1) // two's record
		time.Sleep(time.Hour)
		expect("after an hour", 1)
	})
}

// Names may come from outside, so the reporter must not grow with them.
func TestReportIsBounded(t *testing.T) {
	counter := newLogCounter()
	c := newClient(t, flipper.WithLogger(slog.New(counter)))
	const names = 1_000_000
	before := heap()
	for i := range names {
		c.IsEnabled(t.Context(), fmt.Sprintf("name-%d", i))
	}
	grown := heap() - before
	// It tells 1,000 causes apart, with one more for all others.
	if got := counter.records.Load(); got != 1001 {
		t.Errorf("%d records", got)
	}
	if grown > 1<<20 {
		t.Errorf("grew by %d bytes", grown)
	}
	runtime.KeepAlive(c)
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// A flood of names does not hide that the store is down.
func TestFloodDoesNotHideOtherKinds(t *testing.T) {
	counter := newLogCounter()
	s := newFaultyStore()
	c := flipper.New(s, flipper.WithLogger(slog.New(counter)))
	for i := range 5000 {
		c.IsEnabled(t.Context(), fmt.Sprintf("name-%d", i))
	}
	counter.records.Store(0)
	s.fail(errDown)
	c.IsEnabled(t.Context(), "flag")
	if counter.records.Load() != 1 {
		t.Errorf("%d records of a store that is down", counter.records.Load())
	}
}

func TestConcurrentReports(t *testing.T) {
	counter := newLogCounter()
	var told atomic.Int64
	c := newClient(t, flipper.WithLogger(slog.New(counter)),
		flipper.WithErrorHandler(func(context.Context, string, error) { told.Add(1) }))
	var start, wg sync.WaitGroup
	start.Add(1)
	for w := range 16 {
		wg.Go(func() {
			start.Wait()
			for i := range 2000 {
				c.IsEnabled(t.Context(), fmt.Sprintf("name-%d-%d", w, i))
			}
		})
	}
	start.Done()
	wg.Wait()
	if got := counter.records.Load(); got != 1001 {
		t.Errorf("%d records, want one of each of 1,000 causes and one of all others", got)
	}
	if told.Load() != 16*2000 {
		t.Errorf("the handler was told %d times", told.Load())
	}
}
