// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipperprometheus_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/cached"
	"github.com/flipper-go/flipper/store/instrumented"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/telemetry/flipperprometheus"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = flipper.WithLogger(slog.New(slog.DiscardHandler))

// gather returns all series of a collector, from a registry that checks what it
// collects.
func gather(t *testing.T, c prometheus.Collector) map[string]float64 {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(c)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	series := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			var labels []string
			for _, label := range m.GetLabel() {
				labels = append(labels, fmt.Sprintf("%s=%s", label.GetName(), label.GetValue()))
			}
			value := m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
			series[family.GetName()+"{"+strings.Join(labels, ",")+"}"] = value
		}
	}
	return series
}

func want(t *testing.T, c prometheus.Collector, want map[string]float64) {
	t.Helper()
	if got := gather(t, c); !maps.Equal(got, want) {
		t.Errorf("series are %v\nwant %v", got, want)
	}
}

func TestEvaluations(t *testing.T) {
	c := flipperprometheus.NewCollector(flipperprometheus.WithMaxFlags(1))
	features := flipper.New(memory.New(), flipper.WithHook(c), quiet)
	for _, name := range []string{"first", "second"} {
		if _, err := features.Create(t.Context(), name, flipper.WithEnabled(true)); err != nil {
			t.Fatal(err)
		}
	}
	want(t, c, map[string]float64{})
	features.IsEnabled(t.Context(), "first")
	features.IsEnabled(t.Context(), "first")
	features.IsEnabled(t.Context(), "second")
	for i := range 100 {
		features.IsEnabled(t.Context(), fmt.Sprint("missing-", i))
	}
	want(t, c, map[string]float64{
		"flipper_evaluations_total{enabled=true,error_type=,flag=first,reason=static}":                2,
		"flipper_evaluations_total{enabled=true,error_type=,flag=_other,reason=static}":               1,
		"flipper_evaluations_total{enabled=false,error_type=flag_not_found,flag=_other,reason=error}": 100,
	})
}

func TestMillionUnknownNames(t *testing.T) {
	c := flipperprometheus.NewCollector()
	features := flipper.New(memory.New(), flipper.WithHook(c))
	const n = 1_000_000
	for i := range n {
		features.Evaluate(t.Context(), fmt.Sprintf("unknown-%d", i))
	}
	want(t, c, map[string]float64{"flipper_evaluations_total{enabled=false,error_type=flag_not_found,flag=_other,reason=error}": n})
}

// failing is a store that is gone.
type failing struct{ store.Store }

func (failing) Get(context.Context, string) (*store.Flag, error) { return nil, store.ErrUnavailable }

func TestStoreCalls(t *testing.T) {
	c := flipperprometheus.NewCollector()
	flags := memory.New()
	s := instrumented.New(flags, c)
	if _, err := s.Put(t.Context(), &store.Flag{Name: "a"}); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		_, _ = s.Get(t.Context(), "a")
	}
	_, _ = s.Get(t.Context(), "b")
	for range s.List(t.Context()) {
	}
	_ = s.Delete(t.Context(), "b")
	_, _ = instrumented.New(failing{flags}, c).Get(t.Context(), "a")
	for change, err := range s.(store.Watcher).Watch(t.Context()) {
		if err != nil {
			break
		}
		if change.All {
			_ = flags.Delete(t.Context(), "a")
			continue
		}
		_ = flags.Close()
	}
	want(t, c, map[string]float64{
		"flipper_store_call_duration_seconds{operation=put}":                          1,
		"flipper_store_call_duration_seconds{operation=get}":                          5,
		"flipper_store_call_duration_seconds{operation=list}":                         1,
		"flipper_store_call_duration_seconds{operation=delete}":                       1,
		"flipper_store_call_errors_total{error_type=flag_not_found,operation=get}":    1,
		"flipper_store_call_errors_total{error_type=unavailable,operation=get}":       1,
		"flipper_store_call_errors_total{error_type=flag_not_found,operation=delete}": 1,
		"flipper_store_watch_events_total{event=all}":                                 1,
		"flipper_store_watch_events_total{event=change}":                              1,
		"flipper_store_watch_events_total{event=error}":                               1,
	})
}

// slow is a store that takes its time.
type slow struct{ store.Store }

