// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"net/http"
	"slices"
	"strings"
)

// What pages of other origins may send and see.
var (
	corsMethods = strings.Join([]string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}, ", ")
	corsHeaders = "Authorization, Content-Type, If-Match, If-None-Match, Last-Event-ID, Traceparent, X-API-Key, X-Request-Id"
	corsExposed = "ETag, Retry-After, X-Request-Id"
)

// corsMaxAge is for how many seconds a browser may remember what it is allowed.
const corsMaxAge = "600"

// checkOrigin refuses calls that a page of another site makes, unless its origin was
// named.
func (a *Access) checkOrigin(w http.ResponseWriter, r *http.Request) error {
	if err := a.crossOrigin.Check(r); err != nil {
		return &Refusal{
			Status: http.StatusForbidden,
			Detail: "A page of another origin made this call. The operator of the server can name the origin to allow it.",
			Err:    err,
		}
	}
	a.share(w.Header(), r)
	return nil
}

// share tells the browser that a page may see the answer, if its origin was named.
func (a *Access) share(h http.Header, r *http.Request) (shared bool) {
	if len(a.origins) == 0 {
		return false
	}
	h.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if origin == "" || !slices.Contains(a.origins, origin) {
		return false
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Expose-Headers", corsExposed)
	return true
}

// preflight answers the question of a browser whether a page may make a call. It
// reports whether the request is one.
func (a *Access) preflight(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	h := w.Header()
	if a.share(h, r) {
		h.Set("Access-Control-Allow-Methods", corsMethods)
		h.Set("Access-Control-Allow-Headers", corsHeaders)
		h.Set("Access-Control-Max-Age", corsMaxAge)
	}
	w.WriteHeader(http.StatusNoContent)
	return true
}
