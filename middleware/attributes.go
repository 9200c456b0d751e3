// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package middleware

import (
	"net/http"
	"reflect"

	"github.com/flipper-go/flipper"
)

// Attributes puts attributes of each request into its context, where all guards and
// evaluations further in find them. If several extractors return an attribute of one
// name, the last one counts. So put a fallback before the extractor that it backs up.
func Attributes(extractors ...Extractor) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, prepare(r, extractors))
		})
	}
}

// prepare returns the request with its flags pinned and with the attributes that
// the extractors find. It copies the request only if it has to.
func prepare(r *http.Request, extractors []Extractor) *http.Request {
	var space [8]flipper.Attr // on the stack: WithPinnedFlags copies what it keeps
	attrs := space[:0]
	for _, extract := range extractors {
		if attr, ok := extract(r); ok {
			attrs = append(attrs, attr)
		}
	}
	before := r.Context()
	ctx := flipper.WithPinnedFlags(before, attrs...)
	// To compare contexts that are structs could panic. Copying is right, too.
	if reflect.TypeOf(before).Kind() == reflect.Pointer && ctx == before {
		return r
	}
	return r.WithContext(ctx)
}
