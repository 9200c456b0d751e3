// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package impression_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/impression"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/rules"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.DiscardHandler)

// batches notes what a handler gets.
type batches struct {
	mu  sync.Mutex
	all [][]flipper.Impression
}

func (b *batches) handle(_ context.Context, batch []flipper.Impression) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.all = append(b.all, batch)
	return nil
}

// names returns the names in each batch, as one text.
func (b *batches) names() (all []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, batch := range b.all {
		var names []string
		for _, i := range batch {
			names = append(names, i.Name)
		}
		all = append(all, strings.Join(names, " "))
	}
	return all
}

func (b *batches) want(t *testing.T, want ...string) {
	t.Helper()
	if got := b.names(); !slices.Equal(got, want) {
		t.Errorf("batches are %q, want %q", got, want)
	}
}

func record(r *impression.Recorder, names ...string) {
	for _, name := range names {
		r.Record(context.Background(), flipper.Impression{Name: name})
	}
}

func mustClose(t *testing.T, r *impression.Recorder) {
	t.Helper()
	if err := r.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b batches
		r := impression.New(b.handle, impression.WithMaxBatch(3), impression.WithMaxWait(time.Minute))
		defer mustClose(t, r)

		record(r, "a", "b")
		time.Sleep(time.Minute - 1)
		synctest.Wait()
		b.want(t)
		record(r, "c") // the batch is full
		synctest.Wait()
		b.want(t, "a b c")

		record(r, "d")
		time.Sleep(30 * time.Second)
		record(r, "e")
		time.Sleep(30*time.Second - 1)
		synctest.Wait()
		b.want(t, "a b c")
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		b.want(t, "a b c", "d e")

		record(r, "f", "g", "h", "i")
		synctest.Wait()
		b.want(t, "a b c", "d e", "f g h")
		time.Sleep(time.Minute)
		synctest.Wait()
		b.want(t, "a b c", "d e", "f g h", "i")
	})
}

func TestClose(t *testing.T) {
	var b batches
	r := impression.New(b.handle, impression.WithMaxBatch(2), impression.WithMaxWait(time.Hour))
	record(r, "a", "b", "c")
	mustClose(t, r)
	mustClose(t, r)
	if got := strings.Join(b.names(), " "); got != "a b c" {
		t.Errorf("handed on %q", got)
	}
	record(r, "d")
	if got := r.Dropped(); got != 1 {
		t.Errorf("%d dropped after Close, want 1", got)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Close(ended); err != nil {
		t.Errorf("closed again, with a context that has ended: %v", err)
	}
}

// A handler that blocks delays nobody, and what does not fit is dropped. Close
// gives up when its context ends.
func TestBlockedHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var calls atomic.Int32
		r := impression.New(func(context.Context, []flipper.Impression) error {
			calls.Add(1)
			<-release
			return nil
		}, impression.WithQueueSize(2), impression.WithMaxBatch(1))
		record(r, "a")
		synctest.Wait()
		before := time.Now()
		record(r, "b", "c", "d", "e", "f")
		if waited := time.Since(before); waited != 0 {
			t.Errorf("the caller has waited for %v", waited)
		}
		if got := r.Dropped(); got != 3 {
			t.Errorf("%d dropped, want 3", got)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := r.Close(ctx)
		if !errors.Is(err, impression.ErrIncomplete) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Close: %v", err)
		}
		if waited := time.Since(before); waited != time.Second {
			t.Errorf("Close has waited for %v, want a second", waited)
		}
		if got := r.Dropped(); got != 5 {
			t.Errorf("%d dropped after Close, want 5", got)
		}
		close(release)
		mustClose(t, r)
		if got := calls.Load(); got != 1 {
			t.Errorf("the handler was called %d times, want once", got)
		}
	})
}

// The handler's context ends after a time, and when Close gives up.
func TestHandlerContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var causes []error
		r := impression.New(func(ctx context.Context, _ []flipper.Impression) error {
			<-ctx.Done()
			causes = append(causes, ctx.Err())
			return ctx.Err()
		}, impression.WithMaxBatch(1), impression.WithTimeout(5*time.Second), impression.WithLogger(quiet))
		before := time.Now()
		record(r, "a")
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if got := r.Failed(); got != 1 || time.Since(before) != 5*time.Second {
			t.Errorf("%d failed after %v", got, time.Since(before))
		}
		record(r, "b")
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := r.Close(ctx); !errors.Is(err, impression.ErrIncomplete) {
			t.Errorf("Close: %v", err)
		}
		mustClose(t, r)
		if want := []error{context.DeadlineExceeded, context.Canceled}; !slices.Equal(causes, want) {
			t.Errorf("contexts ended with %v, want %v", causes, want)
		}
	})
}

// What a handler does wrong is its own affair: it gets the next batch.
func TestFailingHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b batches
		var logged bytes.Buffer
		r := impression.New(func(ctx context.Context, batch []flipper.Impression) error {
			switch batch[0].Name {
			case "panic":
				panic("handler is broken")
			case "error":
				return errors.New("no network")
			}
			return b.handle(ctx, batch)
		}, impression.WithMaxBatch(1), impression.WithLogger(slog.New(slog.NewTextHandler(&logged, nil))))
		record(r, "panic", "error", "a")
		synctest.Wait()
		b.want(t, "a")
		if got := r.Failed(); got != 2 {
			t.Errorf("%d failed, want 2", got)
		}
		if got := logged.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "handler is broken") {
			t.Errorf("logged %q, want the first failure only", got)
		}
		time.Sleep(time.Minute)
		record(r, "error")
		synctest.Wait()
		if got := logged.String(); strings.Count(got, "\n") != 2 || !strings.Contains(got, "no network") || !strings.Contains(got, "failed_in_total=3") {
			t.Errorf("logged %q, want the failure a minute later too", got)
		}
		if r.Dropped() != 0 {
			t.Errorf("%d dropped", r.Dropped())
		}
		mustClose(t, r)
	})
}

