// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package thrift

import (
	"time"

	apache "github.com/apache/thrift/lib/go/thrift"

	"github.com/flipper-go/flipper/internal/featureflagstore"
)

// UnknownMethod is what an [Observer] is told in place of the name of a method
// that the service does not have. So there are few names, whatever clients send.
const UnknownMethod = "unknown"

// An Observer is told what a [Server] does, for metrics. Its methods are called in
// the goroutines that serve clients, which wait for them: they must be quick, must
// not panic, and must be safe for concurrent use.
type Observer interface {
	// CallEnded is called after each call but long polls. The method is one of the
	// service's, or [UnknownMethod]. d is the time from when the request was there
	// until its reply was made: neither how slowly a client sends nor how slowly it
	// receives is in it. It is 0 with [OutcomeBadMessage].
	CallEnded(method string, outcome Outcome, d time.Duration)

	// WatchStarted and WatchEnded are called around each long poll. What a poll
	// waits for is a change, so how long it takes says nothing of the server.
	WatchStarted()
	WatchEnded(outcome Outcome)

	// ConnectionOpened is called for each connection that is served, and
	// ConnectionClosed when it has ended, whoever ended it.
	ConnectionOpened()
	ConnectionClosed()

	// ConnectionEvicted is called, before ConnectionClosed, for a connection that
	// was idle and was closed to make room for another; see [WithMaxConnections].
	ConnectionEvicted()

	// ConnectionRefused is called for a connection that was closed at once, because
	// there was no room for it. It is not called opened or closed.
	ConnectionRefused()
}

// A HandshakeObserver is an [Observer] that is also told of TLS handshakes that
// fail.
type HandshakeObserver interface {
	Observer

	// HandshakeFailed is called, after ConnectionOpened and before
	// ConnectionClosed, for a connection that ends because its TLS handshake
	// failed, or took too long, or because its client left meanwhile. It is not
	// called if the server ended it, to make room or to stop. The error is what
	// crypto/tls said.
	HandshakeFailed(err error)
}

// WithObserver sets who is told what the server does; see also
// [HandshakeObserver]. The default is nobody, and costs nothing.
func WithObserver(o Observer) ServerOption {
	return func(s *Server) { s.observer = o }
}

// An Outcome is how a call ended, as an [Observer] is told.
type Outcome string

// The outcomes.
const (
	// OutcomeOK is a call that did what it was asked for.
	OutcomeOK Outcome = "ok"

	// OutcomeNotFound and those after it are what the service answers with an
	// ErrorCode; see feature_flag_store.thrift.
	OutcomeNotFound    Outcome = "not_found"
	OutcomeExists      Outcome = "exists"
	OutcomeConflict    Outcome = "conflict"
	OutcomeInvalid     Outcome = "invalid"
	OutcomeUnreadable  Outcome = "unreadable"
	OutcomeUnavailable Outcome = "unavailable"
	OutcomeUnsupported Outcome = "unsupported"

	// OutcomeUnknownMethod is a call of a method that the service does not have.
	OutcomeUnknownMethod Outcome = "unknown_method"
	// OutcomeInternal is a call in which something panicked; the log says what.
	OutcomeInternal Outcome = "internal"
	// OutcomeBadMessage is a request that was not answered, because it is
	// malformed, or over the limit of [WithMaxRefusedSize], or came too slowly. Its
	// connection is closed.
	OutcomeBadMessage Outcome = "bad_message"
)

// outcomeOf tells the outcome of a call by what is replied.
func outcomeOf(result apache.TStruct) Outcome {
	switch result := result.(type) {
	case exceptionStruct:
		if result.TypeId() == apache.UNKNOWN_METHOD {
			return OutcomeUnknownMethod
		}
		return OutcomeInternal
	case interface {
		GetError() *featureflagstore.FlipperException
	}:
		if e := result.GetError(); e != nil {
			return outcomeOfCode(e.GetCode())
		}
	}
	return OutcomeOK
}

func outcomeOfCode(code featureflagstore.ErrorCode) Outcome {
	switch code {
	case featureflagstore.ErrorCode_NOT_FOUND:
		return OutcomeNotFound
	case featureflagstore.ErrorCode_EXISTS:
		return OutcomeExists
	case featureflagstore.ErrorCode_CONFLICT:
		return OutcomeConflict
	case featureflagstore.ErrorCode_INVALID:
		return OutcomeInvalid
	case featureflagstore.ErrorCode_UNREADABLE:
		return OutcomeUnreadable
	case featureflagstore.ErrorCode_UNSUPPORTED:
		return OutcomeUnsupported
	}
	return OutcomeUnavailable
}

// observedMethod returns the name that an observer is told.
func observedMethod(name string) string {
	if _, known := methods[name]; known {
		return name
	}
	return UnknownMethod
}
