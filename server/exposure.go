// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
)

var (
	// ErrUnprotected says that Thrift would listen on an address other than
	// loopback without TLS and client certificates. [WithInsecure] allows it.
	ErrUnprotected = errors.New("without TLS and client certificates, whoever reaches it can change flags")

	// ErrProfilesExposed says that HTTP would serve profiles on an address other
	// than loopback. [WithInsecure] allows it.
	ErrProfilesExposed = errors.New("whoever reaches its profiles can read parts of the memory")

	// ErrNoTokens says that the HTTP API would listen on an address other than loopback
	// without tokens. [WithInsecure] allows it.
	ErrNoTokens = errors.New("without tokens, whoever reaches it can change flags")
)

// Check returns the error with which [Run] would refuse these options, and nil if
// it would not. It opens nothing. The error matches [ErrUnprotected],
// [ErrNoTokens] or [ErrProfilesExposed] if an address needs protection that it does not have. An
// address that cannot be listened on is left for Run to report.
func Check(ctx context.Context, opts ...Option) error {
	c, err := newConfig(opts)
	if err != nil || c.insecure {
		return err
	}
	for _, e := range c.endpoints() {
		// Resolving the address is left to the package net, which then stops
		// before it binds.
		look := net.ListenConfig{Control: func(_, address string, _ syscall.RawConn) error {
			if err := e.allow(address); err != nil {
				return err
			}
			return errLooked
		}}
		l, err := look.Listen(ctx, "tcp", e.address)
		if err == nil {
			return errors.Join(errors.New("the address was bound while it was checked"), l.Close())
		}
		if exposed(err) {
			return e.refused(err)
		}
	}
	return nil
}

// errLooked ends a look at an address.
var errLooked = errors.New("only looked")

func exposed(err error) bool {
	return reason(err) != nil
}

// reason returns the sentinel that an error of an exposed address matches, or nil.
func reason(err error) error {
	for _, reason := range []error{ErrUnprotected, ErrProfilesExposed, ErrNoTokens} {
		if errors.Is(err, reason) {
			return reason
		}
	}
	return nil
}

// The names of endpoints, for messages.
const (
	nameThrift = "Thrift"
	nameHTTP   = "HTTP"
	nameAPI    = "the API"
)

// An endpoint is an address that the server listens on.
type endpoint struct {
	name    string
	address string
	// exposure is the reason why only this machine may reach the address, nil if
	// others may too.
	exposure error
}

// endpoints returns that of Thrift, and after it those of HTTP and of the API if they
// are served.
func (c *config) endpoints() []endpoint {
	all := []endpoint{{name: nameThrift, address: c.listen}}
	if !c.clientsVerified() {
		all[0].exposure = ErrUnprotected
	}
	if c.http != "" {
		all = append(all, endpoint{name: nameHTTP, address: c.http})
		if c.pprof {
			// With TLS too: HTTP asks clients for no certificates.
			all[1].exposure = ErrProfilesExposed
		}
	}
	if c.api.address != "" {
		e := endpoint{name: nameAPI, address: c.api.address}
		if c.api.tokens == nil {
			e.exposure = ErrNoTokens
		}
		all = append(all, e)
	}
	return all
}

// clientsVerified reports whether Thrift's clients need a certificate.
func (c *config) clientsVerified() bool {
	switch {
	case c.certificates != nil:
		return c.certificates.files.ClientCA != ""
	case c.tls == nil:
		return false
	}
	ownCheck := c.tls.VerifyPeerCertificate != nil || c.tls.VerifyConnection != nil
	return c.tls.ClientAuth == tls.RequireAndVerifyClientCert || c.tls.ClientAuth == tls.RequireAnyClientCert && ownCheck
}

// allow refuses an address to bind to, as the package net resolved it, if others
// can reach it and must not.
func (e endpoint) allow(resolved string) error {
	if e.exposure == nil || isLoopback(resolved) {
		return nil
	}
	return e.exposure
}

// isLoopback reports whether only this machine reaches an address. Without an IP,
// as in :9090, an address is on all interfaces.
func isLoopback(resolved string) bool {
	address, err := netip.ParseAddrPort(resolved)
	return err == nil && address.Addr().Unmap().IsLoopback()
}

func (e endpoint) refused(err error) error {
	return fmt.Errorf("%s on %q is reachable from other machines: %w", e.name, e.address, reason(err))
}
