// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package middleware_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/flipper-go/flipper/middleware"
)

type noResponse struct{ http.ResponseWriter }

// discard is a handler that does nothing.
var discard = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})

func benchmarkedRequest(tb testing.TB) *http.Request {
	tb.Helper()
	r := httptest.NewRequestWithContext(tb.Context(), http.MethodGet, "/", nil)
	r.Header.Set("X-Plan", "pro")
	r.Header.Set("X-User", "42")
	r.AddCookie(&http.Cookie{Name: "device", Value: "d7"})
	return r
}

func BenchmarkRequire(b *testing.B) {
	plan := middleware.Header("plan", "X-Plan")
	user := middleware.AsInt(middleware.Header("user_id", "X-User"))
	device := middleware.Cookie("device", "device")
	flag := newFlag(b, pros())
	guard := middleware.Require(flag)
	for _, bench := range []struct {
		name string
		h    http.Handler
	}{
		{"floor: no guard", discard},
		// What any middleware that adds to the context has to pay.
		{"floor: request copy", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			discard.ServeHTTP(w, r.WithContext(r.Context()))
		})},
		{"without attributes", guard(discard)},
		{"without attributes and pins", middleware.Require(flag, middleware.WithoutPinnedFlags())(discard)},
		{"one header", middleware.Require(flag, middleware.WithAttributes(plan))(discard)},
		{"one header as an int", middleware.Require(flag, middleware.WithAttributes(user))(discard)},
		{"three attributes", middleware.Require(flag, middleware.WithAttributes(plan, user, device))(discard)},
		{"five guards", guard(guard(guard(guard(guard(discard)))))},
		{"Attributes and five guards", middleware.Attributes(plan)(guard(guard(guard(guard(guard(discard))))))},
	} {
		b.Run(bench.name, func(b *testing.B) {
			r, w := benchmarkedRequest(b), http.ResponseWriter(noResponse{})
			b.ReportAllocs()
			for b.Loop() {
				bench.h.ServeHTTP(w, r)
			}
		})
	}
}

// A guard within a guard allocates nothing.
func TestNestedGuardsAllocs(t *testing.T) {
	guard := middleware.Require(newFlag(t, pros()))
	for _, test := range []struct {
		name        string
		one, nested http.Handler
	}{
		{"guard", guard(discard), guard(guard(guard(discard)))},
		{"attributes", middleware.Attributes(middleware.Header("plan", "X-Plan"))(guard(discard)), middleware.Attributes(middleware.Header("plan", "X-Plan"))(guard(guard(guard(discard))))},
	} {
		r, w := benchmarkedRequest(t), http.ResponseWriter(noResponse{})
		one := testing.AllocsPerRun(100, func() { test.one.ServeHTTP(w, r) })
		nested := testing.AllocsPerRun(100, func() { test.nested.ServeHTTP(w, r) })
		if one != nested {
			t.Errorf("%s: %v allocations, and %v when nested", test.name, one, nested)
		}
	}
}

// What a guard allocates beside the copy of the request, which it needs for its
// context.
func TestGuardAllocs(t *testing.T) {
	flag := newFlag(t, pros())
	plan := middleware.Header("plan", "X-Plan")
	user := middleware.AsInt(middleware.Header("user_id", "X-User"))
	r, w := benchmarkedRequest(t), http.ResponseWriter(noResponse{})
	requestCopy := testing.AllocsPerRun(100, func() { discard.ServeHTTP(w, r.WithContext(r.Context())) })
	for _, test := range []struct {
		name    string
		handler http.Handler
		want    float64
	}{
		{"no pins", middleware.Require(flag, middleware.WithoutPinnedFlags())(discard), 0},
		{"pins", middleware.Require(flag)(discard), requestCopy + 1},
		{"one attribute", middleware.Require(flag, middleware.WithAttributes(plan))(discard), requestCopy + 1},
		{"two attributes", middleware.Require(flag, middleware.WithAttributes(plan, user))(discard), requestCopy + 1},
		{"no pins, two attributes", middleware.Require(flag, middleware.WithoutPinnedFlags(), middleware.WithAttributes(plan, user))(discard), requestCopy + 1},
		{"around three guards", middleware.Attributes(plan, user)(middleware.Require(flag)(middleware.Require(flag)(middleware.Require(flag)(discard)))), requestCopy + 1},
	} {
		if got := testing.AllocsPerRun(100, func() { test.handler.ServeHTTP(w, r) }); got != test.want {
			t.Errorf("%s: %v allocations, want %v", test.name, got, test.want)
		}
	}
}
