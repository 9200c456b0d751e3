// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package middleware_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/middleware"
)

func TestAttributes(t *testing.T) {
	show := http.HandlerFunc(showAttrs)
	both := middleware.Attributes(middleware.Cookie("plan", "plan"), middleware.Header("plan", "X-Plan"), middleware.Header("region", "X-Region"))(show)
	wantBody(t, get(t, both, "/"), 200, ``)
	wantBody(t, get(t, both, "/", "Cookie: plan=free"), 200, `plan="free"`)
	wantBody(t, get(t, both, "/", "Cookie: plan=free", "X-Plan: pro", "X-Region: eu"), 200, `plan="pro" region="eu"`)

	// Further in wins, and what a wrapper set before is kept.
	nested := middleware.Attributes(middleware.Header("plan", "X-Plan"))(
		middleware.Require(newFlag(t), middleware.WithAttributes(middleware.Header("plan", "X-Inner")), middleware.WithAttributes(middleware.Header("region", "X-Region")))(show))
	wantBody(t, get(t, nested, "/", "X-Plan: free"), 200, `plan="free"`)
	wantBody(t, get(t, nested, "/", "X-Plan: free", "X-Inner: pro", "X-Region: eu"), 200, `plan="pro" region="eu"`)

	wantBody(t, get(t, middleware.Attributes()(show), "/"), 200, ``)
}

func TestManyAttributes(t *testing.T) {
	var extractors []middleware.Extractor
	for i := range 40 {
		extractors = append(extractors, static(flipper.Int(fmt.Sprintf("a%d", i), i), true))
	}
	seen := 0
	get(t, middleware.Attributes(extractors...)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		seen = len(flipper.AttrsFrom(r.Context()))
	})), "/")
	if seen != 40 {
		t.Errorf("%d attributes of 40", seen)
	}
}

// The request that the caller holds stays as it is, and so does the rest of what
// the handler gets.
func TestRequestIsPassedOn(t *testing.T) {
	type key struct{}
	r := httptest.NewRequestWithContext(context.WithValue(t.Context(), key{}, "kept"), http.MethodPost, "/path?q=1", http.NoBody)
	before := r.Context()
	h := middleware.Require(newFlag(t), middleware.WithAttributes(static(flipper.Int("a", 1), true)))(
		http.HandlerFunc(func(_ http.ResponseWriter, inner *http.Request) {
			if inner.Context().Value(key{}) != "kept" || inner.Method != r.Method || inner.URL != r.URL || inner.Body != r.Body {
				t.Error("the handler got another request")
			}
		}))
	h.ServeHTTP(httptest.NewRecorder(), r)
	if r.Context() != before || len(flipper.AttrsFrom(r.Context())) != 0 {
		t.Error("the caller's request changed")
	}
}

// A request whose context is pinned already is not copied again.
func TestNestedGuardsCopyNothing(t *testing.T) {
	flag := newFlag(t)
	var outer *http.Request
	innermost := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r != outer {
			t.Error("the request was copied")
		}
	})
	h := middleware.Require(flag)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		outer = r
		middleware.Attributes(middleware.Header("plan", "X-Plan"))(middleware.Require(flag)(innermost)).ServeHTTP(w, r)
	}))
	get(t, h, "/")
}

// An oddContext cannot be compared: == on two of them would panic.
type oddContext struct {
	context.Context
	values map[string]string
}

func TestContextThatCannotBeCompared(t *testing.T) {
	flag := newFlag(t)
	inside := 0
	odd := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r.WithContext(oddContext{r.Context(), map[string]string{}}))
		})
	}
	h := odd(middleware.Require(flag)(odd(middleware.Require(flag)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { inside++ })))))
	get(t, h, "/")
	if inside != 1 {
		t.Error("the handler was not called")
	}
}
