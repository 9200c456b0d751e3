// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flipper-go/flipper/api/access"
	"github.com/flipper-go/flipper/api/token"
)

const flagsPath = "/api/v1/feature-flags"

// TestOtherSites has pages of other sites call the API from a browser.
func TestOtherSites(t *testing.T) {
	for _, c := range []struct {
		name    string
		opts    []access.Option
		method  string
		headers map[string]string
		status  int
		allowed string // the origin that may see the answer
	}{
		{"curl", nil, "POST", nil, 422, ""},
		{"same origin", nil, "POST", map[string]string{"Sec-Fetch-Site": "same-origin"}, 422, ""},
		{"cross site", nil, "POST", map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, 403, ""},
		{"old browser", nil, "POST", map[string]string{"Origin": "https://evil.example"}, 403, ""},
		{"sandbox", nil, "POST", map[string]string{"Origin": "null"}, 403, ""},
		{"read", nil, "GET", map[string]string{"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}, 404, ""},
		{"rebinding", nil, "POST", map[string]string{"Host": "evil.example", "Sec-Fetch-Site": "same-origin"}, 403, ""},
		{"rebinding with a port", nil, "GET", map[string]string{"Host": "evil.example:8082"}, 403, ""},
		{"like localhost", nil, "GET", map[string]string{"Host": "localhost.evil.example"}, 403, ""},
		{"localhost", nil, "GET", map[string]string{"Host": "LocalHost:8082"}, 404, ""},
		{"IPv6", nil, "GET", map[string]string{"Host": "[::1]:8082"}, 404, ""},
		{"other address", nil, "GET", map[string]string{"Host": "192.0.2.1"}, 403, ""},
		{"named", []access.Option{access.WithOrigins("https://shop.example")}, "POST", map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://shop.example"}, 422, "https://shop.example"},
		{"not the named one", []access.Option{access.WithOrigins("https://shop.example")}, "POST", map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://shop.example.evil.example"}, 403, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			server, _ := serve(t, c.opts...)
			r := request(t, c.method, server.URL+flagsPath+"/evaluate", "{}")
			r.Header.Set("Content-Type", "application/json")
			for name, value := range c.headers {
				if name == "Host" {
					r.Host = value
				}
				r.Header.Set(name, value)
			}
			status, body, header := ask(t, r)
			if status != c.status || header.Get("Access-Control-Allow-Origin") != c.allowed {
				t.Errorf("got %d %s, allowed %q", status, body, header.Get("Access-Control-Allow-Origin"))
			}
		})
	}
}

func TestPreflight(t *testing.T) {
	reader, _, _ := token.New("reader", token.Read)
	server, _ := serve(t, access.WithTokens(token.NewSet(reader)), access.WithOrigins("https://shop.example"))
	for origin, allowed := range map[string]bool{"https://shop.example": true, "https://evil.example": false} {
		r := request(t, http.MethodOptions, server.URL+flagsPath+"/evaluate", "")
		r.Header.Set("Origin", origin)
		r.Header.Set("Access-Control-Request-Method", "POST")
		r.Header.Set("Access-Control-Request-Headers", "authorization,if-none-match")
		status, _, header := ask(t, r)
		got := header.Get("Access-Control-Allow-Origin") == origin
		if status != http.StatusNoContent || got != allowed {
			t.Errorf("%s: got %d, %v", origin, status, header)
		}
		if allowed && !strings.Contains(header.Get("Access-Control-Allow-Headers"), "If-None-Match") {
			t.Errorf("headers: %v", header)
		}
	}
	if _, err := access.New(nil, access.WithOrigins("shop.example")); err == nil {
		t.Error("an origin without a scheme is taken")
	}
}

// TestWrongTokens sends thousands of wrong tokens, while others are served.
func TestWrongTokens(t *testing.T) {
	var log lockedBuffer
	reader, secret, _ := token.New("reader", token.Read)
	server, _ := serve(t, access.WithTokens(token.NewSet(reader)),
		access.WithLogger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))))
	var refused, slowed int
	for i := range 2000 {
		r := request(t, http.MethodGet, server.URL+flagsPath, "")
		r.Header.Set("Authorization", fmt.Sprintf("Bearer flipper_guess%d", i))
		switch status, body, header := ask(t, r); status {
		case http.StatusUnauthorized:
			refused++
			if header.Get("WWW-Authenticate") == "" {
				t.Fatalf("no WWW-Authenticate: %s", body)
			}
		case http.StatusTooManyRequests:
			slowed++
			if n, err := strconv.Atoi(header.Get("Retry-After")); err != nil || n < 1 {
				t.Fatalf("Retry-After %q", header.Get("Retry-After"))
			}
		default:
			t.Fatalf("got %d: %s", status, body)
		}
	}
	if refused < 20 || slowed < 1000 {
		t.Errorf("%d refused, %d slowed", refused, slowed)
	}
	r := request(t, http.MethodGet, server.URL+flagsPath+"?environment=production", "")
	r.Header.Set("Authorization", "Bearer "+secret)
	if status, body, _ := ask(t, r); status != http.StatusOK {
		t.Errorf("the right token: %d %s", status, body)
	}
	if text := log.String(); strings.Contains(text, "guess") || strings.Contains(text, secret) || !strings.Contains(text, "token=reader") {
		t.Errorf("the log shows tokens, or not who called: %.500s", text)
	}
}

