// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Command observability is a web service with metrics for Prometheus and a log of
// a share of its evaluations.
//
//	go run ./examples/observability  # with the flags of FLIPPER_STORE, or none
//	curl localhost:8080/search
//	curl localhost:8080/metrics
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/impression"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/storeurl"
	"github.com/flipper-go/flipper/telemetry/flipperprometheus"
	"github.com/flipper-go/flipper/telemetry/flipperslog"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:8080")
	if err == nil {
		err = run(ctx, cmp.Or(os.Getenv("FLIPPER_STORE"), "memory:"), listener, os.Stderr, 0.1)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run serves with the flags of a store until ctx ends, and logs a share of all
// evaluations.
func run(ctx context.Context, storeURL string, listener net.Listener, log io.Writer, share float64) (err error) {
	logger := slog.New(slog.NewJSONHandler(log, nil))

	// One collector has the metrics of the store and of the client.
	metrics := flipperprometheus.NewCollector()
	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics)

	// The calls that go to the backend are observed, below the mirror.
	flags, err := storeurl.Open(storeURL,
		storeurl.WithLastGood("last-good-flags.json"),
		storeurl.WithObservers(metrics),
		storeurl.WithLogger(logger))
	if err != nil {
		return err
	}
	defer flags.Close()
	metrics.ObserveAge(flags)

	// Impressions keep the plan of who asked, and no other attribute.
	recorder := impression.New(flipperslog.New(logger).Handle, impression.WithAttributes("plan"), impression.WithLogger(logger))
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		err = errors.Join(err, recorder.Close(ctx))
	}()
	registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "flipper_impressions_dropped_total",
		Help: "Impressions that were dropped, because there were too many.",
	}, func() float64 { return float64(recorder.Dropped()) }))

	features := flipper.New(flags,
		flipper.WithHook(metrics),
		flipper.WithImpressions(recorder, share),
		flipper.WithLogger(logger))

	newSearch, err := features.Create(ctx, "NEW_SEARCH", flipper.WithEnabled(true))
	if errors.Is(err, store.ErrExists) {
		newSearch, err = features.Flag("NEW_SEARCH"), nil
	}
	if err != nil {
		return err
	}

	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /search", func(w http.ResponseWriter, r *http.Request) {
		search := flipper.Choose(r.Context(), newSearch, "the new search", "the old search",
			flipper.String("plan", "pro"), flipper.String("email", "someone@example.com"))
		fmt.Fprintln(w, search)
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
