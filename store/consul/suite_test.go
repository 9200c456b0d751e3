// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package consul_test

import (
	"sync"
	"testing"
	"time"

	"github.com/flipper-go/flipper/internal/consultest"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/storetest"
)

// TestStore runs the contract against one server. Each store is ready, so that
// reads come from memory, and goes through a proxy, so that it can be broken.
func TestStore(t *testing.T) {
	agent := consultest.Options{Memory: true}.Start(t)
	var mu sync.Mutex
	handles := map[store.Store]*handle{}
	of := func(s store.Store) *handle {
		mu.Lock()
		defer mu.Unlock()
		return handles[s]
	}
	storetest.Run(t, storetest.Harness{
		New: func(t *testing.T) store.Store {
			h := behindProxy(t, agent)
			mu.Lock()
			defer mu.Unlock()
			handles[h.Store] = h
			return h.Store
		},
		Second: func(t *testing.T, s store.Store) store.Store {
			second := open(t, of(s).client, of(s).base)
			waitReady(t, second)
			return second
		},
		Corrupt: func(t *testing.T, s store.Store, name string, raw []byte) {
			rawPut(t, of(s).client, of(s).base+"/"+name, raw)
		},
		Break: func(_ *testing.T, s store.Store) (heal func()) {
			of(s).proxy.Refuse()
			of(s).proxy.Cut()
			return of(s).proxy.Heal
		},
		Patience: 30 * time.Second,
	})
}
