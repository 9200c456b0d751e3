// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package measure_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flipper-go/flipper/internal/measure"
)

var quick = measure.Options{Duration: 2 * time.Millisecond, Samples: 3, Goroutines: []int{1, 2}}

// wait is a thing that takes at least d.
func wait(d time.Duration) func(n int) int {
	return func(n int) int {
		for range n {
			for began := time.Now(); time.Since(began) < d; {
			}
		}
		return n
	}
}

var sink []byte

func TestRun(t *testing.T) {
	results, err := measure.Run(t.Context(), []measure.Row{
		{Name: "short", Run: wait(10 * time.Microsecond)},
		{Name: "long", Run: wait(100 * time.Microsecond)},
		{Name: "allocates", Serial: true, Run: func(n int) int {
			for range n {
				sink = make([]byte, 1024)
			}
			return n
		}},
	}, quick)
	if err != nil {
		t.Fatal(err)
	}
	for i, least := range []float64{10_000, 100_000} {
		if got := results[i].Nanoseconds(); got < least {
			t.Errorf("%s: %v ns, want %v or more", results[i].Name, got, least)
		}
		if got := results[i].Times[2]; got.Samples == 0 {
			t.Errorf("%s: no samples of two goroutines", results[i].Name)
		}
	}
	if got := results[2]; got.Allocations < 1 || got.Allocations >= 2 || got.Bytes < 1024 {
		t.Errorf("%v allocations of %v bytes, want 1 of 1024", got.Allocations, got.Bytes)
	}
	if _, ok := results[2].Times[2]; ok {
		t.Error("a serial row is timed in two goroutines")
	}
}

// What answers wrongly is not timed.
func TestRunWrongAnswer(t *testing.T) {
	_, err := measure.Run(t.Context(), []measure.Row{{
		Name: "liar", Run: func(n int) int { return n }, Yes: func(n int) int { return n / 2 },
	}}, quick)
	if err == nil || !strings.Contains(err.Error(), "liar") {
		t.Errorf("%v, want one about the liar", err)
	}
}

func TestRunCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	rows := []measure.Row{{Name: "x", Run: func(n int) int { return n }}}
	if _, err := measure.Run(ctx, rows, quick); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want the context's error", err)
	}
	loads := []measure.Load{{Name: "x", Clients: []func() error{func() error { return nil }}}}
	if _, err := measure.RunLoads(ctx, loads, quick); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want the context's error", err)
	}
}

func TestRunLoads(t *testing.T) {
	ask := func() error { wait(50 * time.Microsecond)(1); return nil }
	results, err := measure.RunLoads(t.Context(), []measure.Load{
		{Name: "one", Clients: []func() error{ask}},
		{Name: "three", Clients: []func() error{ask, ask, ask}},
	}, quick)
	if err != nil {
		t.Fatal(err)
	}
	for i, clients := range []int{1, 3} {
		r := results[i]
		if r.Clients != clients || r.PerSecond() <= 0 || r.PerSecond() > 20_000*float64(clients) || r.P50 < 49_000 || r.P99 < r.P50 {
			t.Errorf("%+v", r)
		}
	}
	failure := errors.New("no answer")
	_, err = measure.RunLoads(t.Context(), []measure.Load{{Name: "x", Clients: []func() error{func() error { return failure }}}}, quick)
	if !errors.Is(err, failure) {
		t.Errorf("%v, want %v", err, failure)
	}
}

func TestHistogram(t *testing.T) {
	var h, halves [2]measure.Histogram
	random := rand.New(rand.NewPCG(1, 2))
	var all []float64
	for i := range 100_000 {
		d := time.Duration(math.Exp(random.Float64() * 25)) // from 1 ns to a minute
		all = append(all, float64(d))
		h[0].Add(d)
		halves[i%2].Add(d)
	}
	halves[0].Merge(&halves[1])
	slices.Sort(all)
	for _, share := range []float64{0.01, 0.5, 0.99, 0.999} {
		want := all[int(share*float64(len(all)))]
		for _, got := range []time.Duration{h[0].Quantile(share), halves[0].Quantile(share)} {
			if math.Abs(float64(got)-want) > 1+0.02*want {
				t.Errorf("quantile %v: %v, want %v", share, got, time.Duration(want))
			}
		}
	}
	if h[0].Count() != 100_000 || halves[0].Count() != 100_000 || h[1].Quantile(0.5) != 0 {
		t.Error(h[0].Count(), halves[0].Count(), h[1].Quantile(0.5))
	}
	h[1].Add(-1)
	h[1].Add(math.MaxInt64)
	if h[1].Quantile(0) != 0 || h[1].Quantile(1) < math.MaxInt64/100*98 {
		t.Error(h[1].Quantile(0), h[1].Quantile(1))
	}
}
