// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"

	"github.com/flipper-go/flipper/internal/limitedlog"
)

// Where TLS is spoken.
const (
	endpointThrift = "thrift"
	endpointHTTP   = "http"
)

// Why TLS handshakes fail.
const (
	reasonNotTLS           = "not_tls"
	reasonNoCertificate    = "client_certificate_missing"
	reasonExpired          = "client_certificate_expired"
	reasonUnknownAuthority = "client_certificate_unknown_authority"
	reasonInvalid          = "client_certificate_invalid"
	reasonRefused          = "server_certificate_refused"
	reasonIncompatible     = "incompatible"
	reasonTimeout          = "timeout"
	reasonDisconnected     = "disconnected"
	reasonOther            = "other"
)

var handshakeReasons = []string{
	reasonNotTLS, reasonNoCertificate, reasonExpired, reasonUnknownAuthority, reasonInvalid,
	reasonRefused, reasonIncompatible, reasonTimeout, reasonDisconnected, reasonOther,
}

// showHandshakes has the failures of an endpoint shown before there are any: a rate
// has to begin somewhere.
func (m *metrics) showHandshakes(endpoint string) {
	for _, reason := range handshakeReasons {
		m.handshakes.WithLabelValues(endpoint, reason)
	}
}

// HandshakeFailed counts a TLS handshake of the Thrift service.
func (m *metrics) HandshakeFailed(err error) { m.handshakeFailed(endpointThrift, err) }

func (m *metrics) handshakeFailed(endpoint string, err error) {
	m.handshakes.WithLabelValues(endpoint, handshakeReason(err)).Inc()
}

// handshakeReason says why a server's handshake failed. Package tls has no types
// for what is told apart by text here.
func handshakeReason(err error) string {
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return reasonNotTLS
	}
	if invalid, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return verificationReason(invalid)
	}
	text := err.Error()
	holds := func(part string) bool { return strings.Contains(text, part) }
	var alert string // which side has sent one
	if e, ok := errors.AsType[*net.OpError](err); ok {
		alert = e.Op
	}
	timeout, ok := errors.AsType[net.Error](err) // as is context.DeadlineExceeded
	switch {
	case alert == "remote error" && holds("certificate"):
		return reasonRefused
	case alert == "local error" && holds("bad record MAC"):
		// With TLS 1.3 OpenSSL's clients, and so Python's, send their word that
		// they refuse a certificate in plain text, which cannot be decrypted.
		return reasonRefused
	case alert == "remote error" && (holds("protocol version") || holds("handshake failure") || holds("insufficient security")):
		return reasonIncompatible
	case ok && timeout.Timeout():
		return reasonTimeout
	case isDisconnect(err):
		return reasonDisconnected
	case holds("didn't provide a certificate"):
		return reasonNoCertificate
	case holds("client certificate"):
		return reasonInvalid
	case holds("unsupported versions"), holds("supported by both client and server"):
		return reasonIncompatible
	}
	return reasonOther
}

// verificationReason says why a client's certificate was refused.
func verificationReason(err *tls.CertificateVerificationError) string {
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return reasonUnknownAuthority
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		return reasonExpired
	}
	return reasonInvalid
}

// isDisconnect reports whether a client just left, as port probes do.
func isDisconnect(err error) bool {
	for _, end := range []error{io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, end) {
			return true
		}
	}
	return false
}

// observeHandshakes has an HTTP server's handshakes that fail counted, and logged
// as the Thrift server does. Its own log has a line for each, however many a client
// causes.
func observeHandshakes(s *http.Server, m *metrics, limited *limitedlog.Log) {
	s.ErrorLog.SetOutput(withoutHandshakes{s.ErrorLog.Writer()})
	s.ConnState = func(conn net.Conn, state http.ConnState) {
		t, ok := conn.(*tls.Conn)
		if state != http.StateClosed || !ok {
			return
		}
		// This shakes no hands: it says how that ended. The connection is closed.
		err := t.HandshakeContext(context.Background())
		if err == nil || errors.Is(err, net.ErrClosed) || errors.Is(err, context.Canceled) {
			return // or the server's own doing
		}
		m.handshakeFailed(endpointHTTP, err)
		if !isDisconnect(err) {
			limited.Warn("closed a connection: TLS handshake failed", "endpoint", endpointHTTP, "remote", conn.RemoteAddr().String(), "error", err)
		}
	}
}

// withoutHandshakes drops what an HTTP server logs of failed handshakes.
type withoutHandshakes struct{ io.Writer }

// Write is given a line at a time.
func (w withoutHandshakes) Write(line []byte) (int, error) {
	if strings.HasPrefix(string(line), "http: TLS handshake error") {
		return len(line), nil
	}
	return w.Writer.Write(line)
}
