// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/api"
	"github.com/flipper-go/flipper/api/access"
	"github.com/flipper-go/flipper/api/environment"
	"github.com/flipper-go/flipper/api/rest"
	"github.com/flipper-go/flipper/api/token"
	"github.com/flipper-go/flipper/store/memory"
)

// serve starts the API over flags in memory.
func serve(t *testing.T, opts ...access.Option) (*httptest.Server, *flipper.FeatureFlagClient) {
	t.Helper()
	flags := memory.New()
	t.Cleanup(func() { flags.Close() })
	client := flipper.New(flags)
	env, err := environment.New("production", client)
	if err != nil {
		t.Fatal(err)
	}
	environments, err := environment.NewEnvironments(env)
	if err != nil {
		t.Fatal(err)
	}
	quiet := access.WithLogger(slog.New(slog.DiscardHandler))
	a, err := access.New(environments, append([]access.Option{quiet}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(api.New(a, rest.Register))
	t.Cleanup(server.Close)
	return server, client
}

func ask(t *testing.T, r *http.Request) (status int, body string, header http.Header) {
	t.Helper()
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text), response.Header
}

func request(t *testing.T, method, url, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRoles(t *testing.T) {
	reader, readerSecret, _ := token.New("reader", token.Read)
	asker, askerSecret, _ := token.New("asker", token.Evaluate, "production")
	server, client := serve(t, access.WithTokens(token.NewSet(reader, asker)))
	if _, err := client.Create(t.Context(), "NEW_CHECKOUT"); err != nil {
		t.Fatal(err)
	}
	path := server.URL + "/api/v1/feature-flags/NEW_CHECKOUT"
	for _, c := range []struct {
		name, header, value string
		status              int
	}{
		{"bearer", "Authorization", "Bearer " + readerSecret, http.StatusOK},
		{"bare", "Authorization", readerSecret, http.StatusOK},
		{"key", "X-API-Key", readerSecret, http.StatusOK},
		{"role", "Authorization", "Bearer " + askerSecret, http.StatusForbidden},
		{"wrong", "Authorization", "Bearer x" + readerSecret, http.StatusUnauthorized},
		{"none", "Accept", "application/json", http.StatusUnauthorized},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := request(t, http.MethodGet, path, "")
			r.Header.Set(c.header, c.value)
			status, body, header := ask(t, r)
			if status != c.status {
				t.Errorf("got %d %s, want %d", status, body, c.status)
			}
			if status != http.StatusOK && header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("got content type %q", header.Get("Content-Type"))
			}
			if strings.Contains(body, readerSecret) || strings.Contains(body, askerSecret) {
				t.Errorf("the answer shows the token: %s", body)
			}
		})
	}
}

func TestNoRoute(t *testing.T) {
	server, _ := serve(t)
	for _, c := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{http.MethodGet, "/", http.StatusNotFound, ""},
		{http.MethodGet, "/api/v2/feature-flags", http.StatusNotFound, ""},
		{"BREW", "/api/v1/feature-flags/A", http.StatusMethodNotAllowed, "GET"},
	} {
		status, body, header := ask(t, request(t, c.method, server.URL+c.path, ""))
		if status != c.status || !strings.HasPrefix(header.Get("Allow"), c.allow) || header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s %s: got %d, Allow %q: %s", c.method, c.path, status, header.Get("Allow"), body)
		}
	}
}
