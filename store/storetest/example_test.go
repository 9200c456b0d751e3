// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package storetest_test

import (
	"testing"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/store/storetest"
)

// The test of a store is one call. Here it is that of package memory; in a test
// file, the function is called TestStore.
func ExampleRun() {
	testStore := func(t *testing.T) {
		storetest.Run(t, storetest.Harness{
			New: func(t *testing.T) store.Store {
				s := memory.New()
				t.Cleanup(func() {
					if err := s.Close(); err != nil {
						t.Error(err)
					}
				})
				return s
			},
			// All handles on a store in memory are the store itself.
			Second: func(_ *testing.T, s store.Store) store.Store { return s },
		})
	}
	_ = testStore
}
