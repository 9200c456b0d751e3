// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package middleware_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/middleware"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
)

func TestExtractors(t *testing.T) {
	header := middleware.Header("plan", "x-plan")
	cookie := middleware.Cookie("device", "device_id")
	query := middleware.Query("preview", "preview")
	for _, test := range []struct {
		name    string
		extract middleware.Extractor
		target  string
		header  []string
		want    string
	}{
		{"header", header, "/", []string{"X-Plan: pro"}, `plan="pro"`},
		{"header, missing", header, "/", nil, ``},
		{"header, empty", header, "/", []string{"X-Plan: "}, `plan=""`},
		{"header, twice", header, "/", []string{"X-Plan: pro", "X-Plan: free"}, `plan="pro"`},
		{"header, a number", header, "/", []string{"X-Plan: 7"}, `plan="7"`},
		{"cookie", cookie, "/", []string{"Cookie: a=1; device_id=d7"}, `device="d7"`},
		{"cookie, missing", cookie, "/", []string{"Cookie: a=1"}, ``},
		{"cookie, no cookies", cookie, "/", nil, ``},
		{"cookie, empty", cookie, "/", []string{"Cookie: device_id="}, `device=""`},
		{"cookie, twice", cookie, "/", []string{"Cookie: device_id=1; device_id=2"}, `device="1"`},
		{"cookie, malformed", cookie, "/", []string{"Cookie: ;;=x; device_id=\x01"}, ``},
		{"cookie, without a value", cookie, "/", []string{"Cookie: device_id"}, `device=""`},
		{"query", query, "/?a=1&preview=on", nil, `preview="on"`},
		{"query, escaped", query, "/?preview=%C3%A9+x", nil, `preview="\u00e9 x"`},
		{"query, missing", query, "/?a=1", nil, ``},
		{"query, none", query, "/", nil, ``},
		{"query, empty", query, "/?preview", nil, `preview=""`},
		{"query, twice", query, "/?preview=1&preview=2", nil, `preview="1"`},
		{"query, malformed", query, "/?preview=%zz&;", nil, ``},
		{"int", middleware.AsInt(header), "/", []string{"X-Plan: 42"}, `plan=42`},
		{"int, negative", middleware.AsInt(header), "/", []string{"X-Plan: -42"}, `plan=-42`},
		{"int, largest", middleware.AsInt(header), "/", []string{"X-Plan: 18446744073709551615"}, `plan=18446744073709551615`},
		{"int, smallest", middleware.AsInt(header), "/", []string{"X-Plan: -9223372036854775808"}, `plan=-9223372036854775808`},
		{"int, too large", middleware.AsInt(header), "/", []string{"X-Plan: 18446744073709551616"}, ``},
		{"int, missing", middleware.AsInt(header), "/", nil, ``},
		{"int, empty", middleware.AsInt(header), "/", []string{"X-Plan: "}, ``},
		{"int, a float", middleware.AsInt(header), "/", []string{"X-Plan: 1.0"}, ``},
		{"int, text", middleware.AsInt(header), "/", []string{"X-Plan: one"}, ``},
		{"int, hexadecimal", middleware.AsInt(header), "/", []string{"X-Plan: 0x1"}, ``},
		{"int, of a cookie", middleware.AsInt(cookie), "/", []string{"Cookie: device_id=7"}, `device=7`},
		{"int, of a query", middleware.AsInt(query), "/?preview=7", nil, `preview=7`},
		{"int, no text", middleware.AsInt(static(flipper.Float64("x", 1.5), true)), "/", nil, `x=1.5`},
		{"int, left out", middleware.AsInt(static(flipper.String("x", "1"), false)), "/", nil, ``},
		{"own", static(flipper.Value("x", targeting.Null()), true), "/", nil, `x=null`},
		{"own, left out", static(flipper.String("x", "1"), false), "/", nil, ``},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := middleware.Attributes(test.extract)(http.HandlerFunc(showAttrs))
			wantBody(t, get(t, h, test.target, test.header...), 200, test.want)
			// As the guard's own.
			h = middleware.Require(newFlag(t), middleware.WithAttributes(test.extract))(http.HandlerFunc(showAttrs))
			wantBody(t, get(t, h, test.target, test.header...), 200, test.want)
		})
	}
}

func static(attr flipper.Attr, ok bool) middleware.Extractor {
	return func(*http.Request) (flipper.Attr, bool) { return attr, ok }
}

func TestPathValue(t *testing.T) {
	show := http.HandlerFunc(showAttrs)
	tenant := middleware.Attributes(middleware.PathValue("tenant", "tenant"))
	mux := http.NewServeMux()
	mux.Handle("/in/{tenant}/{$}", tenant(show))
	mux.Handle("/rest/{tenant...}", tenant(show))
	mux.Handle("/none/{other}", tenant(show))
	mux.Handle("/int/{tenant}", middleware.Require(newFlag(t), middleware.WithAttributes(middleware.AsInt(middleware.PathValue("tenant", "tenant"))))(show))
	wantBody(t, get(t, mux, "/in/acme/"), 200, `tenant="acme"`)
	wantBody(t, get(t, mux, "/in/a%2Fb/"), 200, `tenant="a/b"`)
	wantBody(t, get(t, mux, "/rest/a/b"), 200, `tenant="a/b"`)
	wantBody(t, get(t, mux, "/rest/"), 200, ``)
	wantBody(t, get(t, mux, "/none/acme"), 200, ``)
	wantBody(t, get(t, mux, "/int/7"), 200, `tenant=7`)
	// Around the router there is none yet.
	outer := http.NewServeMux()
	outer.Handle("/in/{tenant}", show)
	wantBody(t, get(t, tenant(outer), "/in/acme"), 200, ``)
	// Any router can set it.
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	r.SetPathValue("tenant", "acme")
	w := httptest.NewRecorder()
	tenant(show).ServeHTTP(w, r)
	wantBody(t, w, 200, `tenant="acme"`)
}

// The text "1" and the int 1 are different users to a sticky rollout.
func TestIntAndTextAreDifferent(t *testing.T) {
	flag := newFlag(t, flipper.WithBucketer(carta.NewConsistentHashBucketer(carta.FixedPercentage(0.5), "user_id")))
	id := middleware.Header("user_id", "X-User")
	ints := middleware.Require(flag, middleware.WithAttributes(middleware.AsInt(id)))(say("in"))
	// The specification's known buckets of 1 and 2 are 48 and 94.
	wantBody(t, get(t, ints, "/", "X-User: 1"), 200, "in")
	wantBody(t, get(t, ints, "/", "X-User: 2"), 404, notFound)
	texts := middleware.Require(flag, middleware.WithAttributes(id))(say("in"))
	for _, user := range []string{"1", "2"} {
		want := flag.IsEnabled(t.Context(), flipper.String("user_id", user))
		if got := get(t, texts, "/", "X-User: "+user).Code == 200; got != want {
			t.Errorf("user %q: %v, want %v", user, got, want)
		}
	}
}
