// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package consul_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/flipper-go/flipper/internal/consultest"
	"github.com/flipper-go/flipper/internal/faultproxy"
	"github.com/flipper-go/flipper/internal/snapshot"
	"github.com/flipper-go/flipper/internal/snapshot/snapshottest"
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

// TestSnapshots has a store that cannot reach its server at first.
func TestSnapshots(t *testing.T) {
	agent := consultest.Options{Memory: true}.Start(t)
	proxy := faultproxy.New(t, agent.Address)
	proxy.Refuse()
	s := open(t, consultest.NewClient(t, proxy.Addr(), ""), newBaseKey())
	unknown := func(when string) {
		t.Helper()
		if f, known := snapshot.Of(s).Load().Peek("X"); f != nil || known {
			t.Errorf("%s: %v, %t", when, f, known)
		}
	}
	unknown("at the start")
	if _, err := s.Get(t.Context(), "X"); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Get: %v", err)
	}
	unknown("after a get that failed")
	proxy.Heal()
	waitReady(t, s)
	snapshottest.Run(t, s)
}
