// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package middleware_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/middleware"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/targeting/carta"
)

// features has flags for the examples: PRO is on for those whose plan is "pro",
// HALF for half of the users, OPEN for all, and CLOSED for nobody.
var features = func() *flipper.FeatureFlagClient {
	c := flipper.New(memory.New())
	for name, opts := range map[string][]flipper.CreateOption{
		"PRO":    {flipper.WithEnabled(true), flipper.WithConditions(carta.NewCondition(carta.Equal("plan", "pro")))},
		"HALF":   {flipper.WithEnabled(true), flipper.WithBucketer(carta.NewConsistentHashBucketer(carta.FixedPercentage(0.5), "user_id"))},
		"OPEN":   {flipper.WithEnabled(true)},
		"CLOSED": {},
	} {
		if _, err := c.Create(context.Background(), name, opts...); err != nil {
			log.Fatal(err)
		}
	}
	return c
}()

// visit prints a handler's answer to a request.
func visit(h http.Handler, target string, header ...string) {
	r := httptest.NewRequest(http.MethodGet, target, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	fmt.Println(w.Code, w.Body)
}

func Example() {
	mux := http.NewServeMux()
	mux.Handle("GET /checkout", middleware.Switch(features.Flag("HALF"), say("new checkout"), say("old checkout")))
	mux.Handle("GET /reports/{id}", middleware.Require(features.Flag("PRO"), middleware.WithFallback(say("for professionals")))(say("a report")))

	whoAsks := middleware.Attributes(
		middleware.Header("plan", "X-Plan"),
		middleware.AsInt(middleware.Cookie("user_id", "uid")),
	)
	app := whoAsks(mux)

	visit(app, "/checkout", "Cookie", "uid=1")
	visit(app, "/checkout", "Cookie", "uid=2")
	visit(app, "/reports/7", "X-Plan", "pro")
	visit(app, "/reports/7", "X-Plan", "free")
	// Output:
	// 200 new checkout
	// 200 old checkout
	// 200 a report
	// 200 for professionals
}

func ExampleRequire() {
	visit(middleware.Require(features.Flag("OPEN"))(say("hello")), "/")
	visit(middleware.Require(features.Flag("CLOSED"))(say("hello")), "/")
	// Output:
	// 200 hello
	// 404 404 page not found
}

func ExampleSwitch() {
	visit(middleware.Switch(features.Flag("OPEN"), say("new"), say("old")), "/")
	visit(middleware.Switch(features.Flag("CLOSED"), say("new"), say("old")), "/")
	// Output:
	// 200 new
	// 200 old
}

func ExampleWithFallback() {
	elsewhere := http.RedirectHandler("/classic", http.StatusFound) // not a permanent one: browsers keep those
	h := middleware.Require(features.Flag("CLOSED"), middleware.WithFallback(elsewhere))(say("hello"))

	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	fmt.Println(w.Code, w.Header().Get("Location"))
	// Output: 302 /classic
}

func ExampleWithDefault() {
	missing := features.Flag("NOT_CREATED_YET")
	visit(middleware.Require(missing, middleware.WithDefault(true))(say("hello")), "/")
	// Output: 200 hello
}

func ExampleWithAttributes() {
	guard := middleware.Require(features.Flag("PRO"), middleware.WithAttributes(middleware.Header("plan", "X-Plan")))
	visit(guard(say("hello")), "/", "X-Plan", "pro")
	visit(guard(say("hello")), "/", "X-Plan", "free")
	// Output:
	// 200 hello
	// 404 404 page not found
}

func ExampleAttributes() {
	whoAsks := middleware.Attributes(middleware.Header("plan", "X-Plan"))
	h := whoAsks(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "pro: ", features.IsEnabled(r.Context(), "PRO"))
	}))
	visit(h, "/", "X-Plan", "pro")
	visit(h, "/", "X-Plan", "free")
	// Output:
	// 200 pro: true
	// 200 pro: false
}

func ExampleExtractor() {
	type session struct{ Plan string }
	type sessionKey struct{}
	// What your authentication puts into the context cannot be forged.
	plan := func(r *http.Request) (attr flipper.Attr, ok bool) {
		s, ok := r.Context().Value(sessionKey{}).(session)
		return flipper.String("plan", s.Plan), ok
	}
	h := middleware.Attributes(plan)(http.HandlerFunc(showAttrs))

	r := httptest.NewRequest(http.MethodGet, "/", nil)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), sessionKey{}, session{"pro"})))
	fmt.Println(w.Body)
	// Output: plan="pro"
}

func ExampleHeader() {
	h := middleware.Attributes(middleware.Header("plan", "X-Plan"))(http.HandlerFunc(showAttrs))
	visit(h, "/", "X-Plan", "pro")
	visit(h, "/", "X-Plan", "")
	visit(h, "/")
	// Output:
	// 200 plan="pro"
	// 200 plan=""
	// 200
}

func ExampleCookie() {
	h := middleware.Attributes(middleware.Cookie("device", "device_id"))(http.HandlerFunc(showAttrs))
	visit(h, "/", "Cookie", "theme=dark; device_id=d7")
	// Output: 200 device="d7"
}

func ExampleQuery() {
	h := middleware.Attributes(middleware.Query("preview", "preview"))(http.HandlerFunc(showAttrs))
	visit(h, "/?preview=on")
	// Output: 200 preview="on"
}

func ExamplePathValue() {
	// It is around the handler of a route, because the route sets it.
	whoAsks := middleware.Attributes(middleware.PathValue("tenant", "tenant"))
	mux := http.NewServeMux()
	mux.Handle("GET /{tenant}/users", whoAsks(http.HandlerFunc(showAttrs)))
	visit(mux, "/acme/users")
	// Output: 200 tenant="acme"
}

func ExampleAsInt() {
	h := middleware.Attributes(middleware.AsInt(middleware.Header("user_id", "X-User-Id")))(http.HandlerFunc(showAttrs))
	visit(h, "/", "X-User-Id", "42")
	visit(h, "/", "X-User-Id", "somebody")
	// Output:
	// 200 user_id=42
	// 200
}
