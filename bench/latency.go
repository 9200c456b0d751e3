// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/bench/peers"
	"github.com/flipper-go/flipper/internal/measure"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
)

const changesPerSecond = 1_000

// A window is a time in which each check was timed by itself.
type window struct {
	times  *measure.Histogram
	others float64
}

// latencies are what was found of checks timed one by one, the clock's own time
// taken off.
type latencies struct {
	Name    string  `json:"name"`
	Changes float64 `json:"changes_per_second"`
	Checks  uint64  `json:"checks"`
	P50     float64 `json:"p50"`
	P99     float64 `json:"p99"`
	P999    float64 `json:"p99_9"`
}

// latency measures the slowest checks, without changes and with.
func latency(r *runner) error {
	const clockName = "the clock"
	type reader struct {
		name  string
		ask   func(i int) bool
		store store.Store // that is changed meanwhile
		all   *set        // what is in it
	}
	var readers []reader
	ctx := r.Context()
	var noFlag bool
	for _, n := range []int{1_000, manyFlags} {
		all := newSet(peers.Rule, n)
		s, client, err := r.inMemory(all.flags)
		if err != nil {
			return err
		}
		if err := check(r, []subject{{overMemory, client}}, peers.Rule, all); err != nil {
			return err
		}
		if n == 1_000 {
			flags := newFloor(all)
			readers = append(readers,
				reader{clockName, func(int) bool { return noFlag }, s, all},
				reader{"floor: a map that nobody changes", func(i int) bool {
					flag := (*flags.flags.Load())[all.names[i&(asked-1)]]
					return flag != nil && flag.enabled && flag.plan == everybody[i&(users-1)].plan
				}, s, all})
		}
		readers = append(readers, reader{fmt.Sprintf("%s, n=%s", overMemory, thousands(float64(n))), func(i int) bool {
			return client.IsEnabled(ctx, all.names[i&(asked-1)], flipper.String("plan", everybody[i&(users-1)].plan))
		}, s, all})
	}

	windows := map[bool][][]window{false: make([][]window, len(readers)), true: make([][]window, len(readers))}
	var changed int
	var changing time.Duration
	r.progress("%d readers", len(readers))
	for range 2 * r.options.Samples {
		for i, reader := range readers {
			for _, busy := range []bool{false, true} {
				if err := ctx.Err(); err != nil {
					return err
				}
				runtime.GC()
				took := &measure.Histogram{}
				others := measure.Others(func() {
					if !busy {
						timeChecks(took, r.options.Duration, reader.ask)
						return
					}
					n, elapsed := whileChanging(ctx, reader.store, reader.all, func() { timeChecks(took, r.options.Duration, reader.ask) })
					changed += n
					changing += elapsed
				})
				windows[busy][i] = append(windows[busy][i], window{took, others})
			}
		}
	}

	rate := float64(changed) / changing.Seconds()
	clock := float64(merge(windows[false][0]).Quantile(0.5))
	t := table{
		title: "The slowest checks, while flags change",
		note: fmt.Sprintf("One rule, with a fresh attribute; each check is timed by itself, and the clock's own %s are taken off. "+
			"Meanwhile another goroutine changes %.0f flags a second in the same store, those that are asked for.", nanoseconds(clock), rate),
		columns: []string{"", "p50", "p99", "p99.9", "changing: p50", "p99", "p99.9", "p99.9 × without"},
	}
	var results []latencies
	for i, reader := range readers {
		quiet, busy := merge(windows[false][i]), merge(windows[true][i])
		off := clock
		if i == 0 {
			off = 0
		}
		without, with := summary(reader.name, 0, quiet, off), summary(reader.name, rate, busy, off)
		results = append(results, without, with)
		ratio := with.P999 / without.P999
		t.add(reader.name, nanoseconds(without.P50), nanoseconds(without.P99), nanoseconds(without.P999),
			nanoseconds(with.P50), nanoseconds(with.P99), nanoseconds(with.P999), times(ratio))
		if i >= 2 {
			r.report.atMost(reader.name+": p99.9 of a check while flags change, × without", ratio, 2, "×")
		} else if i == 1 {
			r.report.fact("a map that nobody changes: p99.9 of a check while flags change, × without", times(ratio))
		}
	}
	r.report.atLeast("flags changed a second meanwhile", rate, 0.9*changesPerSecond, "")
	r.report.table(t)
	r.report.raw("latency", results)
	return nil
}

// timeChecks asks for d, and times each answer.
func timeChecks(took *measure.Histogram, d time.Duration, ask func(i int) bool) {
	yes := 0
	for i, began := 0, time.Now(); ; i++ {
		asked := time.Now()
		if ask(i) {
			yes++
		}
		answered := time.Now()
		took.Add(answered.Sub(asked))
		if answered.Sub(began) > d {
			break
		}
	}
	runtime.KeepAlive(yes)
}

// whileChanging runs f while flags change, and returns how many did, in which time.
func whileChanging(ctx context.Context, s store.Store, all *set, f func()) (changed int, elapsed time.Duration) {
	ctx, cancel := context.WithCancel(ctx)
	began := time.Now()
	var writer sync.WaitGroup
	writer.Go(func() {
		const pause = time.Second / changesPerSecond
		ticker := time.NewTicker(pause)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			// A tick that comes late makes up for those that were left out.
			for changed < int(time.Since(began)/pause) {
				// Those that are asked for are changed, too.
				name := all.names[changed%asked]
				_, err := store.Update(ctx, s, name, func(flag *store.Flag) error {
					flag.ClientData = targeting.JSON(fmt.Sprintf(`{"time": %d}`, time.Now().UnixNano()))
					return nil
				})
				if err != nil {
					return
				}
				changed++
			}
		}
	})
	f()
	cancel()
	writer.Wait()
	return changed, time.Since(began)
}

// merge adds up the windows that are not spoilt.
func merge(windows []window) *measure.Histogram {
	all := &measure.Histogram{}
	kept, _ := measure.Keep(windows, func(w window) float64 { return w.others })
	for _, w := range kept {
		all.Merge(w.times)
	}
	return all
}

func summary(name string, rate float64, h *measure.Histogram, clock float64) latencies {
	at := func(share float64) float64 { return max(0, float64(h.Quantile(share))-clock) }
	return latencies{Name: name, Changes: rate, Checks: h.Count(), P50: at(0.5), P99: at(0.99), P999: at(0.999)}
}
