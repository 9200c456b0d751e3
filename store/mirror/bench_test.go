// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package mirror_test

import (
	"fmt"
	"testing"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/memory"
)

var sizes = []int{10, 1_000, 100_000}

func filled(b *testing.B, n int) *memory.Store {
	b.Helper()
	inner := memory.New()
	for i := range n {
		put(b, inner, &store.Flag{Name: fmt.Sprint("FLAG", i), ClientData: `{"owner": "team", "ticket": 12345}`})
	}
	return inner
}

// BenchmarkPeek compares the answers of a mirror with those of the memory store,
// which has nothing else to do.
func BenchmarkPeek(b *testing.B) {
	for _, n := range sizes {
		inner := filled(b, n)
		s := ready(b, over(b, inner))
		for name, s := range map[string]store.Peeker{"Memory": inner, "Mirror": s} {
			b.Run(fmt.Sprint(name, "/", n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					s.Peek("FLAG7")
				}
			})
		}
	}
}

// BenchmarkStart makes a mirror and waits until it has all flags.
func BenchmarkStart(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			inner := filled(b, n)
			b.ReportAllocs()
			for b.Loop() {
				s := ready(b, over(b, inner))
				_ = s.Close()
			}
		})
	}
}

// BenchmarkChange makes a change below and waits until the mirror has it.
func BenchmarkChange(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			inner := filled(b, n)
			s := ready(b, over(b, inner))
			f, err := inner.Get(b.Context(), "FLAG7")
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				f = f.Clone()
				f.Enabled = !f.Enabled
				f = put(b, inner, f)
				for seen, _ := s.Peek("FLAG7"); seen.Revision != f.Revision; seen, _ = s.Peek("FLAG7") {
				}
			}
		})
	}
}
