// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package providertest has what tests of the provider need: an OpenFeature API of
// their own, and a backend that can be lost.
package providertest

import (
	"context"
	"log/slog"
	"strings"
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
	"github.com/flipper-go/flipper/store/mirror"
	redisstore "github.com/flipper-go/flipper/store/redis"
)

// Patience is how long tests wait for what must happen.
const Patience = 20 * time.Second

// Quiet keeps a client's reports from the tests' output.
var Quiet = flipper.WithLogger(slog.New(slog.DiscardHandler))

// Main runs a package's tests, and sees that they leave no goroutine.
func Main(m *testing.M) {
	logging.Disable() // servers that are gone are what we test
	goleak.VerifyTestMain(m,
		// A client's attempt to reach a server that is gone; it ends up to a
		// second after the client is closed.
		goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"))
}

// NewAPI returns an OpenFeature API of the test's own.
func NewAPI(tb testing.TB) *openfeature.EvaluationAPI {
	tb.Helper()
	api := isolated.NewAPI()
	tb.Cleanup(func() {
		if err := api.Shutdown(context.WithoutCancel(tb.Context())); err != nil {
			tb.Error(err)
		}
	})
	return api
}

// An Event is what a handler of an API was told.
type Event struct {
	openfeature.EventType
	openfeature.EventDetails
}

// Events returns what happens of some types, as the API's handlers are told.
func Events(api *openfeature.EvaluationAPI, types ...openfeature.EventType) <-chan Event {
	told := make(chan Event, 100)
	for _, of := range types {
		callback := func(details openfeature.EventDetails) { told <- Event{of, details} }
		api.AddHandler(of, &callback)
	}
	return told
}

// A Witness notes the attributes that a flag was evaluated with last. It is a
// [flipper.Recorder] for one goroutine.
type Witness struct{ Attrs []flipper.Attr }

// Record is for [flipper.WithImpressions].
func (w *Witness) Record(_ context.Context, i flipper.Impression) { w.Attrs = i.Attrs }

// String returns the attributes as name=JSON.
func (w *Witness) String() string {
	texts := make([]string, len(w.Attrs))
	for i, attr := range w.Attrs {
		texts[i] = attr.Name + "=" + attr.Value.String()
	}
	return strings.Join(texts, " ")
}

// Receive waits for what comes from a channel.
func Receive[T any](tb testing.TB, from <-chan T) (v T) {
	tb.Helper()
	select {
	case v = <-from:
	case <-time.After(Patience):
		tb.Fatal("nothing came")
	}
	return v
}

// A FarStore is a Redis server that can be out of reach.
type FarStore struct {
	Server *redistest.Server
	Proxy  *faultproxy.Proxy
	// Far is the store by way of the proxy.
	Far store.Watcher
	// Direct is a client of the server's own flags, which always reaches it.
	Direct *flipper.FeatureFlagClient
}

// NewFarStore starts a server of its own.
func NewFarStore(tb testing.TB) *FarStore {
	tb.Helper()
	f := &FarStore{Server: redistest.StartTCP(tb)}
	f.Proxy = faultproxy.New(tb, f.Server.Addr())
	f.Direct = flipper.New(NewRedisStore(tb, f.Server.Client(tb)), Quiet)
	client := redis.NewClient(&redis.Options{Addr: f.Proxy.Addr()})
	tb.Cleanup(func() { _ = client.Close() })
	f.Far = NewRedisStore(tb, client)
	return f
}

// NewRedisStore makes a store, which is closed when the test ends.
func NewRedisStore(tb testing.TB, client redis.UniversalClient) *redisstore.Store {
	tb.Helper()
	s, err := redisstore.New(client)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = s.Close() })
	return s
}

// Mirror returns a client of a mirror.
func (f *FarStore) Mirror(tb testing.TB, opts ...mirror.Option) *flipper.FeatureFlagClient {
	tb.Helper()
	flags := mirror.New(f.Far, append(opts, mirror.WithLogger(slog.New(slog.DiscardHandler)))...)
	tb.Cleanup(func() { _ = flags.Close() })
	return flipper.New(flags, Quiet)
}

// Vanish puts the server out of reach.
func (f *FarStore) Vanish() {
	f.Proxy.Refuse()
	f.Proxy.Cut()
}
