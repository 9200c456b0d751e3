// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package middleware

import (
	"net/http"

	"github.com/flipper-go/flipper"
)

// Require passes a request on to the next handler if the flag is on. If it is off,
// Require answers 404 Not Found, or with the handler of [WithFallback].
//
// Every request evaluates the flag with the attributes of its context: put [Attributes]
// around the guard, or use [WithAttributes].
func Require(flag *flipper.FeatureFlag, opts ...Option) func(http.Handler) http.Handler {
	g := guard{flag: flag, otherwise: flag.Default(), fallback: http.NotFoundHandler()}
	for _, opt := range opts {
		opt(&g)
	}
	return func(next http.Handler) http.Handler {
		g := g
		g.next = next
		return &g
	}
}

// A guard is immutable once it is made.
type guard struct {
	flag           *flipper.FeatureFlag
	extractors     []Extractor
	otherwise      bool // if there is no answer
	unpinned       bool // the request stays as it is where there are no extractors
	next, fallback http.Handler
}

func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !g.unpinned || len(g.extractors) > 0 {
		r = prepare(r, g.extractors)
	}
	if g.flag.IsEnabledOr(r.Context(), g.otherwise) {
		g.next.ServeHTTP(w, r)
		return
	}
	g.fallback.ServeHTTP(w, r)
}
