// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package xxhash_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	reference "github.com/cespare/xxhash/v2"

	"github.com/flipper-go/flipper/internal/xxhash"
)

// TestSum64 compares with a well-known implementation, at every length of the
// algorithm's steps.
func TestSum64(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for size := range 200 {
		text := make([]byte, size)
		for i := range text {
			text[i] = byte(random.Uint32())
		}
		for _, seed := range []uint64{0, 1, random.Uint64()} {
			d := reference.NewWithSeed(seed)
			_, _ = d.Write(text)
			want := d.Sum64()
			if got := xxhash.Sum64(text, seed); got != want {
				t.Errorf("%d bytes, seed %d: %x, want %x", size, seed, got, want)
			}
			if got := xxhash.Sum64(string(text), seed); got != want {
				t.Errorf("text of %d bytes, seed %d: %x, want %x", size, seed, got, want)
			}
		}
	}
}

func TestAllocs(t *testing.T) {
	text := strings.Repeat("user", 10)
	if n := testing.AllocsPerRun(100, func() { xxhash.Sum64(text, 7) }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

func BenchmarkSum64(b *testing.B) {
	text := strings.Repeat("user", 3)
	for b.Loop() {
		xxhash.Sum64(text, 7)
	}
}

// BenchmarkReference is the well-known implementation, which takes no seed here.
func BenchmarkReference(b *testing.B) {
	text := strings.Repeat("user", 3)
	for b.Loop() {
		reference.Sum64String(text)
	}
}
