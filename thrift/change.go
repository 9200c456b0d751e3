// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package thrift

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"

	"github.com/flipper-go/flipper/store"
)

// A Change is a write of a client that was stored. It may have left the flag as it
// was. Its flags must not be modified.
type Change struct {
	// Name is that of the flag.
	Name string

	// Method is the method of the service that was called, such as SetMeta.
	Method string

	// Before and After are the flag before and after the write. Before is nil if the
	// write created the flag, After if it deleted it.
	Before, After *store.Flag

	// Unknown says that there was something under the name before, and Before is
	// nil because it is not known: it was unreadable, say.
	Unknown bool

	// Remote is the client's address, nil if the service was not called by a
	// [Server].
	Remote net.Addr

	// Certificate is the one that the client showed over TLS, nil if it showed
	// none. Whether it was verified, the TLS configuration says.
	Certificate *x509.Certificate
}

// WithChangeHandler sets a function that is told of each write that was stored, for
// a log of who changed what. It is called before the write is answered, must be safe
// for concurrent use, and should be quick. The default is none, and costs nothing.
//
// To know what a flag was before, the service reads it before it deletes or replaces
// it. Of writes by others to the same store it is not told.
func WithChangeHandler(handle func(Change)) ServiceOption {
	return func(s *Service) { s.onChange = handle }
}

// A before is what is known of a flag before a write.
type before struct {
	flag    *store.Flag
	unknown bool
}

// note keeps a copy of a flag that is about to be changed.
func (s *Service) note(b *before, f *store.Flag) {
	if s.onChange != nil {
		*b = before{flag: f.Clone()}
	}
}

// lookBefore reads a flag that is about to be deleted or replaced. The write does
// not depend on whether it can.
func (s *Service) lookBefore(ctx context.Context, name string) before {
	if s.onChange == nil {
		return before{}
	}
	f, err := s.store.Get(ctx, name)
	return before{flag: f, unknown: err != nil}
}

// changed tells the handler of a write.
func (s *Service) changed(ctx context.Context, method, name string, b before, after *store.Flag) {
	if s.onChange == nil {
		return
	}
	c := Change{Name: name, Method: method, Before: b.flag, After: after, Unknown: b.unknown}
	if from, ok := ctx.Value(callerKey{}).(caller); ok {
		c.Remote, c.Certificate = from.remote, from.certificate
	}
	s.onChange(c)
}

// A caller is the client of a connection. The contexts of its calls have it.
type caller struct {
	remote      net.Addr
	certificate *x509.Certificate
}

type callerKey struct{}

// callContext returns the context of the calls on a connection, after its handshake.
func (c *connection) callContext() context.Context {
	if c.server.service.onChange == nil {
		return c.server.ctx
	}
	from := caller{remote: c.conn.RemoteAddr()}
	if t, ok := c.conn.(*tls.Conn); ok {
		if shown := t.ConnectionState().PeerCertificates; len(shown) > 0 {
			from.certificate = shown[0]
		}
	}
	return context.WithValue(c.server.ctx, callerKey{}, from)
}
