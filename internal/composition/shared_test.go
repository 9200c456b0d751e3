// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package composition_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flipper-go/flipper/internal/consultest"
	"github.com/flipper-go/flipper/internal/redistest"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/consul"
	"github.com/flipper-go/flipper/store/redis"
	"github.com/flipper-go/flipper/store/storetest"
)

// A shared backend opens stores, those with one base key over the same flags.
type shared func(t *testing.T, baseKey string) store.Watcher

func startRedis(t *testing.T) shared {
	server := redistest.Start(t)
	client := server.Client(t)
	return func(t *testing.T, baseKey string) store.Watcher {
		s, err := redis.New(client, redis.WithBaseKey(baseKey), redis.WithLogger(quiet))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
}

func startConsul(t *testing.T) shared {
	client := consultest.Options{Memory: true}.Start(t).Client(t)
	return func(t *testing.T, baseKey string) store.Watcher {
		s, err := consul.New(client, consul.WithBaseKey(baseKey), consul.WithLogger(quiet))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		if err := s.WaitReady(t.Context()); err != nil {
			t.Fatal(err)
		}
		return s
	}
}

// TestShared holds layers over Redis and Consul to the contract.
func TestShared(t *testing.T) {
	for backend, start := range map[string]func(*testing.T) shared{"Redis": startRedis, "Consul": startConsul} {
		t.Run(backend, func(t *testing.T) {
			b := start(t)
			for name, newLayer := range layers {
				t.Run(name, func(t *testing.T) { testShared(t, b, name, newLayer) })
			}
		})
	}
}

func testShared(t *testing.T, b shared, name string, newLayer func(testing.TB, store.Watcher) layer) {
	var count atomic.Int64
	var baseKeys sync.Map
	open := func(t *testing.T, baseKey string) store.Store {
		s := newLayer(t, b(t, baseKey))
		baseKeys.Store(s, baseKey)
		return s
	}
	of := func(s store.Store) string {
		found, _ := baseKeys.Load(s)
		return found.(string)
	}
	storetest.Run(t, storetest.Harness{
		Patience: time.Minute, // writers race through copies that lag
		New: func(t *testing.T) store.Store {
			return open(t, fmt.Sprintf("%s-%d", name, count.Add(1)))
		},
		Second: func(t *testing.T, s store.Store) store.Store { return open(t, of(s)) },
	})
}
