// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package middleware guards net/http handlers with flags.
//
// [Require] lets requests through while a flag is on, [Switch] chooses between
// two handlers, and [Attributes] says who makes the request. They are plain
// func(http.Handler) http.Handler, and hand the response writer on as it is, so
// they work with any router, with streams and with websockets:
//
//	whoAsks := middleware.Attributes(
//		middleware.Header("plan", "X-Plan"),
//		middleware.AsInt(middleware.Cookie("user_id", "uid")),
//	)
//	mux.Handle("GET /checkout", middleware.Switch(newCheckout, checkoutNew, checkoutOld))
//	mux.Handle("GET /beta/", middleware.Require(beta)(betaHandler))
//	err := http.ListenAndServe(":8080", whoAsks(mux))
//
// # One answer per request
//
// All of them pin flags for the request (see [flipper.WithPinnedFlags]): if a
// flag is changed or its store fails midway, the guards further in, and the
// handler if it asks with the request's context, still get the state that the
// flag had when it was first asked. Such a handler gets the same answer as the
// guard, unless it asks with other attributes.
//
// A connection that stays open keeps its answers too. To get fresh ones, ask with
// a context of your own that carries the same attributes:
//
//	ctx := flipper.WithAttrs(context.Background(), flipper.AttrsFrom(r.Context())...)
//
// # Failure
//
// A guard never answers with an error of the store. A flag that does not exist,
// or whose state cannot be had within the client's time-out (see
// [flipper.WithTimeout]), is off, unless the flag's declaration or
// [WithDefault] says otherwise; the client
// reports why. A panic of an [Extractor] or a handler is left to the server.
//
// # Trust
//
// Headers, cookies and queries are what the caller sends. They are good for
// rollouts, but do not make a flag a permission: a caller can send any value, and
// a flag's check on an attribute that is missing is passed. For what must not be
// forged, take the attribute from what your authentication found out, with an
// [Extractor] of your own.
//
// # Caches
//
// A guard adds no headers. If a response that depends on a flag can be cached, the
// handlers on both sides have to say so: Vary with the header that the attribute
// is from, or Cache-Control: private or no-store. Redirect with a temporary
// status, such as [http.StatusFound]: browsers keep permanent ones.
package middleware
