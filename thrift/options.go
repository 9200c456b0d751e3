// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package thrift

import (
	"crypto/tls"
	"math"
	"time"
)

// DefaultMaxConnections is the default of [WithMaxConnections].
const DefaultMaxConnections = 4096

const (
	defaultMaxMessageSize = 1 << 20
	defaultMaxRefusedSize = 16 << 20
	defaultMaxElements    = 16 << 10
	defaultMaxPending     = 256 << 20
	defaultReadTimeout    = 10 * time.Second
	defaultWriteTimeout   = 30 * time.Second
)

// A ServerOption changes a default of [NewServer].
type ServerOption func(*Server)

// WithTLS makes the server speak TLS on every listener. Clients are asked for
// certificates if the configuration says so. The default is no TLS.
func WithTLS(c *tls.Config) ServerOption {
	return func(s *Server) { s.tls = c }
}

// WithMaxMessageSize sets how large a message from a client may be, in bytes. It
// must hold a flag, of which the largest has [store.MaxFlagSize]. A larger one is
// answered with INVALID; see [WithMaxRefusedSize]. The default is 1 MiB.
func WithMaxMessageSize(n int) ServerOption {
	return func(s *Server) { s.maxMessageSize = min(n, math.MaxInt32) }
}

// WithMaxRefusedSize sets how large a message may be, in bytes, that is over
// another limit: up to this size the server reads it to its end, without keeping it
// in memory, and answers INVALID, so that the connection goes on. Python's client
// never connects again. A larger one ends its connection. The default is 16 MiB;
// less than the limit of [WithMaxMessageSize] stands for that.
func WithMaxRefusedSize(n int) ServerOption {
	return func(s *Server) { s.maxRefusedSize = min(n, math.MaxInt32) }
}

// WithMaxElements sets how many elements all lists, sets and maps of one message
// from a client may have together: in memory each is many times larger than in
// the message. A message with more is answered with INVALID; see
// [WithMaxRefusedSize]. The default is 16,384, more than the conditions of the
// largest flag.
func WithMaxElements(n int) ServerOption {
	return func(s *Server) { s.maxElements = min(n, math.MaxInt32) }
}

// WithMaxPending sets how large all messages may be together that are being
// received or answered, in bytes. A connection that needs more ends. The first
// 4 KiB of each message, and the first 64 KiB of each reply, do not count. The
// default is 256 MiB.
func WithMaxPending(n int64) ServerOption {
	return func(s *Server) { s.pending.limit = n }
}

// WithMaxConnections sets how many connections there may be. At the limit, the
// next one takes the place of the one idle longest; if all have a call in
// flight, which includes long polls, it is closed. The default is
// [DefaultMaxConnections].
func WithMaxConnections(n int) ServerOption {
	return func(s *Server) { s.maxConnections = n }
}

// WithIdleTimeout sets how long a connection may be without a call. The default,
// 0, is for ever: Thrift's Python client connects once, and fails every call
// after the connection was closed, so a timeout breaks processes that ask for
// flags rarely. Nothing is needed against peers that are gone, which TCP
// keep-alive detects (a listener of [net.Listen] turns it on), nor against too
// many idle connections; see [WithMaxConnections].
func WithIdleTimeout(d time.Duration) ServerOption {
	return func(s *Server) { s.idleTimeout = d }
}

// WithReadTimeout sets how long the rest of a message may take once its first
// byte is there, and a TLS handshake. The default is 10 seconds.
func WithReadTimeout(d time.Duration) ServerOption {
	return func(s *Server) { s.readTimeout = d }
}

// WithWriteTimeout sets how long a client may take to receive a reply; it may get up
// to a quarter more. The default is 30 seconds.
func WithWriteTimeout(d time.Duration) ServerOption {
	return func(s *Server) { s.writeTimeout = d }
}
