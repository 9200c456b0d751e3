// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package composition_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/internal/consultest"
	"github.com/flipper-go/flipper/internal/redistest"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/consul"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/store/mirror"
	"github.com/flipper-go/flipper/store/redis"
	"github.com/flipper-go/flipper/targeting/carta"
)

// A local store is a store that answers from memory, once it is ready.
type local interface {
	store.Watcher
	store.Peeker
	Close() error
}

// A growing backend holds a number of flags. put is another client's write.
type growing struct {
	open func(b *testing.B) local
	put  func(f *store.Flag)
}

// flagNumber returns a flag with two conditions, as many have.
func flagNumber(i int, enabled bool) *store.Flag {
	return &store.Flag{
		Name: fmt.Sprint("FLAG_", i), Enabled: enabled, Created: time.Unix(1_700_000_000, 0),
		Conditions: []carta.Condition{
			carta.NewCondition(carta.GreaterOrEqual("age", 18)),
			carta.NewCondition(carta.In("plan", "pro", "team")),
		},
	}
}

func text(b *testing.B, f *store.Flag) []byte {
	b.Helper()
	item, err := store.Encode(f)
	if err != nil {
		b.Fatal(err)
	}
	return item
}

func growMemory(b *testing.B, flags int) growing {
	s := memory.New()
	put := func(f *store.Flag) {
		if old, err := s.Get(b.Context(), f.Name); err == nil {
			f.Revision = old.Revision
		}
		if _, err := s.Put(b.Context(), f); err != nil {
			b.Fatal(err)
		}
	}
	for i := range flags {
		put(flagNumber(i, true))
	}
	return growing{func(*testing.B) local { return mirror.New(s, mirror.WithLogger(quiet)) }, put}
}

func growThrift(b *testing.B, flags int) growing {
	below := serve(b)
	put := func(f *store.Flag) {
		if old, err := below.flags.Get(b.Context(), f.Name); err == nil {
			f.Revision = old.Revision
		}
		if _, err := below.flags.Put(b.Context(), f); err != nil {
			b.Fatal(err)
		}
	}
	for i := range flags {
		put(flagNumber(i, true))
	}
	return growing{func(b *testing.B) local { return mirror.New(dial(b, below.address), mirror.WithLogger(quiet)) }, put}
}

func growRedis(unrelated int) func(*testing.B, int) growing {
	return func(b *testing.B, flags int) growing {
		client := redistest.Start(b).Client(b)
		fill := func(n int, key func(int) string, value func(int) []byte) {
			for numbers := range slices.Chunk(slices.Collect(rangeOver(n)), 10_000) {
				if _, err := client.Pipelined(b.Context(), func(p goredis.Pipeliner) error {
					for _, i := range numbers {
						p.Set(b.Context(), key(i), value(i), 0)
					}
					return nil
				}); err != nil {
					b.Fatal(err)
				}
			}
		}
		fill(unrelated, func(i int) string { return fmt.Sprint("session:", i) }, func(int) []byte { return []byte("x") })
		fill(flags, func(i int) string { return fmt.Sprint("features/FLAG_", i) }, func(i int) []byte { return text(b, flagNumber(i, true)) })
		open := func(b *testing.B) local {
			s, err := redis.New(client, redis.WithLogger(quiet))
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { _ = s.Close() })
			return mirror.New(s, mirror.WithLogger(quiet), mirror.WithReadTimeout(time.Minute))
		}
		return growing{open, func(f *store.Flag) {
			if err := client.Set(b.Context(), "features/"+f.Name, text(b, f), 0).Err(); err != nil {
				b.Fatal(err)
			}
		}}
	}
}

func rangeOver(n int) func(func(int) bool) {
	return func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	}
}

func growConsul(b *testing.B, flags int) growing {
	client := consultest.Options{Memory: true}.Start(b).Client(b)
	s, err := consul.New(client, consul.WithLogger(quiet))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	for i := range flags {
		if _, err := s.Put(b.Context(), flagNumber(i, true)); err != nil {
			b.Fatal(err)
		}
	}
	open := func(b *testing.B) local {
		s, err := consul.New(client, consul.WithLogger(quiet))
		if err != nil {
			b.Fatal(err)
		}
		return s
	}
	return growing{open, func(f *store.Flag) {
		if _, err := store.Update(b.Context(), s, f.Name, func(stored *store.Flag) error {
			stored.Enabled = f.Enabled
			return nil
		}); err != nil {
			b.Fatal(err)
		}
	}}
}

// BenchmarkGrowth is what a store that answers from memory costs as the flags
// grow in number: to have all of them at the start, the memory of each, how long
// after a write by another client began a change is answered, and a check with
// two attributes. Each is measured once or some times, whatever -benchtime says.
func BenchmarkGrowth(b *testing.B) {
	for _, c := range []struct {
		name  string
		start func(*testing.B, int) growing
		sizes []int
	}{
		{"Memory", growMemory, []int{10, 1_000, 100_000}},
		{"Thrift", growThrift, []int{10, 1_000, 100_000}},
		{"Redis", growRedis(0), []int{10, 1_000, 100_000}},
		{"RedisAmongMillion", growRedis(1_000_000), []int{10, 1_000, 100_000}},
		{"Consul", growConsul, []int{10, 1_000}}, // it is for a few thousand
	} {
		for _, n := range c.sizes {
			b.Run(fmt.Sprint(c.name, "/", n), func(b *testing.B) {
				backend := c.start(b, n)
				before := heap()
				began := time.Now()
				s := backend.open(b)
				if err := s.(interface{ WaitReady(context.Context) error }).WaitReady(b.Context()); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(time.Since(began).Microseconds())/1e3, "start-ms")
				b.ReportMetric(float64(heap()-before)/float64(n), "bytes/flag")

				var took []time.Duration
				for i := range 101 {
					on := i%2 == 1
					began := time.Now()
					backend.put(flagNumber(7, on))
					for f, _ := s.Peek("FLAG_7"); f.Enabled != on; f, _ = s.Peek("FLAG_7") {
						time.Sleep(20 * time.Microsecond)
					}
					took = append(took, time.Since(began))
					time.Sleep(20 * time.Millisecond) // people make changes
				}
				slices.Sort(took)
				b.ReportMetric(float64(took[len(took)/2].Microseconds()), "change-p50-µs")

				features := flipper.New(s)
				const checks = 1_000_000
				began = time.Now()
				for range checks {
					features.IsEnabled(b.Context(), "FLAG_7", flipper.Int("age", 20), flipper.String("plan", "pro"))
				}
				b.ReportMetric(float64(time.Since(began).Nanoseconds())/checks, "check-ns")
				b.ReportMetric(0, "ns/op")
				runtime.KeepAlive(s)
				_ = s.Close()
			})
		}
	}
}

func heap() int64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}
