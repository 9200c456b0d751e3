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

	"github.com/flipper-go/flipper/internal/redistest"
	"github.com/flipper-go/flipper/store"
)

// BenchmarkGet compares Get with the client's GET of the same key.
func BenchmarkGet(b *testing.B) {
	client := redistest.Start(b).Client(b)
	s := newStore(b, client)
	if _, err := s.Put(b.Context(), &store.Flag{Name: "FLAG"}); err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(b.Context(), time.Hour)
	defer cancel()
	for what, get := range map[string]func() error{
		"Client": func() error { return client.Get(ctx, "features/FLAG").Err() },
		"Store":  func() error { _, err := s.Get(ctx, "FLAG"); return err },
	} {
		b.Run(what, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := get(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
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

// BenchmarkList lists flags among keys that are none.
func BenchmarkList(b *testing.B) {
	for _, c := range []struct{ flags, others int }{{10, 0}, {1000, 0}, {100_000, 0}, {1000, 1_000_000}} {
		b.Run(fmt.Sprintf("%d,others=%d", c.flags, c.others), func(b *testing.B) {
			client := redistest.Start(b, "--appendonly", "no").Client(b)
			s := newStore(b, client)
			fill(b, client, c.flags, func(i int) (key, text string) {
				name := fmt.Sprint("FLAG", i)
				return s.key(name), item(name, true, i)
			})
			fill(b, client, c.others, func(i int) (key, text string) { return fmt.Sprint("other:", i), "" })
			for b.Loop() {
				n := 0
				for _, err := range s.List(b.Context()) {
					if err != nil {
						b.Fatal(err)
					}
					n++
				}
				if n != c.flags {
					b.Fatalf("%d flags", n)
				}
			}
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
