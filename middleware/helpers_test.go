// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package middleware_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/targeting/carta"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newClient(s store.Store, opts ...flipper.Option) *flipper.FeatureFlagClient {
	return flipper.New(s, append([]flipper.Option{flipper.WithLogger(slog.New(slog.DiscardHandler))}, opts...)...)
}

// newFlag returns an enabled flag of a new store.
func newFlag(tb testing.TB, opts ...flipper.CreateOption) *flipper.FeatureFlag {
	tb.Helper()
	return createFlag(tb, newClient(memory.New()), "flag", opts...)
}

func createFlag(tb testing.TB, c *flipper.FeatureFlagClient, name string, opts ...flipper.CreateOption) *flipper.FeatureFlag {
	tb.Helper()
	flag, err := c.Create(tb.Context(), name, append([]flipper.CreateOption{flipper.WithEnabled(true)}, opts...)...)
	must(tb, err)
	return flag
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// pros is for requests whose plan is "pro".
func pros() flipper.CreateOption {
	return flipper.WithConditions(carta.NewCondition(carta.Equal("plan", "pro")))
}

// say is a handler that answers with text.
func say(text string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, text) })
}

// showAttrs is a handler that answers with the attributes that it sees.
func showAttrs(w http.ResponseWriter, r *http.Request) {
	for i, attr := range flipper.AttrsFrom(r.Context()) {
		if i > 0 {
			io.WriteString(w, " ")
		}
		fmt.Fprintf(w, "%s=%s", attr.Name, attr.Value)
	}
}

// get asks a handler, without a network.
func get(tb testing.TB, h http.Handler, target string, header ...string) *httptest.ResponseRecorder {
	tb.Helper()
	r := httptest.NewRequestWithContext(tb.Context(), http.MethodGet, target, nil)
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Add(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func wantBody(tb testing.TB, w *httptest.ResponseRecorder, code int, body string) {
	tb.Helper()
	if w.Code != code || w.Body.String() != body {
		tb.Errorf("%d %q, want %d %q", w.Code, w.Body, code, body)
	}
}

const notFound = "404 page not found\n"
