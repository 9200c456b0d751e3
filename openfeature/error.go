// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipperopenfeature

import (
	"context"
	"errors"
	"fmt"

	"github.com/open-feature/go-sdk/openfeature"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
)

// A contextError says that an attribute of the evaluation context has no form in Flipper.
type contextError struct{ error }

// resolutionError returns OpenFeature's form of the error of an evaluation.
func (p *Provider) resolutionError(flag string, err error) openfeature.ResolutionError {
	switch {
	case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrInvalidName):
		return openfeature.NewFlagNotFoundResolutionError(fmt.Sprintf("flag %s not found", flag))
	case errors.Is(err, store.ErrUnreadable), isOfPercentage(err):
		return openfeature.NewParseErrorResolutionError(err.Error(), err)
	case errors.Is(err, flipper.ErrType):
		return openfeature.NewTypeMismatchResolutionError(fmt.Sprintf("flag %q: %v", flag, err))
	case errors.As(err, new(contextError)), errors.Is(err, carta.ErrKind), errors.Is(err, flipper.ErrMissingAttribute):
		return openfeature.NewInvalidContextResolutionError(err.Error())
	case !p.reached.Load() && isUnreachable(err):
		return openfeature.NewProviderNotReadyResolutionError(err.Error())
	}
	return openfeature.NewGeneralResolutionError(err.Error(), err)
}

// isOfPercentage reports whether the stored percentage is not a number: the caller's
// attributes are not to blame then.
func isOfPercentage(err error) bool {
	return errors.Is(err, carta.ErrKind) && errors.Is(err, targeting.ErrInvalid)
}

// isUnreachable reports whether the store could not be asked, or not in time.
func isUnreachable(err error) bool {
	return errors.Is(err, store.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded)
}
