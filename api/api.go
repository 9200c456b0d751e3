// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package api serves flags over HTTP. It puts together families of routes, each a
// package of its own:
//
//	environments, err := environment.NewEnvironments(production)
//	...
//	a, err := access.New(environments, access.WithTokens(tokens))
//	...
//	handler := api.New(a, rest.Register, ofrep.Register)
//
// Package access says how a family plugs in, and what all of them have in common.
package api

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/flipper-go/flipper/api/access"
	"github.com/flipper-go/flipper/api/problem"
	"github.com/flipper-go/flipper/api/token"
)

// A Family registers the routes of one protocol.
type Family func(mux *http.ServeMux, a *access.Access)

// New returns the handler of families of routes.
func New(a *access.Access, families ...Family) http.Handler {
	mux := http.NewServeMux()
	for _, register := range families {
		register(mux, a)
	}
	const rest = "/" // what no family has
	a.Handle(mux, rest, token.Evaluate, problem.Refuse, func(w http.ResponseWriter, r *http.Request, _ *access.Call) error {
		if methods := allowed(mux, r, rest); len(methods) > 0 {
			w.Header().Set("Allow", strings.Join(methods, ", "))
			return &access.Refusal{
				Status: http.StatusMethodNotAllowed,
				Detail: fmt.Sprintf("This path does not take %s: use %s.", r.Method, strings.Join(methods, ", ")),
			}
		}
		return &access.Refusal{Status: http.StatusNotFound, Detail: "There is nothing under this path."}
	})
	return a.Serve(mux)
}

// allowed returns the methods with which the path of a request leads elsewhere than to
// a pattern.
func allowed(mux *http.ServeMux, r *http.Request, pattern string) []string {
	var methods []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		other := &http.Request{Method: method, URL: r.URL, Host: r.Host}
		if _, found := mux.Handler(other); found != pattern {
			methods = append(methods, method)
		}
	}
	return methods
}
