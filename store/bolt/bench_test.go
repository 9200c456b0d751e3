// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package bolt

import (
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/flipper-go/flipper/store"
)

// fill makes flags without waiting for the disk, and returns the file's path.
func fill(b *testing.B, n int) string {
	b.Helper()
	path := newPath(b)
	s, err := Open(path, withoutSync)
	if err != nil {
		b.Fatal(err)
	}
	for i := range n {
		put(b, s, &store.Flag{Name: "FLAG" + strconv.Itoa(i), ClientData: `{"team": "web", "ttl": 3600}`})
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	return path
}

func BenchmarkOpen(b *testing.B) {
	for _, n := range []int{100, 10_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			path := fill(b, n)
			for b.Loop() {
				s, err := Open(path)
				if err != nil {
					b.Fatal(err)
				}
				if err := s.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkGet(b *testing.B) {
	s := newStore(b, fill(b, 10_000))
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Get(ctx, "FLAG777"); err != nil {
			b.Fatal(err)
		}
	}
}

// commits returns how many transactions there were.
func commits(b *testing.B, s *Store) int {
	b.Helper()
	tx, err := s.db.Begin(false)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	return tx.ID()
}

// BenchmarkUpdate waits for the disk. Concurrent writers share its syncs.
func BenchmarkUpdate(b *testing.B) {
	for _, writers := range []int{1, 16} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			s := newStore(b, fill(b, 10_000))
			ctx := b.Context()
			var next atomic.Int64
			b.SetParallelism(writers)
			before := commits(b, s)
			defer func() { b.ReportMetric(float64(commits(b, s)-before)/float64(b.N), "commits/op") }()
			update := func() error {
				name := "FLAG" + strconv.FormatInt(next.Add(1)%10_000, 10)
				_, err := store.Update(ctx, s, name, func(f *store.Flag) error {
					f.Enabled = !f.Enabled
					return nil
				})
				return err
			}
			if writers == 1 {
				for b.Loop() {
					if err := update(); err != nil {
						b.Fatal(err)
					}
				}
				return
			}
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := update(); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}
