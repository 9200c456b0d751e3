// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package thriftrpc

import (
	"context"
	"crypto/tls"
	"log/slog"
	"math"
	"net"
	"time"
)

const (
	defaultTimeout        = time.Second
	defaultPollTimeout    = 10 * time.Second
	defaultMaxConnections = 16
	defaultMaxMessageSize = 16 << 20
)

// An Option changes how a [Store] talks to its service. A duration or size that
// is not positive stands for the default.
type Option func(*options)

type options struct {
	timeout        time.Duration
	pollTimeout    time.Duration
	maxConnections int
	maxMessageSize int
	framed         bool
	compact        bool
	tls            *tls.Config
	dial           DialFunc
	logger         *slog.Logger
}

// A DialFunc opens a connection. [net.Dialer.DialContext] is one.
type DialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// WithTimeout sets how long a call may take, dialing included, if its context
// has no deadline. The default is one second. A loop over List makes one call for
// each page.
func WithTimeout(d time.Duration) Option {
	return func(o *options) { o.timeout = positive(d, defaultTimeout) }
}

// WithPollTimeout sets how long one question of Watch waits at the service for a
// change; a change is told at once whatever this is. A service that hangs is
// noticed after this and the timeout of [WithTimeout]. The default is ten
// seconds; the service waits for 60 at most.
func WithPollTimeout(d time.Duration) Option {
	return func(o *options) { o.pollTimeout = min(positive(d, defaultPollTimeout), time.Minute) }
}

// WithMaxConnections sets how many connections there are at most, and so how
// many calls at a time; further calls wait for their turn. Each Watch has a
// connection of its own, which does not count. The default is 16.
func WithMaxConnections(n int) Option {
	return func(o *options) { o.maxConnections = positive(n, defaultMaxConnections) }
}

// WithMaxMessageSize sets the largest reply that is read, in bytes. The default
// is 16 MiB, a multiple of what this project's service sends. A foreign service
// answers List with all its flags in one message.
func WithMaxMessageSize(bytes int) Option {
	return func(o *options) { o.maxMessageSize = min(positive(bytes, defaultMaxMessageSize), math.MaxInt32) }
}

// WithFramed puts the length before each message, as Thrift's framed transport
// does. The default is Thrift's buffered transport, which the Python client uses.
func WithFramed() Option { return func(o *options) { o.framed = true } }

// WithCompact uses Thrift's compact protocol. The default is the binary protocol,
// which the Python client uses.
func WithCompact() Option { return func(o *options) { o.compact = true } }

// WithTLS encrypts the connections. Without a ServerName in config, the host of
// the address must be in the service's certificate. The default is no encryption.
func WithTLS(config *tls.Config) Option {
	return func(o *options) { o.tls = config.Clone() }
}

// WithDialer sets what opens connections, for example through a tunnel. The
// default is a [net.Dialer].
func WithDialer(dial DialFunc) Option { return func(o *options) { o.dial = dial } }

// WithLogger sets where the store tells that the service is a foreign one. The
// default is [slog.Default].
func WithLogger(l *slog.Logger) Option { return func(o *options) { o.logger = l } }

func newOptions(address string, opts []Option) options {
	o := options{
		timeout:        defaultTimeout,
		pollTimeout:    defaultPollTimeout,
		maxConnections: defaultMaxConnections,
		maxMessageSize: defaultMaxMessageSize,
		dial:           (&net.Dialer{}).DialContext,
	}
	for _, opt := range opts {
		opt(&o)
	}
	if o.logger == nil {
		o.logger = slog.Default()
	}
	if o.tls != nil && o.tls.ServerName == "" {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			host = address
		}
		o.tls.ServerName = host
	}
	return o
}

func positive[T time.Duration | int](value, otherwise T) T {
	if value > 0 {
		return value
	}
	return otherwise
}
