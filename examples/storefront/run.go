// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/open-feature/go-sdk/openfeature/isolated"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/bootstrap"
	"github.com/flipper-go/flipper/impression"
	flipperopenfeature "github.com/flipper-go/flipper/openfeature"
	"github.com/flipper-go/flipper/store/mirror"
	"github.com/flipper-go/flipper/store/storeurl"
	"github.com/flipper-go/flipper/telemetry/flipperotel"
	"github.com/flipper-go/flipper/telemetry/flipperprometheus"
	"github.com/flipper-go/flipper/telemetry/flipperslog"
)

// shutdownTimeout is how long the end of each part may take.
const shutdownTimeout = 10 * time.Second

// A service is what the program is given from outside.
type service struct {
	listener  net.Listener
	storeURL  string
	lastGood  string // the file of the last good flags; empty for none
	telemetry telemetry
	logger    *slog.Logger
	share     float64 // of evaluations that are logged, from 0 to 1
}

// run serves until ctx ends. Each part is closed after those that use it: deferred
// calls run in the reverse order.
func run(ctx context.Context, s service) (err error) {
	defer s.listener.Close()

	// Who is told of evaluations, and of calls to the store.
	registry := prometheus.NewRegistry()
	metrics := flipperprometheus.NewCollector()
	registry.MustRegister(metrics)
	hook, err := flipperotel.NewHook(flipperotel.WithMeterProvider(s.telemetry.metrics))
	if err != nil {
		return err
	}
	defer hook.Close()
	defer finish(ctx, s.logger, "metrics", s.telemetry.metrics.ForceFlush) // the hook takes its metrics with it
	observer, err := flipperotel.NewObserver(
		flipperotel.WithMeterProvider(s.telemetry.metrics),
		flipperotel.WithTracerProvider(s.telemetry.traces))
	if err != nil {
		return err
	}
	impressions := impression.New(flipperslog.New(s.logger).Handle,
		impression.WithAttributes("plan"), // and nothing that says who it was
		impression.WithLogger(s.logger))
	defer finish(ctx, s.logger, "impressions", impressions.Close)

	// The store, observed, and a mirror of it in memory, which answers.
	initial, err := bootstrap.ReadFile(initialFlags, "flags.json")
	if err != nil {
		return err
	}
	flags, err := storeurl.Open(s.storeURL,
		storeurl.WithLastGood(s.lastGood),
		storeurl.WithMirror(mirror.WithInitial(initial)),
		storeurl.WithObservers(metrics, observer),
		storeurl.WithLogger(s.logger))
	if err != nil {
		return fmt.Errorf("FLIPPER_STORE: %w", err)
	}
	defer func() { err = errors.Join(err, flags.Close()) }()
	metrics.ObserveAge(flags)
	hook.ObserveAge(flags)

	declared, err := flipper.Declarations(Flags)
	if err != nil {
		return err
	}
	features := flipper.New(flags,
		flipper.WithDeclarations(declared...),
		flipper.WithHook(metrics),
		flipper.WithHook(hook),
		flipper.WithImpressions(impressions, s.share),
		flipper.WithLogger(s.logger))

	// The same flags, for code that knows OpenFeature only. Most programs use the
	// SDK's global API instead of one of their own; tests want one each.
	api := isolated.NewAPI()
	defer finish(ctx, s.logger, "OpenFeature", api.Shutdown)
	// The SDK does not wait when ctx ends, and may then initialise a provider after
	// it has shut it down.
	if err := api.SetProviderAndWait(context.WithoutCancel(ctx), flipperopenfeature.NewProvider(features)); err != nil {
		s.logger.Warn("OpenFeature has no flags yet", "error", err) // it goes on trying
	}

	// What goes on beside the requests.
	var background sync.WaitGroup
	backgroundCtx, cancel := context.WithCancel(ctx)
	defer func() { cancel(); background.Wait() }()
	background.Go(func() {
		register(backgroundCtx, flipper.New(flags.Backend(), flipper.WithDeclarations(declared...)), s.logger)
	})
	background.Go(func() { logChanges(backgroundCtx, features, s.logger) })

	// A span gets the name of its route if nothing between it and the routes makes a
	// copy of the request, as whoAsks does.
	shop := otelhttp.NewHandler(newShop(features, api.NewClient()), "shop",
		otelhttp.WithTracerProvider(s.telemetry.traces),
		otelhttp.WithMeterProvider(s.telemetry.metrics))
	mux := http.NewServeMux()
	mux.Handle("/", whoAsks(shop))
	mux.Handle("GET /metrics", metricsHandler(registry))
	mux.Handle("GET /readyz", readyHandler(ctx, flags))
	s.logger.Info("serving the storefront", "address", s.listener.Addr().String())
	return serve(ctx, s.listener, mux)
}

// serve serves until ctx ends, and then finishes the requests under way.
func serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
		defer cancel()
		stopped <- errors.Join(server.Shutdown(ctx), server.Close())
	})
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-stopped
}

// finish calls a function that ends something, although ctx has ended, and logs what
// it fails with: a collector that is gone is no reason to exit with an error.
func finish(ctx context.Context, logger *slog.Logger, what string, end func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	if err := end(ctx); err != nil {
		logger.Warn("could not finish "+what, "error", err)
	}
}
