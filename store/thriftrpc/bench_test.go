// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package thriftrpc_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/flipper-go/flipper/store"
)

// BenchmarkGet reads a flag from a service in this process, over loopback.
func BenchmarkGet(b *testing.B) {
	for _, goroutines := range []int{1, 16} {
		b.Run(fmt.Sprintf("Goroutines=%d", goroutines), func(b *testing.B) {
			s := dial(b, serve(b, memoryStore(b)).address)
			mustPut(b, s, flag("X"))
			benchmark(b, goroutines, func() error {
				_, err := s.Get(b.Context(), "X")
				return err
			})
		})
	}
}

// BenchmarkGetMissing asks for a flag that is not there.
func BenchmarkGetMissing(b *testing.B) {
	s := dial(b, serve(b, memoryStore(b)).address)
	benchmark(b, 1, func() error {
		if _, err := s.Get(b.Context(), "X"); err != store.ErrNotFound {
			return fmt.Errorf("error is %w", err)
		}
		return nil
	})
}

// benchmark shares b.N calls among goroutines.
func benchmark(b *testing.B, goroutines int, call func() error) {
	b.Helper()
	b.ReportAllocs()
	var left atomic.Int64
	left.Store(int64(b.N))
	done := make(chan error, goroutines)
	b.ResetTimer()
	for range goroutines {
		go func() {
			for left.Add(-1) >= 0 {
				if err := call(); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range goroutines {
		if err := <-done; err != nil {
			b.Error(err)
		}
	}
}
