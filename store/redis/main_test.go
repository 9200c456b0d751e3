// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package redis

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"go.uber.org/goleak"

	"github.com/flipper-go/flipper/internal/redistest"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/storetest"
)

func TestMain(m *testing.M) {
	logging.Disable() // servers that are gone are what we test
	goleak.VerifyTestMain(withExamples{m},
		// A client's attempt to reach a server that is gone; it ends up to a
		// second after the client is closed.
		goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"))
}

var bases atomic.Int64

// newBase returns a base key that no other test has.
func newBase() string { return fmt.Sprintf("base%d", bases.Add(1)) }

// newStore makes a store that is closed with the test, before its client.
func newStore(t testing.TB, client redis.UniversalClient, opts ...Option) *Store {
	t.Helper()
	s, err := New(client, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// harness runs the suite on stores of a client. Each has a base key of its own.
func harness(newClient func(testing.TB) redis.UniversalClient, opts ...Option) storetest.Harness {
	newOne := func(t *testing.T, base string) *Store {
		return newStore(t, newClient(t), append([]Option{WithBaseKey(base)}, opts...)...)
	}
	return storetest.Harness{
		New: func(t *testing.T) store.Store { return newOne(t, newBase()) },
		Second: func(t *testing.T, s store.Store) store.Store {
			return newOne(t, s.(*Store).baseKey)
		},
		Corrupt: func(t *testing.T, s store.Store, name string, raw []byte) {
			if err := s.(*Store).client.Set(t.Context(), s.(*Store).key(name), raw, 0).Err(); err != nil {
				t.Fatal(err)
			}
		},
	}
}

func TestStandalone(t *testing.T) {
	server := redistest.Start(t)
	shared := server.Client(t)
	h := harness(func(testing.TB) redis.UniversalClient { return shared })
	h.Break = func(t *testing.T, _ store.Store) (heal func()) {
		server.Kill()
		return func() {
			server.Restart()
			awaitAnswer(t, shared)
		}
	}
	storetest.Run(t, h)
}

// awaitAnswer waits until a client has noticed that its server is back.
func awaitAnswer(t *testing.T, client redis.UniversalClient) {
	t.Helper()
	eventually(t, "the client reaches its server", func(ctx context.Context) error { return client.Ping(ctx).Err() })
}

func TestCluster(t *testing.T) {
	cluster := redistest.StartCluster(t)
	client := cluster.Client(t)
	h := harness(func(testing.TB) redis.UniversalClient { return client })
	h.Break = func(t *testing.T, _ store.Store) (heal func()) {
		for _, server := range cluster.Servers {
			server.Kill()
		}
		return func() {
			for _, server := range cluster.Servers {
				server.Restart()
			}
			eventually(t, "the client reaches every master", func(ctx context.Context) error {
				var errs []error
				for i := range 20 {
					errs = append(errs, client.Set(ctx, fmt.Sprint("any", i), "", 0).Err())
				}
				return errors.Join(errs...)
			})
		}
	}
	storetest.Run(t, h)
}
