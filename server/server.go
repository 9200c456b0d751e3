// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package server puts together what the flipper binary serves: the Thrift flag
// service over a store, and, over HTTP, health, metrics and, if asked for,
// profiles.
//
//	err := server.Run(ctx, flags, server.WithListen(":9090"), server.WithCertificates(certificates))
//
// Whoever reaches the Thrift port without TLS and client certificates can change
// flags, so [Run] refuses to listen on addresses other than loopback without them.
//
// With [WithAPI] it also serves the HTTP API of package api, to callers with a token
// ([WithTokens]); without tokens only to those on the same machine.
//
// # HTTP
//
//   - GET /livez: the process answers.
//   - GET /readyz: 200 once the flags are loaded; 503 before that, and while the
//     server stops. When the store fails later, it stays 200, and says so.
//   - GET /metrics: for Prometheus. It never waits for the store.
//   - /debug/pprof/: Go's profiles, with [WithPprof].
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

	"github.com/prometheus/client_golang/prometheus"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/thrift"
)

// Run serves the flags of a store until ctx ends. Then it stops accepting,
// finishes the calls in flight and returns nil; or an error that matches
// [context.DeadlineExceeded] if it had to cut calls off. It does not close the
// store.
//
// It serves whether or not the store can be read, and says in /readyz and in its
// log whether it can. It logs each change that a client makes: the flag, what changed
// in words, and who made it, by address and certificate.
//
// Run refuses to listen on addresses other than loopback without TLS and client
// certificates, and to serve profiles there: see [ErrUnprotected],
// [ErrProfilesExposed] and [WithInsecure].
func Run(ctx context.Context, s store.Store, opts ...Option) error {
	c, err := newConfig(opts)
	if err != nil {
		return err
	}
	return c.run(ctx, s)
}

func newConfig(opts []Option) (*config, error) {
	c := &config{listen: DefaultListen, http: DefaultHTTP, shutdownTimeout: DefaultShutdownTimeout, logger: slog.Default()}
	for _, opt := range opts {
		opt(c)
	}
	if c.certificates != nil {
		c.tls = c.certificates.TLSConfig()
	}
	if c.httpTLS && c.certificates == nil {
		return nil, errors.New("HTTP over TLS needs certificates")
	}
	return c, nil
}

func (c *config) run(ctx context.Context, s store.Store) error {
	listeners := make(map[string]net.Listener)
	for _, e := range c.endpoints() {
		l, err := c.listenOn(ctx, e)
		if e.name == nameAPI && c.api.optional && errors.Is(err, syscall.EADDRINUSE) {
			c.logger.Warn("the HTTP API is not served: choose an address for it", slog.Any("error", err))
			continue
		}
		if err != nil {
			return err
		}
		defer l.Close()
		listeners[e.name] = l
	}
	listener, httpListener, apiListener := listeners[nameThrift], listeners[nameHTTP], listeners[nameAPI]

	monitor, census := newMonitor(s, c.logger), &census{store: s, logger: c.logger}
	health := &health{monitor: monitor}
	apiMetrics := newAPIMetrics()
	metrics, err := c.newMetrics(health, census, apiMetrics)
	if err != nil {
		return err
	}
	api, err := c.newAPI(ctx, s, apiListener, apiMetrics)
	if err != nil {
		return err
	}
	defer api.close()
	service := thrift.NewService(s, thrift.WithLogger(c.logger), thrift.WithErrorHandler(metrics.storeFailed), c.logChanges(ctx))
	defer service.Close()
	server := thrift.NewServer(service, c.thriftOptions(metrics)...)

	// What goes on beside the calls ends after them.
	beside, end := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	defer running.Wait()
	defer end()
	httpServer := c.newHTTPServer(beside, health, metrics)
	running.Go(func() { monitor.run(beside) })
	running.Go(func() { census.run(beside) })
	failed := make(chan error, 3)
	running.Go(func() { failed <- serveThrift(server, listener) })
	if httpListener != nil {
		running.Go(func() { failed <- serveHTTP(httpServer, c.secure(httpListener)) })
	}
	if api != nil {
		running.Go(func() { failed <- serveHTTP(api.server, api.listener) })
	}
	c.announce(ctx, listener, httpListener, apiListener)

	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	health.stopping.Store(true)
	if c.stopping != nil {
		c.stopping()
	}
	c.logger.Info("stopping", slog.Duration("timeout", c.shutdownTimeout))
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.shutdownTimeout)
	defer cancel()
	stopped := make(chan error, 1)
	running.Go(func() { stopped <- api.shutdown(stop) }) // at the same time, not one after the other
	err = errors.Join(err, server.Shutdown(stop), <-stopped)
	// Health is served to the end, so that whoever asks learns of the stop.
	end()
	if httpErr := httpServer.Shutdown(stop); httpErr != nil {
		err = errors.Join(err, httpErr, httpServer.Close())
	}
	if err != nil {
		return fmt.Errorf("stop: %w", err)
	}
	c.logger.Info("stopped")
	return nil
}

