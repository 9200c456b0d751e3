// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package redis

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/internal/redistest"
	"github.com/flipper-go/flipper/store"
)

// BenchmarkCheck compares a check through the plain store with the client's GET of
// the same key, by one goroutine and by many.
func BenchmarkCheck(b *testing.B) {
	const flags = 1000
	client := redistest.Start(b).Client(b)
	s := newStore(b, client)
	setItems(b, client, s, flags, 0)
	names, keys := make([]string, flags), make([]string, flags)
	for i := range flags {
		names[i] = fmt.Sprint("FLAG", i)
		keys[i] = s.key(names[i])
	}
	features := flipper.New(s)
	for _, goroutines := range []int{1, 4, 16, 64, 1024} {
		b.Run(fmt.Sprint("goroutines=", goroutines), func(b *testing.B) {
			ctx := b.Context()
			calls := max(2048/goroutines, 8)
			all := func(call func(i int) error) func() error {
				return func() error { return concurrently(goroutines, calls, call) }
			}
			compare(b, goroutines*calls,
				all(func(i int) error { return client.Get(ctx, keys[i%flags]).Err() }),
				all(func(i int) error { return features.Evaluate(ctx, names[i%flags]).Err }))
		})
	}
}

// concurrently makes calls from many goroutines, and returns one of their errors.
func concurrently(goroutines, calls int, call func(i int) error) error {
	var group errgroup.Group
	for g := range goroutines {
		group.Go(func() error {
			for i := range calls {
				if err := call(g + i*goroutines); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// compare runs a floor and what is measured by turns, so that both have the same
// conditions. It reports the median time of each by operation, and the median
// ratio.
func compare(b *testing.B, operations int, floor, measured func() error) {
	b.Helper()
	timed := func(run func() error) float64 {
		began := time.Now()
		if err := run(); err != nil {
			b.Fatal(err)
		}
		return float64(time.Since(began).Nanoseconds()) / float64(operations)
	}
	timed(floor)
	timed(measured)
	var floors, times, ratios []float64
	for b.Loop() {
		f, m := timed(floor), timed(measured)
		floors, times, ratios = append(floors, f), append(times, m), append(ratios, m/f)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(floors), "floor-ns")
	b.ReportMetric(median(times), "ns")
	b.ReportMetric(median(ratios), "x-floor")
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

// BenchmarkPut changes a flag, given its revision.
func BenchmarkPut(b *testing.B) {
	s := newStore(b, redistest.Start(b).Client(b))
	f, err := s.Put(b.Context(), &store.Flag{Name: "FLAG"})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		next := f.Clone()
		next.Enabled = !next.Enabled
		if f, err = s.Put(b.Context(), next); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkList compares a listing with a pipeline of GETs of the same keys, for
// flags among keys that are none.
func BenchmarkList(b *testing.B) {
	for _, c := range []struct{ flags, others int }{{10, 0}, {1000, 0}, {10_000, 0}, {100_000, 0}, {1000, 1_000_000}} {
		b.Run(fmt.Sprintf("flags=%d,others=%d", c.flags, c.others), func(b *testing.B) {
			client := redistest.Start(b, "--appendonly", "no").Client(b)
			s := newStore(b, client)
			keys := make([]string, c.flags)
			fill(b, client, c.flags, func(i int) (key, text string) {
				name := fmt.Sprint("FLAG", i)
				keys[i] = s.key(name)
				return keys[i], item(name, true, i)
			})
			fill(b, client, c.others, func(i int) (key, text string) { return fmt.Sprint("other:", i), "" })
			ctx := b.Context()
			compare(b, c.flags, func() error {
				_, err := client.Pipelined(ctx, func(p redis.Pipeliner) error {
					for _, key := range keys {
						p.Get(ctx, key)
					}
					return nil
				})
				return err
			}, func() error {
				n := 0
				for _, err := range s.List(ctx) {
					if err != nil {
						return err
					}
					n++
				}
				if n != c.flags {
					return fmt.Errorf("%d flags", n)
				}
				return nil
			})
		})
	}
}

func fill(b *testing.B, client *redis.Client, n int, at func(i int) (key, text string)) {
	b.Helper()
	for first := 0; first < n; first += 10_000 {
		_, err := client.Pipelined(b.Context(), func(p redis.Pipeliner) error {
			for i := first; i < min(first+10_000, n); i++ {
				key, text := at(i)
				p.Set(b.Context(), key, text, 0)
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkWatch takes the time from when a plain client begins to set a key until
// Watch has told of it.
func BenchmarkWatch(b *testing.B) {
	for _, protocol := range []int{3, 2} {
		b.Run(fmt.Sprint("RESP", protocol), func(b *testing.B) {
			client := redistest.Start(b).Client(b, func(o *redis.Options) { o.Protocol = protocol })
			s := newStore(b, client)
			ctx, cancel := context.WithCancel(b.Context())
			defer cancel()
			told, done := make(chan struct{}), make(chan struct{})
			go func() {
				defer close(done)
				for range s.Watch(ctx) {
					told <- struct{}{}
				}
			}()
			<-told // of everything
			var took []time.Duration
			for b.Loop() {
				began := time.Now()
				if err := client.Set(ctx, "features/FLAG", "", 0).Err(); err != nil {
					b.Fatal(err)
				}
				<-told
				took = append(took, time.Since(began))
			}
			cancel()
			<-done
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
			b.ReportMetric(float64(took[len(took)-1].Microseconds()), "max-µs")
		})
	}
}
