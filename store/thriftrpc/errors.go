// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package thriftrpc

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/apache/thrift/lib/go/thrift"

	"github.com/flipper-go/flipper/internal/featureflagstore"
	"github.com/flipper-go/flipper/store"
)

// ErrNoWatch says that the service cannot tell of changes: it is a foreign one,
// without the method, or its own store cannot. It matches
// [errors.ErrUnsupported].
var ErrNoWatch = fmt.Errorf("the service cannot tell of changes: %w", errors.ErrUnsupported)

// What to do about a failed call.
const (
	hintDial     = "is the service running there, and can it be reached?"
	hintTLS      = "does the service speak TLS, with a certificate for this name that we trust?"
	hintExchange = "is it a flag service, with the same transport, protocol and TLS settings?"
	hintHTTP     = "a flag service has another port: with flipper serve it is that of --listen, not of --http"
	hintSize     = "the service's answer is larger than allowed: see WithMaxMessageSize"
	hintBusy     = "all connections were busy: see WithMaxConnections"
)

// errHTTP is for an address at which an HTTP server answers.
var errHTTP = errors.New("the server speaks HTTP, not Thrift")

// hintFor says what to do about an exchange that failed.
func hintFor(err error) string {
	if errors.Is(err, errHTTP) {
		return hintHTTP
	}
	if e, ok := errors.AsType[thrift.TProtocolException](err); ok && e.TypeId() == thrift.SIZE_LIMIT || errors.Is(err, errTooLarge) {
		return hintSize
	}
	return hintExchange
}

// failed makes the error of a call that was not answered: err says why, unless
// ctx or the store ended.
func (e *exchange) failed(err error, hint string) error {
	if deadline, ok := e.ctx.Deadline(); ok && isTimeout(err) && !time.Now().Before(deadline) {
		<-e.ctx.Done() // its timer and the connection's go off together
	}
	switch {
	case e.p.isClosed():
		return e.closed()
	case e.ctx.Err() == nil:
		if isTimeout(err) && !errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("%w: %w", context.DeadlineExceeded, err)
		}
		return e.wrap(fmt.Errorf("%w: %w", store.ErrUnavailable, err), hint)
	case err == nil || errors.Is(e.ctx.Err(), context.Canceled):
		return e.wrap(contextError(e.ctx), "")
	}
	// The time was up, and the service is why.
	return e.wrap(fmt.Errorf("%w: %w: %w", store.ErrUnavailable, contextError(e.ctx), err), hint)
}

// contextError returns why a context ended, matching both its error and its cause.
func contextError(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if errors.Is(cause, err) {
		return cause
	}
	return fmt.Errorf("%w: %w", err, cause)
}

func (e *exchange) wrap(err error, hint string) error {
	if hint != "" {
		hint = " (" + hint + ")"
	}
	return fmt.Errorf("flag service at %s: %s: %w%s", e.p.address, e.method, err, hint)
}

// answered turns what the service answered about a flag into the store's terms.
func (s *Store) answered(method, name string, err error) error {
	if err == nil {
		return nil
	}
	if exception, ok := errors.AsType[*featureflagstore.FlipperException](err); ok {
		return s.declared(method, name, exception)
	}
	if isApplicationException(err) {
		return s.unavailable(method, "the service failed: %.500q", err.Error())
	}
	return err
}

// declared is for the exception that the service declares. Texts of the service
// are quoted and cut: they are somebody else's.
func (s *Store) declared(method, name string, exception *featureflagstore.FlipperException) error {
	if exception.Code == nil {
		return s.unavailable(method, "the service failed: %.500q", exception.Message)
	}
	switch *exception.Code {
	case featureflagstore.ErrorCode_NOT_FOUND:
		return store.ErrNotFound
	case featureflagstore.ErrorCode_EXISTS:
		return store.ErrExists
	case featureflagstore.ErrorCode_CONFLICT:
		return store.ErrConflict
	case featureflagstore.ErrorCode_INVALID:
		return fmt.Errorf("flag service at %s: %s: %w flag %q: %.500q", s.pool.address, method, store.ErrInvalid, name, exception.Message)
	case featureflagstore.ErrorCode_UNREADABLE:
		return &store.UnreadableError{Name: name, Err: fmt.Errorf("flag service at %s: %.500q", s.pool.address, exception.Message)}
	case featureflagstore.ErrorCode_UNAVAILABLE:
		return s.unavailable(method, "%.500q", exception.Message)
	}
	return s.unavailable(method, "the service failed with code %d: %.500q", *exception.Code, exception.Message)
}

func (s *Store) unavailable(method, format string, args ...any) error {
	return fmt.Errorf("flag service at %s: %s: %w: %s", s.pool.address, method, store.ErrUnavailable, fmt.Sprintf(format, args...))
}

// isUnknownMethod reports whether the service said that it has no such method.
func isUnknownMethod(err error) bool {
	exception, ok := errors.AsType[thrift.TApplicationException](err)
	return ok && exception.TypeId() == thrift.UNKNOWN_METHOD
}
