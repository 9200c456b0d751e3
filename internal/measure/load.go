// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// A Load is one thing that several clients ask for, each again as soon as it has
// an answer.
type Load struct {
	// Name is what the results say.
	Name string
	// Clients ask once, each in a goroutine of its own.
	Clients []func() error
}

// A LoadResult is what was measured of a load.
type LoadResult struct {
	Name    string `json:"name"`
	Clients int    `json:"clients"`
	// Rate is the time from one answer of any of the clients to the next.
	Rate Time `json:"rate"`
	// The times from question to answer, in nanoseconds.
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
	// Allocations are those of one answer in this process.
	Allocations float64 `json:"allocations"`
}

// PerSecond returns how many answers all clients together get in a second.
func (r LoadResult) PerSecond() float64 {
	if r.Rate.Median == 0 {
		return 0
	}
	return float64(time.Second) / r.Rate.Median
}

// loadSample is one sample of a load.
type loadSample struct {
	times       *Histogram
	rate        float64 // nanoseconds from one answer to the next
	allocations float64
	others      float64 // as in sample
}

func (s loadSample) spoiltBy() float64 { return s.others }

// RunLoads measures loads in turns, as [Run] measures rows; Goroutines does not
// count. It fails if ctx ends, or if a client gets no answer.
func RunLoads(ctx context.Context, loads []Load, opts Options) ([]LoadResult, error) {
	o := opts.withDefaults()
	samples := make([][]loadSample, len(loads))
	enough := func() bool {
		for _, s := range samples {
			if kept, noisy := Keep(s, loadSample.spoiltBy); noisy || len(kept) < o.Samples {
				return false
			}
		}
		return true
	}
	rounds := newRounds(o, len(loads))
	for round := -1; rounds.more(round) && !enough(); round++ {
		for i, load := range loads {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			var s loadSample
			var err error
			runtime.GC()
			others := Others(func() { s, err = load.run(o.Duration) })
			if err != nil {
				return nil, fmt.Errorf("%s: %w", load.Name, err)
			}
			if round < 0 {
				continue // connections are made, and pools filled
			}
			s.others = others
			samples[i] = append(samples[i], s)
		}
	}
	results := make([]LoadResult, len(loads))
	for i, load := range loads {
		var times Histogram
		var counts []float64
		var rates []sample
		for _, s := range samples[i] {
			rates = append(rates, sample{nanoseconds: s.rate, others: s.others})
		}
		kept, _ := Keep(samples[i], loadSample.spoiltBy)
		for _, s := range kept {
			times.Merge(s.times)
			counts = append(counts, s.allocations)
		}
		results[i] = LoadResult{
			Name: load.Name, Clients: len(load.Clients), Rate: summarize(rates),
			P50: float64(times.Quantile(0.5)), P99: float64(times.Quantile(0.99)), Allocations: Median(counts),
		}
	}
	return results, nil
}

func (l Load) run(d time.Duration) (loadSample, error) {
	times := make([]Histogram, len(l.Clients))
	errs := make([]error, len(l.Clients))
	var stop atomic.Bool
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began := time.Now()
	var clients sync.WaitGroup
	for i, ask := range l.Clients {
		clients.Go(func() {
			for asked := time.Now(); !stop.Load(); {
				if errs[i] = ask(); errs[i] != nil {
					return
				}
				answered := time.Now()
				times[i].Add(answered.Sub(asked))
				asked = answered
			}
		})
	}
	time.Sleep(d)
	stop.Store(true)
	clients.Wait()
	elapsed := time.Since(began)
	runtime.ReadMemStats(&after)
	var all Histogram
	for i := range times {
		all.Merge(&times[i])
	}
	if err := errors.Join(errs...); err != nil {
		return loadSample{}, err
	}
	n := max(1, float64(all.Count()))
	return loadSample{times: &all, rate: float64(elapsed) / n, allocations: float64(after.Mallocs-before.Mallocs) / n}, nil
}
