// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package cached_test

import (
	"testing"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/memory"
)

// BenchmarkHit compares an answer from memory with what golang-lru, on
// which it stands, takes alone.
func BenchmarkHit(b *testing.B) {
	inner := memory.New()
	f := put(b, inner, &store.Flag{Name: "MY_FEATURE"})
	alone, err := lru.New[string, *store.Flag](5000)
	if err != nil {
		b.Fatal(err)
	}
	alone.Add("MY_FEATURE", f)
	watched, unwatched := over(b, inner), over(b, plain{inner})
	eventually(b, "the flags stay", func() bool {
		_, _ = watched.Get(b.Context(), "MY_FEATURE")
		_, _ = unwatched.Get(b.Context(), "MY_FEATURE")
		age, _ := watched.Age("MY_FEATURE")
		return age == 0
	})
	b.Run("golang-lru", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			alone.Get("MY_FEATURE")
		}
	})
	b.Run("Peek", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			watched.Peek("MY_FEATURE")
		}
	})
	b.Run("PeekUnwatched", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			unwatched.Peek("MY_FEATURE")
		}
	})
	b.Run("Get", func(b *testing.B) {
		b.ReportAllocs()
		ctx := b.Context()
		for b.Loop() {
			_, _ = watched.Get(ctx, "MY_FEATURE")
		}
	})
}
