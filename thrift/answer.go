// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package thrift

import (
	"context"
	"errors"
	"fmt"

	"github.com/flipper-go/flipper/internal/featureflagstore"
	"github.com/flipper-go/flipper/store"
)

// exception makes an error that arrives at the client as it is. Only a bare
// *FlipperException does: generated code looks at the type, not at what an error
// wraps.
func exception(code featureflagstore.ErrorCode, message string) *featureflagstore.FlipperException {
	return &featureflagstore.FlipperException{Code: &code, Message: message}
}

func errStopping() error {
	return exception(featureflagstore.ErrorCode_UNAVAILABLE, "the service is stopping")
}

// invalidf is about an argument of a call.
func invalidf(format string, args ...any) error {
	return fmt.Errorf("%w %s", store.ErrInvalid, fmt.Sprintf(format, args...))
}

// answer makes of an error of the store, or about an argument, what the client is
// told. The text of other errors may hold addresses and the like, so it is logged
// instead.
func (s *Service) answer(ctx context.Context, method, name string, err error) error {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return exception(featureflagstore.ErrorCode_NOT_FOUND, fmt.Sprintf("there is no flag %q", name))
	case errors.Is(err, store.ErrExists):
		return exception(featureflagstore.ErrorCode_EXISTS, fmt.Sprintf("there is a flag %q already", name))
	case errors.Is(err, store.ErrConflict):
		return exception(featureflagstore.ErrorCode_CONFLICT, fmt.Sprintf("flag %q was changed meanwhile", name))
	case errors.Is(err, store.ErrUnreadable):
		// Before ErrInvalid, which it may wrap.
		return exception(featureflagstore.ErrorCode_UNREADABLE, err.Error())
	case errors.Is(err, store.ErrInvalid):
		return exception(featureflagstore.ErrorCode_INVALID, err.Error())
	case ctx.Err() != nil:
		// The client is gone, or the server is being closed.
		return errStopping()
	}
	s.report("the store failed", err, "method", method, "feature_name", name)
	message := "the flag store failed; the server's log says why"
	if errors.Is(err, context.DeadlineExceeded) {
		message = "the flag store did not answer in time"
	}
	return exception(featureflagstore.ErrorCode_UNAVAILABLE, message)
}

// report logs an error and tells the error handler.
func (s *Service) report(message string, err error, attrs ...any) {
	s.log.Warn(message, append(attrs, "error", err)...)
	s.onError(err)
}