func (s slow) Get(ctx context.Context, name string) (*store.Flag, error) {
	time.Sleep(30 * time.Millisecond)
	return s.Store.Get(ctx, name)
}

func TestDuration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := flipperprometheus.NewCollector(flipperprometheus.WithBuckets(0.01, 0.1))
		_, _ = instrumented.New(slow{memory.New()}, c).Get(t.Context(), "a")
		const want = `
# HELP flipper_store_call_duration_seconds How long calls of the store took.
# TYPE flipper_store_call_duration_seconds histogram
flipper_store_call_duration_seconds_bucket{operation="get",le="0.01"} 0
flipper_store_call_duration_seconds_bucket{operation="get",le="0.1"} 1
flipper_store_call_duration_seconds_bucket{operation="get",le="+Inf"} 1
flipper_store_call_duration_seconds_sum{operation="get"} 0.03
flipper_store_call_duration_seconds_count{operation="get"} 1
`
		if err := testutil.CollectAndCompare(c, strings.NewReader(want), "flipper_store_call_duration_seconds"); err != nil {
			t.Error(err)
		}
	})
}

func TestAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := flipperprometheus.NewCollector()
		flags := memory.New()
		held := cached.New(struct{ store.Store }{flags})
		defer held.Close()
		c.ObserveAge(held)
		features := flipper.New(held, flipper.WithHook(c), quiet)
		if _, err := features.Create(t.Context(), "flag"); err != nil {
			t.Fatal(err)
		}
		features.IsEnabled(t.Context(), "flag")
		time.Sleep(90 * time.Second)
		got := gather(t, c)
		if got["flipper_flag_age_seconds{}"] != 90 || got["flipper_stale_flags{}"] != 0 {
			t.Errorf("series are %v, want an age of 90", got)
		}
		c.ObserveAge(flags) // tells no age
		if _, ok := gather(t, c)["flipper_flag_age_seconds{}"]; ok {
			t.Error("a store that tells no age has one")
		}
	})
}

// What is collected while everything goes on is whole.
func TestConcurrency(t *testing.T) {
	c := flipperprometheus.NewCollector(flipperprometheus.WithMaxFlags(50))
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			c.Evaluated(t.Context(), fmt.Sprint("flag-", i%100), flipper.Evaluation{Reason: flipper.ReasonSplit})
			_, end := c.Begin(t.Context(), instrumented.Call{Operation: instrumented.OperationGet})
			end(errors.New("something"))
		}
	}()
	for range 20 {
		gather(t, c)
	}
	close(stop)
	<-done
	got := gather(t, c)
	names := slices.DeleteFunc(slices.Collect(maps.Keys(got)), func(name string) bool { return !strings.HasPrefix(name, "flipper_evaluations_total") })
	if len(names) > 51 {
		t.Errorf("%d series of evaluations, want at most 51", len(names))
	}
}

func TestLint(t *testing.T) {
	c := flipperprometheus.NewCollector()
	held := cached.New(memory.New())
	defer held.Close()
	c.ObserveAge(held)
	c.Evaluated(t.Context(), "flag", flipper.Evaluation{})
	_, end := c.Begin(t.Context(), instrumented.Call{Operation: instrumented.OperationGet})
	end(store.ErrNotFound)
	c.Watched(t.Context(), store.Change{All: true}, nil)
	problems, err := testutil.CollectAndLint(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range problems {
		t.Errorf("%s: %s", problem.Metric, problem.Text)
	}
}

func ExampleNewCollector() {
	metrics := flipperprometheus.NewCollector()
	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics)

	flags := instrumented.New(memory.New(), metrics)
	features := flipper.New(flags, flipper.WithHook(metrics))

	ctx := context.Background()
	flag, err := features.Create(ctx, "NEW_SEARCH", flipper.WithEnabled(true))
	if err != nil {
		fmt.Println(err)
		return
	}
	flag.IsEnabled(ctx)

	families, err := registry.Gather()
	if err != nil {
		fmt.Println(err)
	}
	for _, family := range families {
		fmt.Println(family.GetName(), len(family.GetMetric()))
	}
	// Output:
	// flipper_evaluations_total 1
	// flipper_store_call_duration_seconds 1
}
