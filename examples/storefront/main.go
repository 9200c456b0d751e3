// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Command storefront is a web service that uses all of Flipper: the front page of a
// shop and an API. Its README says how to run it, and which file shows what.
package main

import (
	"cmp"
	"context"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/flipper-go/flipper/store/redis"
)

func main() {
	logger := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	redis.SetClientLogger(logger) // else go-redis writes lines of its own form
	if err := start(logger); err != nil {
		logger.Error("the storefront has failed", "error", err)
		os.Exit(1)
	}
}

// start reads the settings and serves until a signal comes.
func start(logger *slog.Logger) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	// Telemetry begins first and ends last, to see all that is between.
	telemetry, err := newTelemetry(ctx, cmp.Or(os.Getenv("TELEMETRY"), "none"))
	if err != nil {
		return err
	}
	defer finish(ctx, logger, "telemetry", telemetry.Close)

	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", cmp.Or(os.Getenv("LISTEN"), "127.0.0.1:8080"))
	if err != nil {
		return err
	}
	return run(ctx, service{
		listener:  listener,
		storeURL:  cmp.Or(os.Getenv("FLIPPER_STORE"), "thrift://127.0.0.1:9090"),
		lastGood:  cmp.Or(os.Getenv("LAST_GOOD_FLAGS"), "last-good-flags.json"),
		telemetry: telemetry,
		logger:    logger,
		share:     0.1,
	})
}
