// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package access decides who may call the HTTP API, and what all calls have in common:
// tokens, roles, environments, limits, request ids, the log and metrics.
//
// # Families
//
// The protocols that the API speaks are families of routes. A family is a package with
// a function that registers its routes:
//
//	func Register(mux *http.ServeMux, a *access.Access) {
//		a.Handle(mux, "POST /ofrep/v1/evaluate/flags/{key...}", token.Evaluate, refuse, evaluate)
//	}
//
//	func evaluate(w http.ResponseWriter, r *http.Request, call *access.Call) error {
//		env, err := call.Environment("")
//		if err != nil {
//			return err
//		}
//		answer := env.Evaluate(r.Context(), r.PathValue("key"), environment.Question{Subject: "targetingKey", ...})
//		...
//	}
//
// The handler runs only for callers who may call it. Whatever else it returns as an
// error, and whatever was refused before, reaches the family's refuse, which renders a
// [Refusal] in the form that the family's clients expect.
package access
