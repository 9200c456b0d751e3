// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package server puts together what the flipper binary serves: the Thrift flag
// service over a store, and health over HTTP.
package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/thrift"
)

// Defaults of a server.
const (
	DefaultListen          = "127.0.0.1:9090"
	DefaultHTTP            = "127.0.0.1:9091"
	DefaultShutdownTimeout = 10 * time.Second
)

type config struct {
	listen, http    string
	place           string
	shutdownTimeout time.Duration
	logger          *slog.Logger
	started         func(thrift, http net.Addr)
	tls             bool
	thrift          []thrift.ServerOption
}

// An Option changes how [Run] serves.
type Option func(*config)

// WithListen sets the address of the Thrift service. The default is
// [DefaultListen]; port 0 takes a free one.
func WithListen(address string) Option { return func(c *config) { c.listen = address } }

// WithHTTP sets the address of the HTTP endpoints. The default is [DefaultHTTP];
// empty serves none.
func WithHTTP(address string) Option { return func(c *config) { c.http = address } }

// WithPlace sets what the line on start says of where the flags are kept.
func WithPlace(place string) Option { return func(c *config) { c.place = place } }

// WithTLS serves Thrift over TLS. By default it is plain.
func WithTLS(t *tls.Config) Option {
	return func(c *config) {
		c.tls = true
		c.thrift = append(c.thrift, thrift.WithTLS(t))
	}
}

// WithShutdownTimeout sets how long calls in flight may take to finish once the
// server is to stop; then they are cut off. The default is
// [DefaultShutdownTimeout].
func WithShutdownTimeout(timeout time.Duration) Option {
	return func(c *config) { c.shutdownTimeout = timeout }
}

// WithLogger sets where the server logs. The default is [slog.Default].
func WithLogger(logger *slog.Logger) Option { return func(c *config) { c.logger = logger } }

// WithStarted sets a function that is called once the server listens, with its
// addresses; that of HTTP is nil if it is not served.
func WithStarted(started func(thrift, http net.Addr)) Option {
	return func(c *config) { c.started = started }
}

// WithServerOptions passes options to the Thrift server, such as its limits.
func WithServerOptions(opts ...thrift.ServerOption) Option {
	return func(c *config) { c.thrift = append(c.thrift, opts...) }
}

// Run serves the flags of a store until ctx ends. Then it stops accepting,
// finishes the calls in flight and returns nil; or an error that matches
// [context.DeadlineExceeded] if it had to cut calls off. It does not close the
// store.
func Run(ctx context.Context, s store.Store, opts ...Option) error {
	c := config{listen: DefaultListen, http: DefaultHTTP, shutdownTimeout: DefaultShutdownTimeout, logger: slog.Default()}
	for _, opt := range opts {
		opt(&c)
	}
	return c.run(ctx, s)
}

func (c *config) run(ctx context.Context, s store.Store) error {
	listener, err := listen(ctx, "Thrift", c.listen)
	if err != nil {
		return err
	}
	defer listener.Close()
	var httpListener net.Listener
	if c.http != "" {
		if httpListener, err = listen(ctx, "HTTP", c.http); err != nil {
			return err
		}
		defer httpListener.Close()
	}

	service := thrift.NewService(s, thrift.WithLogger(c.logger))
	defer service.Close()
	server := thrift.NewServer(service, c.thrift...)
	health := newHealth(s)
	httpServer := &http.Server{Handler: health, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}

	var serving sync.WaitGroup
	defer serving.Wait()
	failed := make(chan error, 2)
	serving.Go(func() { failed <- serveThrift(server, listener) })
	if httpListener != nil {
		serving.Go(func() { failed <- serveHTTP(httpServer, httpListener) })
	}
	c.announce(ctx, listener, httpListener)

	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	health.stopping.Store(true)
	c.logger.Info("stopping", slog.Duration("timeout", c.shutdownTimeout))
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.shutdownTimeout)
	defer cancel()
	err = errors.Join(err, server.Shutdown(stop))
	// Health is served to the end, so that whoever asks learns of the stop.
	if httpErr := httpServer.Shutdown(stop); httpErr != nil {
		err = errors.Join(err, httpErr, httpServer.Close())
	}
	if err != nil {
		return fmt.Errorf("stop: %w", err)
	}
	c.logger.Info("stopped")
	return nil
}

func listen(ctx context.Context, what, address string) (net.Listener, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s cannot listen on %s: another program does; stop it, or choose another address: %w", what, address, err)
	case err != nil:
		return nil, fmt.Errorf("%s cannot listen: %w", what, err)
	}
	return l, nil
}

func serveThrift(server *thrift.Server, l net.Listener) error {
	if err := server.Serve(l); !errors.Is(err, thrift.ErrServerClosed) {
		return err
	}
	return nil
}

func serveHTTP(server *http.Server, l net.Listener) error {
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (c *config) announce(ctx context.Context, thriftListener, httpListener net.Listener) {
	attrs := []slog.Attr{slog.String("thrift", thriftListener.Addr().String())}
	var httpAddr net.Addr
	if httpListener != nil {
		httpAddr = httpListener.Addr()
		attrs = append(attrs, slog.String("http", httpAddr.String()))
	}
	if c.place != "" {
		attrs = append(attrs, slog.String("data", c.place))
	}
	attrs = append(attrs, slog.Bool("tls", c.tls))
	c.logger.LogAttrs(ctx, slog.LevelInfo, "serving flags", attrs...)
	if c.started != nil {
		c.started(thriftListener.Addr(), httpAddr)
	}
}
