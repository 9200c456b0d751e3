// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package middleware

import (
	"net/http"
	"slices"

	"github.com/flipper-go/flipper"
)

// Switch returns a handler that passes each request to on if the flag is on, and to off
// if not. It is [Require] with a fallback, for two handlers that stand side by side.
func Switch(flag *flipper.FeatureFlag, on, off http.Handler, opts ...Option) http.Handler {
	return Require(flag, slices.Concat(opts, []Option{WithFallback(off)})...)(on)
}