// A handler that ends its goroutine ends the Recorder, as if it were closed.
func TestHandlerThatExits(t *testing.T) {
	r := impression.New(func(context.Context, []flipper.Impression) error {
		runtime.Goexit()
		return nil
	}, impression.WithMaxBatch(1))
	record(r, "a")
	mustClose(t, r)
	record(r, "b")
	if r.Dropped() == 0 {
		t.Error("nothing is dropped")
	}
}

// Every impression is handed on or counted.
func TestConcurrency(t *testing.T) {
	var handled atomic.Uint64
	r := impression.New(func(_ context.Context, batch []flipper.Impression) error {
		if len(batch) == 0 || len(batch) > 7 {
			t.Errorf("a batch of %d", len(batch))
		}
		for _, i := range batch {
			if i.Name == "" {
				t.Error("an impression of nothing")
			}
		}
		handled.Add(uint64(len(batch)))
		return nil
	}, impression.WithQueueSize(50), impression.WithMaxBatch(7), impression.WithMaxWait(time.Millisecond))
	const callers, each = 8, 5000
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			for range each {
				record(r, fmt.Sprint(i))
			}
			if i == 0 {
				mustClose(t, r) // others go on
			}
		})
	}
	wg.Wait()
	if got := handled.Load() + r.Dropped(); got != callers*each {
		t.Errorf("%d handed on and %d dropped are %d, want %d", handled.Load(), r.Dropped(), got, callers*each)
	}
}

func TestAttributes(t *testing.T) {
	for name, test := range map[string]struct {
		opts []impression.Option
		want string
	}{
		"ByDefault": {nil, ""},
		"Named":     {[]impression.Option{impression.WithAttributes("plan"), impression.WithAttributes("country")}, "plan=pro country=CH"},
		"All":       {[]impression.Option{impression.WithAllAttributes()}, "plan=pro email=someone@example.com country=CH"},
	} {
		t.Run(name, func(t *testing.T) {
			var b batches
			r := impression.New(b.handle, test.opts...)
			features := flipper.New(memory.New(), flipper.WithImpressions(r, 1), flipper.WithLogger(quiet))
			ctx := flipper.WithAttrs(t.Context(), flipper.String("plan", "free"), flipper.String("email", "someone@example.com"))
			attrs := []flipper.Attr{flipper.String("plan", "pro"), flipper.String("country", "CH")}
			features.IsEnabled(ctx, "flag", attrs...)
			mustClose(t, r)
			var got []string
			for _, a := range b.all[0][0].Attrs {
				got = append(got, a.Name+"="+fmt.Sprint(a.Value.Any()))
			}
			if got := strings.Join(got, " "); got != test.want {
				t.Errorf("kept %q, want %q", got, test.want)
			}
			if attrs[0].Name != "plan" || attrs[1].Name != "country" {
				t.Errorf("the caller's attributes are %v", attrs)
			}
		})
	}
}

func BenchmarkRecord(b *testing.B) {
	handler := func(context.Context, []flipper.Impression) error { return nil }
	b.Run("Room", func(b *testing.B) {
		r := impression.New(handler, impression.WithQueueSize(1<<20))
		defer r.Close(context.Background())
		for b.Loop() {
			record(r, "flag")
		}
	})
	b.Run("Full", func(b *testing.B) {
		release := make(chan struct{})
		r := impression.New(func(context.Context, []flipper.Impression) error {
			<-release
			return nil
		}, impression.WithQueueSize(1))
		for b.Loop() {
			record(r, "flag")
		}
		close(release)
		r.Close(context.Background())
	})
}

// An impression has the variant, its value and the rule that decided.
func TestVariants(t *testing.T) {
	var got batches
	recorder := impression.New(got.handle)
	features := flipper.New(memory.New(), flipper.WithImpressions(recorder, 1))
	if _, err := features.Create(t.Context(), "theme", flipper.WithEnabled(true), flipper.WithRules(rules.Definition{
		Variants: []targeting.Variant{{Name: "grey", Value: targeting.Text("#888")}, {Name: "blue", Value: targeting.Text("#00f")}},
		Off:      "grey", Default: "grey",
		Rules: []rules.Rule{{Name: "staff", If: rules.All(rules.EndsWith("email", "@example.com")), Serve: "blue"}},
	})); err != nil {
		t.Fatal(err)
	}
	features.StringOr(t.Context(), "theme", "black", flipper.String("email", "a@example.com"))
	features.StringOr(t.Context(), "theme", "black")
	features.IntOr(t.Context(), "theme", 7)
	if err := recorder.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, i := range slices.Concat(got.all...) {
		said = append(said, fmt.Sprint(i.Variant, " ", i.Value, " ", i.Rule, " ", i.RuleName, " ", i.Reason))
	}
	if want := []string{`blue "#00f" 0 staff TARGETING_MATCH`, `grey "#888" -1  DEFAULT`, ` 7 -1  ERROR`}; !slices.Equal(said, want) {
		t.Errorf("impressions are %q, want %q", said, want)
	}
}
