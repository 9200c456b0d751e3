// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package composition_test

import (
	"fmt"
	"testing"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/mirror"
)

// BenchmarkMirror is what a mirror of a flag service costs as the flags grow in
// number: to have all of them at the start, and to have one change.
func BenchmarkMirror(b *testing.B) {
	for _, n := range []int{10, 1_000, 100_000} {
		below := serve(b)
		for i := range n {
			if _, err := below.flags.Put(b.Context(), &store.Flag{Name: fmt.Sprint("FLAG", i)}); err != nil {
				b.Fatal(err)
			}
		}
		newMirror := func(b *testing.B) *mirror.Store {
			s := mirror.New(dial(b, below.address), mirror.WithLogger(quiet))
			if err := s.WaitReady(b.Context()); err != nil {
				b.Fatal(err)
			}
			return s
		}
		b.Run(fmt.Sprint("Start/", n), func(b *testing.B) {
			for b.Loop() {
				_ = newMirror(b).Close()
			}
		})
		b.Run(fmt.Sprint("Change/", n), func(b *testing.B) {
			s := newMirror(b)
			defer s.Close()
			f, err := below.flags.Get(b.Context(), "FLAG7")
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				f = f.Clone()
				f.Enabled = !f.Enabled
				if f, err = below.flags.Put(b.Context(), f); err != nil {
					b.Fatal(err)
				}
				for seen, _ := s.Peek("FLAG7"); seen.Revision != f.Revision; seen, _ = s.Peek("FLAG7") {
				}
			}
		})
	}
}
