// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package composition_test

import (
	"sync"
	"testing"
	"time"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/storetest"
)

// TestStore holds layers over a flag service to the contract. A second handle is
// what another process has.
func TestStore(t *testing.T) {
	for name, newLayer := range layers {
		t.Run(name, func(t *testing.T) {
			var services sync.Map
			open := func(t *testing.T, service *service) store.Store {
				s := newLayer(t, dial(t, service.address))
				services.Store(s, service)
				return s
			}
			of := func(s store.Store) *service {
				found, _ := services.Load(s)
				return found.(*service)
			}
			storetest.Run(t, storetest.Harness{
				Patience: time.Minute, // writers race through copies that lag
				New:      func(t *testing.T) store.Store { return open(t, serve(t)) },
				Second:   func(t *testing.T, s store.Store) store.Store { return open(t, of(s)) },
				Break: func(_ *testing.T, s store.Store) (heal func()) {
					of(s).stop()
					return of(s).start
				},
			})
		})
	}
}
