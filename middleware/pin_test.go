// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package middleware_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/flippertest"
	"github.com/flipper-go/flipper/middleware"
	"github.com/flipper-go/flipper/targeting/carta"
)

// One request gets one answer, whatever happens to the flag meanwhile, from
// guards, from the handler and from its goroutines. Over real connections.
func TestOneAnswerPerRequest(t *testing.T) {
	s := flippertest.NewStore(t)
	c := newClient(s)
	for name, change := range map[string]func(flag *flipper.FeatureFlag) error{
		"disabled":  func(flag *flipper.FeatureFlag) error { return flag.Disable(t.Context()) },
		"destroyed": func(flag *flipper.FeatureFlag) error { return flag.Destroy(t.Context()) },
		"down":      func(*flipper.FeatureFlag) error { s.Fail(nil); return nil },
	} {
		for _, outermost := range []string{"guard", "attributes", "guard with attributes"} {
			t.Run(name+" behind "+outermost, func(t *testing.T) {
				defer s.Recover()
				flag := createFlag(t, c, name+outermost)
				inner := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					var wg sync.WaitGroup
					answers := make([]bool, 8)
					for i := range answers {
						wg.Go(func() { answers[i] = flag.IsEnabled(r.Context()) })
					}
					wg.Wait()
					fmt.Fprint(w, answers)
				})
				header := middleware.Header("plan", "X-Plan")
				changing := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if !flag.IsEnabled(r.Context()) {
						t.Error("off from the start")
					}
					if err := change(flag); err != nil {
						t.Error(err)
					}
					middleware.Attributes(header)(middleware.Require(flag)(middleware.Switch(flag, inner, say("off")))).ServeHTTP(w, r)
				})
				var h http.Handler
				switch outermost {
				case "guard":
					h = middleware.Require(flag)(changing)
				case "attributes":
					h = middleware.Attributes(header)(changing)
				default:
					h = middleware.Require(flag, middleware.WithAttributes(header))(changing)
				}
				server := httptest.NewServer(h)
				defer server.Close()
				if got, want := fetch(t, server, "pro"), fmt.Sprint([]bool{true, true, true, true, true, true, true, true}); got != want {
					t.Errorf("%s, want %s", got, want)
				}
				// The next request sees the change.
				if flag.IsEnabled(t.Context()) {
					t.Error("the change is not seen outside")
				}
			})
		}
	}
}

func fetch(tb testing.TB, server *httptest.Server, plan string) string {
	tb.Helper()
	r, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, server.URL, nil)
	must(tb, err)
	r.Header.Set("X-Plan", plan)
	response, err := server.Client().Do(r)
	must(tb, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	must(tb, err)
	return string(body)
}

// Chance is drawn once per request, and anew for the next.
func TestRandomBucketer(t *testing.T) {
	flag := newFlag(t, flipper.WithBucketer(carta.NewPercentageBucketer(carta.FixedPercentage(0.5))))
	check := func(want bool) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() {
					if flag.IsEnabled(r.Context()) != want {
						t.Errorf("the handler's answer is not %v", want)
					}
				})
			}
			wg.Wait()
			fmt.Fprint(w, want)
		})
	}
	mixed := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("two guards got two answers") })
	h := middleware.Switch(flag, middleware.Switch(flag, check(true), mixed), middleware.Switch(flag, mixed, check(false)))
	server := httptest.NewServer(h)
	defer server.Close()
	seen := map[string]int{}
	for range 100 {
		seen[fetch(t, server, "")]++
	}
	if seen["true"] == 0 || seen["false"] == 0 || len(seen) != 2 {
		t.Errorf("answers %v", seen)
	}
}
