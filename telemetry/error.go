// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"errors"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
)

// The types of errors. Where OpenFeature has a code for it, that in lower case is
// the type.
const (
	ErrorFlagNotFound   = "flag_not_found"  // [store.ErrNotFound]
	ErrorParse          = "parse_error"     // [store.ErrUnreadable], or [carta.ErrKind] with [targeting.ErrInvalid]
	ErrorInvalidContext = "invalid_context" // [carta.ErrKind], or [flipper.ErrMissingAttribute]
	ErrorTypeMismatch   = "type_mismatch"   // [flipper.ErrType]
	ErrorUnavailable    = "unavailable"     // [store.ErrUnavailable]
	ErrorTimeout        = "timeout"         // [context.DeadlineExceeded]
	ErrorCanceled       = "canceled"        // [context.Canceled]
	ErrorClosed         = "closed"          // [store.ErrClosed]
	ErrorInvalid        = "invalid"         // [store.ErrInvalid]
	ErrorAlreadyExists  = "already_exists"  // [store.ErrExists]
	ErrorConflict       = "conflict"        // [store.ErrConflict]
	ErrorGeneral        = "general"         // any other
)

var errorTypes = []struct {
	err       error
	errorType string
}{
	{store.ErrNotFound, ErrorFlagNotFound},
	{store.ErrExists, ErrorAlreadyExists},
	{store.ErrConflict, ErrorConflict},
	{store.ErrUnreadable, ErrorParse},
	{carta.ErrKind, ErrorInvalidContext},
	{flipper.ErrMissingAttribute, ErrorInvalidContext},
	{flipper.ErrType, ErrorTypeMismatch},
	{store.ErrClosed, ErrorClosed},
	// What a store gives up to wait for is the store's.
	{store.ErrUnavailable, ErrorUnavailable},
	{context.DeadlineExceeded, ErrorTimeout},
	{context.Canceled, ErrorCanceled},
	{store.ErrInvalid, ErrorInvalid},
}

// ErrorType returns the type of an error of an evaluation or a store: one of the
// constants, or "" if err is nil.
func ErrorType(err error) string {
	if err == nil {
		return ""
	}
	if errors.Is(err, carta.ErrKind) && errors.Is(err, targeting.ErrInvalid) {
		return ErrorParse // the stored percentage is to blame, not the caller's attributes
	}
	for _, t := range errorTypes {
		if errors.Is(err, t.err) {
			return t.errorType
		}
	}
	return ErrorGeneral
}

// IsFailure reports whether an error of a store says that the store does not work. An
// error about a flag is an answer: it does not exist, exists already, was changed by
// somebody else, or cannot be stored. So is the error of a caller that gave up.
func IsFailure(err error) bool {
	switch ErrorType(err) {
	case ErrorParse, ErrorUnavailable, ErrorTimeout, ErrorClosed, ErrorGeneral:
		return true
	}
	return false
}
