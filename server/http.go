// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/flipper-go/flipper/internal/limitedlog"
)

const (
	httpHeaderTimeout = 5 * time.Second
	httpIdleTimeout   = time.Minute
)

// newHTTPServer makes the server of health, metrics and profiles. ctx is that of
// requests: what takes long, such as a profile, ends with it.
func (c *config) newHTTPServer(ctx context.Context, h *health, m *metrics) *http.Server {
	mux := http.NewServeMux()
	h.register(mux)
	mux.Handle("GET /metrics", m.handler(c.logger))
	if c.pprof {
		// Importing net/http/pprof also puts these on http.DefaultServeMux, which
		// nothing here serves.
		mux.HandleFunc("/debug/pprof/", pprof.Index)
		mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
		mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	}
	server := &http.Server{
		Handler:           mux,
		ReadHeaderTimeout: httpHeaderTimeout,
		IdleTimeout:       httpIdleTimeout,
		ErrorLog:          slog.NewLogLogger(c.logger.Handler(), slog.LevelWarn),
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	if c.httpTLS {
		observeHandshakes(server, m, limitedlog.New(c.logger))
	}
	return server
}
