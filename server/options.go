// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"crypto/tls"
	"log/slog"
	"net"
	"time"

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
	version         string
	labels          map[string]string
	shutdownTimeout time.Duration
	logger          *slog.Logger
	started         func(thrift, http net.Addr)
	stopping        func()
	tls             *tls.Config
	certificates    *Certificates
	httpTLS         bool
	pprof           bool
	insecure        bool
	thrift          []thrift.ServerOption
	api             apiConfig
}

// An Option changes how [Run] serves.
type Option func(*config)

// WithListen sets the address of the Thrift service. The default is
// [DefaultListen]; port 0 takes a free one.
func WithListen(address string) Option { return func(c *config) { c.listen = address } }

// WithHTTP sets the address of the HTTP endpoints. The default is [DefaultHTTP];
// empty serves none.
func WithHTTP(address string) Option { return func(c *config) { c.http = address } }

// WithPlace sets what the line on start says of where the flags are kept. The
// default is to say nothing of it.
func WithPlace(place string) Option { return func(c *config) { c.place = place } }

// WithVersion sets the version that metrics show. The default is "(devel)".
func WithVersion(version string) Option { return func(c *config) { c.version = version } }

// WithMetricLabels sets labels that every metric has, such as the environment of
// the server. A label with an empty value is left out. The default is none.
func WithMetricLabels(labels map[string]string) Option {
	return func(c *config) { c.labels = labels }
}

// WithTLS serves Thrift over TLS. By default it is plain. See [WithCertificates]
// for certificates that change while the server runs.
func WithTLS(t *tls.Config) Option { return func(c *config) { c.tls = t } }

// WithCertificates serves Thrift over TLS with certificates from files, and takes
// up new ones while it runs; metrics show when the one in use expires. By default
// Thrift is plain. It takes the place of [WithTLS].
func WithCertificates(certificates *Certificates) Option {
	return func(c *config) { c.certificates = certificates }
}

// WithHTTPTLS serves the HTTP endpoints over TLS too, with the certificate of
// [WithCertificates], which it needs. Clients are not asked for certificates: the
// kubelet has none. By default HTTP is plain.
func WithHTTPTLS() Option { return func(c *config) { c.httpTLS = true } }

// WithPprof serves Go's profiles under /debug/pprof/ of the HTTP endpoints. Who
// can ask for them can slow the server down and read parts of its memory. The
// default is not to.
func WithPprof() Option { return func(c *config) { c.pprof = true } }

// WithInsecure allows Thrift to listen on addresses other than loopback without
// TLS and client certificates, the HTTP API to listen there without tokens, and
// profiles to be served there: whoever reaches the server is trusted. The log warns
// of it. The default is to refuse all three.
func WithInsecure() Option { return func(c *config) { c.insecure = true } }

// WithShutdownTimeout sets how long calls in flight may take to finish once the
// server is to stop; then they are cut off. The default is
// [DefaultShutdownTimeout].
func WithShutdownTimeout(timeout time.Duration) Option {
	return func(c *config) { c.shutdownTimeout = timeout }
}

// WithLogger sets where the server logs. The default is [slog.Default].
func WithLogger(logger *slog.Logger) Option { return func(c *config) { c.logger = logger } }

// WithStarted sets a function that is called once the server listens, with its
// addresses; that of HTTP is nil if it is not served. The default is none.
func WithStarted(started func(thrift, http net.Addr)) Option {
	return func(c *config) { c.started = started }
}

// WithStopping sets a function that is called when the server begins to stop. The
// default is none.
func WithStopping(stopping func()) Option { return func(c *config) { c.stopping = stopping } }

// WithServerOptions passes options to the Thrift server, such as its limits. The
// default is none.
func WithServerOptions(opts ...thrift.ServerOption) Option {
	return func(c *config) { c.thrift = append(c.thrift, opts...) }
}
