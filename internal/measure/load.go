// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"context"
	"errors"
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
	// PerSecond is how many answers all clients together got in a second: the
	// median of the samples.
	PerSecond float64 `json:"per_second"`
	// The times from question to answer, in nanoseconds.
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
	// Allocations are those of one answer in this process.
	Allocations float64 `json:"allocations"`
	// Samples is how many samples were kept, and Spoilt how many were left out.
	Samples int  `json:"samples"`
	Spoilt  int  `json:"spoilt"`
	Noisy   bool `json:"noisy,omitempty"`
}

// loadSample is one sample of a load.
type loadSample struct {
	times       *Histogram
	perSecond   float64
	allocations float64
}

// RunLoads measures loads in turns, as [Run] measures rows; Goroutines does not
// count. It fails if ctx ends, or if a client gets no answer.
func RunLoads(ctx context.Context, loads []Load, opts Options) ([]LoadResult, error) {
	o := opts.withDefaults()
	samples := make([][]sample, len(loads))
	details := make([][]loadSample, len(loads))
	enough := func() bool {
		for _, s := range samples {
			if clean(s) < o.Samples {
				return false
			}
		}
		return true
	}
	for round := -1; round < o.Samples+o.Samples/2 && !enough(); round++ {
		for i, load := range loads {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			var detail loadSample
			var err error
			runtime.GC()
			others := Others(func() { detail, err = load.run(o.Duration) })
			if err != nil {
				return nil, err
			}
			if round < 0 {
				continue // connections are made, and pools filled
			}
			// The index of the details survives the sorting of samples.
			samples[i] = append(samples[i], sample{nanoseconds: float64(len(details[i])), others: others})
			details[i] = append(details[i], detail)
		}
	}
	results := make([]LoadResult, len(loads))
	for i, load := range loads {
		kept, noisy := keep(samples[i])
		var times Histogram
		var rates, counts []float64
		for _, s := range kept {
			detail := details[i][int(s.nanoseconds)]
			times.Merge(detail.times)
			rates = append(rates, detail.perSecond)
			counts = append(counts, detail.allocations)
		}
		results[i] = LoadResult{
			Name: load.Name, Clients: len(load.Clients), PerSecond: Median(rates),
			P50: float64(times.Quantile(0.5)), P99: float64(times.Quantile(0.99)), Allocations: Median(counts),
			Samples: len(kept), Spoilt: len(samples[i]) - len(kept), Noisy: noisy,
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
	return loadSample{times: &all, perSecond: n / elapsed.Seconds(), allocations: float64(after.Mallocs-before.Mallocs) / n}, nil
}