func TestTokenRate(t *testing.T) {
	reader, secret, _ := token.New("reader", token.Read)
	server, _ := serve(t, access.WithTokens(token.NewSet(reader)), access.WithRate(0.001, 5))
	for i := range 7 {
		r := request(t, http.MethodGet, server.URL+flagsPath, "")
		r.Header.Set("X-API-Key", secret)
		status, body, header := ask(t, r)
		switch want := i < 5; {
		case want && status != http.StatusOK:
			t.Errorf("call %d: %d %s", i, status, body)
		case !want && (status != http.StatusTooManyRequests || header.Get("Retry-After") == ""):
			t.Errorf("call %d: %d %s, Retry-After %q", i, status, body, header.Get("Retry-After"))
		}
	}
}

func TestEnvironments(t *testing.T) {
	both, bothSecret, _ := token.New("both", token.Read)
	staging, stagingSecret, _ := token.New("staging", token.Read, "staging")
	server, _ := serve(t, access.WithTokens(token.NewSet(both, staging)))
	for _, c := range []struct {
		secret, query string
		status        int
	}{
		{bothSecret, "", 200},
		{bothSecret, "?environment=production", 200},
		{bothSecret, "?environment=staging", 400},
		{stagingSecret, "", 400},
		{stagingSecret, "?environment=production", 403},
	} {
		r := request(t, http.MethodGet, server.URL+flagsPath+c.query, "")
		r.Header.Set("Authorization", "Bearer "+c.secret)
		if status, body, _ := ask(t, r); status != c.status {
			t.Errorf("%q: got %d %s, want %d", c.query, status, body, c.status)
		}
	}
}

// TestRawRequests sends what no HTTP library would.
func TestRawRequests(t *testing.T) {
	server, _ := serve(t, access.WithBodyTimeout(50*time.Millisecond))
	address := strings.TrimPrefix(server.URL, "http://")
	for _, c := range []struct{ name, request, status string }{
		{"slow body", "POST " + flagsPath + "/evaluate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{", "408"},
		{"claims to be large", "POST " + flagsPath + "/evaluate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99999999\r\n\r\n{", "413"},
		{"large headers", "GET / HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("x", 2<<20) + "\r\n\r\n", "431"},
		{"two hosts", "GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n", "400"},
		{"no host", "GET / HTTP/1.1\r\n\r\n", "400"},
		{"lengths that differ", "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{", "400"},
		{"path that climbs", "GET " + flagsPath + "/../../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n", "3"},
		{"NUL in the path", "GET " + flagsPath + "/%00 HTTP/1.1\r\nHost: localhost\r\n\r\n", "404"},
		{"bad escape", "GET " + flagsPath + "/%zz HTTP/1.1\r\nHost: localhost\r\n\r\n", "400"},
		{"another's URL", "GET http://evil.example" + flagsPath + " HTTP/1.1\r\nHost: localhost\r\n\r\n", "403"},
		{"request id that injects", "GET " + flagsPath + " HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: a b=c\r\n\r\n", "200"},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_, _ = io.WriteString(conn, c.request) // the server may hang up before the end
			line, err := bufio.NewReader(conn).ReadString('\n')
			if err != nil && line == "" {
				t.Fatal(err)
			}
			if got := strings.TrimPrefix(line, "HTTP/1.1 "); !strings.HasPrefix(got, c.status) {
				t.Errorf("got %q, want %s", strings.TrimSpace(got), c.status)
			}
		})
	}
}

func TestRequestIDAndTrace(t *testing.T) {
	var log lockedBuffer
	server, _ := serve(t, access.WithLogger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))))
	const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
	r := request(t, http.MethodGet, server.URL+flagsPath+"?search=secret", "")
	r.Header.Set("X-Request-Id", "my-id")
	r.Header.Set("Traceparent", "00-"+trace+"-00f067aa0ba902b7-01")
	if _, _, header := ask(t, r); header.Get("X-Request-Id") != "my-id" {
		t.Errorf("the id is %q", header.Get("X-Request-Id"))
	}
	for _, bad := range []string{strings.Repeat("x", 65), "a b", "a=b"} {
		r := request(t, http.MethodGet, server.URL+flagsPath, "")
		r.Header.Set("X-Request-Id", bad)
		if _, _, header := ask(t, r); header.Get("X-Request-Id") == bad || header.Get("X-Request-Id") == "" {
			t.Errorf("the id is %q", header.Get("X-Request-Id"))
		}
	}
	server.Close() // waits for what is logged
	if text := log.String(); !strings.Contains(text, "request_id=my-id") || !strings.Contains(text, "trace_id="+trace) || strings.Contains(text, "secret") {
		t.Errorf("the log: %s", text)
	}
}

// A lockedBuffer is for several writers.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
