// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipperopenfeature_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/open-feature/go-sdk/openfeature"
	"github.com/open-feature/go-sdk/openfeature/isolated"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"go.uber.org/goleak"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/internal/faultproxy"
	"github.com/flipper-go/flipper/internal/redistest"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/store/mirror"
	redisstore "github.com/flipper-go/flipper/store/redis"
)

func TestMain(m *testing.M) {
	logging.Disable() // servers that are gone are what we test
	goleak.VerifyTestMain(m,
		// A client's attempt to reach a server that is gone; it ends up to a
		// second after the client is closed.
		goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"))
}

var (
	on    = flipper.WithEnabled(true)
	quiet = flipper.WithLogger(slog.New(slog.DiscardHandler))
)

// patience is how long tests wait for what must happen.
const patience = 20 * time.Second

// newClient makes a client of a store in memory.
func newClient(tb testing.TB, opts ...flipper.Option) *flipper.FeatureFlagClient {
	tb.Helper()
	flags := memory.New()
	tb.Cleanup(func() { _ = flags.Close() })
	return flipper.New(flags, append([]flipper.Option{quiet}, opts...)...)
}

func create(tb testing.TB, c *flipper.FeatureFlagClient, name string, opts ...flipper.CreateOption) {
	tb.Helper()
	if _, err := c.Create(tb.Context(), name, opts...); err != nil {
		tb.Fatal(err)
	}
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// newAPI gives an OpenFeature API of the test's own.
func newAPI(tb testing.TB) *openfeature.EvaluationAPI {
	tb.Helper()
	api := isolated.NewAPI()
	tb.Cleanup(func() {
		if err := api.Shutdown(context.WithoutCancel(tb.Context())); err != nil {
			tb.Error(err)
		}
	})
	return api
}

// events gives what happens of some types, as the API's handlers are told.
func events(api *openfeature.EvaluationAPI, types ...openfeature.EventType) <-chan event {
	told := make(chan event, 100)
	for _, of := range types {
		callback := func(details openfeature.EventDetails) { told <- event{of, details} }
		api.AddHandler(of, &callback)
	}
	return told
}

type event struct {
	openfeature.EventType
	openfeature.EventDetails
}

func receive[T any](tb testing.TB, from <-chan T) T {
	tb.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		tb.Fatal("nothing came")
		panic("unreachable")
	}
}

// awaitState waits until the SDK takes the provider for being in a state.
func awaitState(tb testing.TB, client *openfeature.Client, want openfeature.State) {
	tb.Helper()
	await(tb, string(want), func() bool { return client.State() == want })
}

func await(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			tb.Fatalf("waited in vain: %s", what)
		}
	}
}

// A farStore is a mirror of a Redis server that can be out of reach. There is also
// a client of the server's own flags, which always reaches it.
type farStore struct {
	server *redistest.Server
	proxy  *faultproxy.Proxy
	far    store.Watcher // by way of the proxy
	direct *flipper.FeatureFlagClient
}

func newFarStore(tb testing.TB) *farStore {
	tb.Helper()
	f := &farStore{server: redistest.StartTCP(tb)}
	f.proxy = faultproxy.New(tb, f.server.Addr())
	f.direct = flipper.New(newRedisStore(tb, f.server.Client(tb)), quiet)
	client := redis.NewClient(&redis.Options{Addr: f.proxy.Addr()})
	tb.Cleanup(func() { _ = client.Close() })
	f.far = newRedisStore(tb, client)
	return f
}

func newRedisStore(tb testing.TB, client redis.UniversalClient) *redisstore.Store {
	tb.Helper()
	s, err := redisstore.New(client)
	must(tb, err)
	tb.Cleanup(func() { _ = s.Close() })
	return s
}

// mirror gives a client of a mirror.
func (f *farStore) mirror(tb testing.TB, opts ...mirror.Option) *flipper.FeatureFlagClient {
	tb.Helper()
	flags := mirror.New(f.far, append(opts, mirror.WithLogger(slog.New(slog.DiscardHandler)))...)
	tb.Cleanup(func() { _ = flags.Close() })
	return flipper.New(flags, quiet)
}

func (f *farStore) vanish() {
	f.proxy.Refuse()
	f.proxy.Cut()
}
