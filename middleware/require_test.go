// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package middleware_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/flippertest"
	"github.com/flipper-go/flipper/middleware"
	"github.com/flipper-go/flipper/store/memory"
)

func TestRequire(t *testing.T) {
	flag := newFlag(t)
	plain := middleware.Require(flag)(say("new"))
	fallback := middleware.Require(flag, middleware.WithFallback(say("old")))(say("new"))
	redirect := middleware.Require(flag, middleware.WithFallback(http.RedirectHandler("/old", http.StatusFound)))(say("new"))

	wantBody(t, get(t, plain, "/"), 200, "new")
	wantBody(t, get(t, fallback, "/"), 200, "new")

	must(t, flag.Disable(t.Context()))
	wantBody(t, get(t, plain, "/"), 404, notFound)
	wantBody(t, get(t, fallback, "/"), 200, "old")
	if w := get(t, redirect, "/"); w.Code != http.StatusFound || w.Header().Get("Location") != "/old" {
		t.Errorf("%d to %q", w.Code, w.Header().Get("Location"))
	}

	// The flag is asked at every request.
	must(t, flag.Enable(t.Context()))
	wantBody(t, get(t, plain, "/"), 200, "new")
	must(t, flag.Destroy(t.Context()))
	wantBody(t, get(t, plain, "/"), 404, notFound)
}

// One guard can be put around several handlers.
func TestRequireIsReusable(t *testing.T) {
	guard := middleware.Require(newFlag(t))
	one, other := guard(say("one")), guard(say("other"))
	wantBody(t, get(t, one, "/"), 200, "one")
	wantBody(t, get(t, other, "/"), 200, "other")
}

func TestSwitch(t *testing.T) {
	flag := newFlag(t, pros())
	h := middleware.Switch(flag, say("new"), say("old"), middleware.WithAttributes(middleware.Header("plan", "X-Plan")))
	wantBody(t, get(t, h, "/", "X-Plan: pro"), 200, "new")
	wantBody(t, get(t, h, "/", "X-Plan: free"), 200, "old")

	// It has its own fallback, and leaves the caller's options as they are.
	opts := make([]middleware.Option, 1, 2)
	opts[0] = middleware.WithFallback(say("elsewhere"))
	must(t, flag.Disable(t.Context()))
	one, other := middleware.Switch(flag, say("new"), say("one"), opts...), middleware.Switch(flag, say("new"), say("other"), opts...)
	wantBody(t, get(t, one, "/"), 200, "one")
	wantBody(t, get(t, other, "/"), 200, "other")
}

func TestDefault(t *testing.T) {
	s := flippertest.NewStore(t)
	flag := createFlag(t, newClient(s), "flag", pros())
	missing := newClient(s).Flag("nobody")
	for _, test := range []struct {
		name    string
		flag    *flipper.FeatureFlag
		down    bool
		options []middleware.Option
		code    int
	}{
		{"missing", missing, false, nil, 404},
		{"missing, off", missing, false, []middleware.Option{middleware.WithDefault(false)}, 404},
		{"missing, declared on", flipper.Declare("nobody", flipper.EnabledByDefault()).Flag(newClient(s)), false, nil, 200},
		{"missing, declared on, off", flipper.Declare("nobody", flipper.EnabledByDefault()).Flag(newClient(s)), false, []middleware.Option{middleware.WithDefault(false)}, 404},
		{"missing, open", missing, false, []middleware.Option{middleware.WithDefault(true)}, 200},
		{"down", flag, true, nil, 404},
		{"down, open", flag, true, []middleware.Option{middleware.WithDefault(true)}, 200},
		{"an answer", flag, false, []middleware.Option{middleware.WithDefault(true)}, 404},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.down {
				s.Fail(nil)
				defer s.Recover()
			}
			h := middleware.Require(test.flag, test.options...)(say("new"))
			r := httptest.NewRequestWithContext(flipper.WithAttrs(t.Context(), flipper.String("plan", "free")), http.MethodGet, "/", nil)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != test.code {
				t.Errorf("%d, want %d", w.Code, test.code)
			}
		})
	}
}

// A store that hangs costs a request the client's time-out once, however many
// guards it meets.
func TestHangingStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := flippertest.NewStore(t)
		c := newClient(s, flipper.WithTimeout(50*time.Millisecond))
		flag := createFlag(t, c, "flag")
		s.Stall()
		h := middleware.Switch(flag, say("new"),
			middleware.Require(flag)(say("new")),
			middleware.WithAttributes(middleware.Header("plan", "X-Plan")))
		start := time.Now()
		wantBody(t, get(t, h, "/"), 404, notFound)
		if waited := time.Since(start); waited != 50*time.Millisecond {
			t.Errorf("waited %v", waited)
		}
		open := middleware.Require(flag, middleware.WithDefault(true))(say("new"))
		wantBody(t, get(t, open, "/"), 200, "new")
	})
}

// A client that goes away ends the wait for the store, on a real connection too.
func TestClientGoesAway(t *testing.T) {
	s := flippertest.NewStore(t)
	c := newClient(s, flipper.WithTimeout(0)) // only the request's context bounds it
	flag := createFlag(t, c, "flag")
	stalled := s.Stall()
	done := make(chan struct{})
	guard := middleware.Require(flag)(say("new"))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(done)
		guard.ServeHTTP(w, r)
	}))
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
	must(t, err)
	go func() {
		<-stalled
		cancel()
	}()
	if response, err := server.Client().Do(r); err == nil {
		response.Body.Close()
		t.Error("an answer from a store that hangs")
	}
	<-done
}