func (c *config) newMetrics(h *health, n *census, others ...prometheus.Collector) (*metrics, error) {
	others = append(others, &storeCollector{health: h, census: n})
	if c.certificates != nil {
		others = append(others, certificateCollector{c.certificates})
	}
	m, err := newMetrics(c.labels, c.version, others...)
	if err != nil {
		return nil, err
	}
	if c.tls != nil {
		m.showHandshakes(endpointThrift)
	}
	if c.httpTLS {
		m.showHandshakes(endpointHTTP)
	}
	return m, nil
}

func (c *config) thriftOptions(m *metrics) []thrift.ServerOption {
	options := []thrift.ServerOption{thrift.WithObserver(m)}
	if c.tls != nil {
		options = append(options, thrift.WithTLS(c.tls))
	}
	return append(options, c.thrift...)
}

// secure puts TLS over the HTTP listener if asked for.
func (c *config) secure(l net.Listener) net.Listener {
	if !c.httpTLS {
		return l
	}
	return tls.NewListener(l, c.certificates.httpConfig())
}

// listenOn binds the address of an endpoint, unless others could reach it and must
// not.
func (c *config) listenOn(ctx context.Context, e endpoint) (net.Listener, error) {
	what, address := e.name, e.address
	var exposure error // the reason why only this machine may reach the address
	listen := net.ListenConfig{Control: func(_, resolved string, _ syscall.RawConn) error {
		exposure = e.allow(resolved)
		if c.insecure {
			return nil
		}
		return exposure
	}}
	l, err := listen.Listen(ctx, "tcp", address)
	switch {
	case exposed(err):
		return nil, e.refused(err)
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s cannot listen on %s: another program does; stop it, or choose another address: %w", what, address, err)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("%s cannot listen on %s: ports below 1024 need privileges; choose a higher one: %w", what, address, err)
	case err != nil:
		return nil, fmt.Errorf("%s cannot listen on %q: write HOST:PORT, where HOST is an address of this machine, as in 127.0.0.1:9090: %w", what, address, err)
	case exposure != nil:
		c.logger.Warn("insecure: other machines can reach this address: "+exposure.Error(), slog.String("address", l.Addr().String()))
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

func (c *config) announce(ctx context.Context, thriftListener, httpListener, apiListener net.Listener) {
	attrs := []slog.Attr{slog.String("thrift", thriftListener.Addr().String())}
	var httpAddr net.Addr
	if httpListener != nil {
		httpAddr = httpListener.Addr()
		attrs = append(attrs, slog.String("http", httpAddr.String()))
	}
	if c.place != "" {
		attrs = append(attrs, slog.String("data", c.place))
	}
	if apiListener != nil {
		attrs = append(attrs, slog.String("api", apiListener.Addr().String()))
	}
	attrs = append(attrs, slog.Bool("tls", c.tls != nil))
	c.logger.LogAttrs(ctx, slog.LevelInfo, "serving flags", attrs...)
	if c.started != nil {
		c.started(thriftListener.Addr(), httpAddr)
	}
	if apiListener != nil && c.api.started != nil {
		c.api.started(apiListener.Addr())
	}
}