// A panic is the server's to deal with.
func TestPanicsAreNotSwallowed(t *testing.T) {
	flag := newFlag(t)
	boom := func(*http.Request) (flipper.Attr, bool) { panic("extractor") }
	for what, h := range map[string]http.Handler{
		"handler":    middleware.Require(flag)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("handler") })),
		"extractor":  middleware.Require(flag, middleware.WithAttributes(boom))(say("new")),
		"attributes": middleware.Attributes(boom)(say("new")),
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: the panic is gone", what)
				}
			}()
			get(t, h, "/")
		}()
	}
}

// The middleware works where a router or other middleware puts it.
func TestComposition(t *testing.T) {
	c := newClient(memory.New())
	beta := createFlag(t, c, "beta", pros())
	admin := createFlag(t, c, "admin")
	var order []string
	note := func(what string) func(http.Handler) http.Handler {
		return func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				order = append(order, what)
				next.ServeHTTP(w, r)
			})
		}
	}
	mux := http.NewServeMux()
	mux.Handle("GET /plain", say("plain"))
	mux.Handle("GET /beta/{page}", note("inner")(middleware.Require(beta)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		say("beta "+r.PathValue("page")).ServeHTTP(w, r)
	}))))
	mux.Handle("/admin/", middleware.Require(admin)(http.StripPrefix("/admin", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		say("admin "+r.URL.Path).ServeHTTP(w, r)
	}))))
	// Around the router, between two plain wrappers, and with another wrapper
	// that makes a request of its own.
	all := note("outer")(middleware.Attributes(middleware.Header("plan", "X-Plan"))(note("middle")(http.TimeoutHandler(mux, time.Minute, ""))))

	wantBody(t, get(t, all, "/plain"), 200, "plain")
	order = nil
	wantBody(t, get(t, all, "/beta/1", "X-Plan: pro"), 200, "beta 1")
	if len(order) != 3 || order[0] != "outer" || order[1] != "middle" || order[2] != "inner" {
		t.Errorf("order %v", order)
	}
	wantBody(t, get(t, all, "/beta/1", "X-Plan: free"), 404, notFound)
	wantBody(t, get(t, all, "/admin/users"), 200, "admin /users")
	must(t, admin.Disable(t.Context()))
	wantBody(t, get(t, all, "/admin/users"), 404, notFound)
	if w := get(t, all, "/nowhere"); w.Code != 404 {
		t.Errorf("%d", w.Code)
	}
}

// Without pins the request is not touched, and later answers are fresh; attributes
// are put into it all the same.
func TestWithoutPinnedFlags(t *testing.T) {
	flag := newFlag(t)
	var outer *http.Request
	inner := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r != outer {
			t.Error("the request was copied")
		}
		if !flag.IsEnabled(r.Context()) {
			t.Error("off from the start")
		}
		must(t, flag.Disable(t.Context()))
		if flag.IsEnabled(r.Context()) {
			t.Error("the flag is pinned")
		}
	})
	guard := middleware.Require(flag, middleware.WithoutPinnedFlags())
	wantBody(t, get(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		outer = r
		guard(inner).ServeHTTP(w, r)
	}), "/"), 200, "")
	wantBody(t, get(t, guard(inner), "/"), 404, "404 page not found\n")

	must(t, flag.Enable(t.Context()))
	plan := middleware.Require(flag, middleware.WithoutPinnedFlags(), middleware.WithAttributes(middleware.Header("plan", "X-Plan")))
	wantBody(t, get(t, plan(http.HandlerFunc(showAttrs)), "/", "X-Plan: pro"), 200, `plan="pro"`)
}

// A guard that requires an attribute lets nobody in who lacks it, though a condition
// would.
func TestRequiredAttributes(t *testing.T) {
	flag := newFlag(t, pros())
	plan := middleware.WithAttributes(middleware.Header("plan", "X-Plan"))
	required := middleware.WithRequiredAttributes("plan")
	open := middleware.Require(flag)(say("new"))
	guard := middleware.Require(flag, plan, required)(say("new"))
	wantBody(t, get(t, open, "/"), 200, "new")
	wantBody(t, get(t, guard, "/"), 404, notFound)
	wantBody(t, get(t, guard, "/", "X-Plan: free"), 404, notFound)
	wantBody(t, get(t, guard, "/", "X-Plan: pro"), 200, "new")

	within := middleware.Attributes(middleware.Header("plan", "X-Plan"))(middleware.Switch(flag, say("new"), say("old"), required))
	wantBody(t, get(t, within, "/"), 200, "old")
	wantBody(t, get(t, within, "/", "X-Plan: pro"), 200, "new")
	both := middleware.Require(flag, plan, required, middleware.WithRequiredAttributes("user_id"))(say("new"))
	wantBody(t, get(t, both, "/", "X-Plan: pro"), 404, notFound)

	// The default is what WithDefault says, but a flag that is off is off.
	lenient := middleware.Require(flag, required, middleware.WithDefault(true), middleware.WithoutPinnedFlags())(say("new"))
	wantBody(t, get(t, lenient, "/"), 200, "new")
	must(t, flag.Disable(t.Context()))
	wantBody(t, get(t, lenient, "/"), 404, notFound)
}
