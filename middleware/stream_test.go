// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package middleware_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/flipper-go/flipper/middleware"
)

// guarded puts a handler behind all of the package's middleware.
func guarded(t *testing.T, h http.HandlerFunc) http.Handler {
	t.Helper()
	flag := newFlag(t)
	return middleware.Attributes(middleware.Header("plan", "X-Plan"))(middleware.Require(flag)(middleware.Switch(flag, h, http.NotFoundHandler())))
}

// The response writer is the server's own.
func TestResponseWriterIsPassedOn(t *testing.T) {
	w := httptest.NewRecorder()
	guarded(t, func(got http.ResponseWriter, _ *http.Request) {
		if got != http.ResponseWriter(w) {
			t.Errorf("a %T of somebody else's", got)
		}
	}).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
}

func TestFlush(t *testing.T) {
	next := make(chan struct{})
	server := httptest.NewServer(guarded(t, func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "first\n")
		w.(http.Flusher).Flush()
		<-next // the client has the first part: only then comes the second
		io.WriteString(w, "second\n")
	}))
	defer server.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
	must(t, err)
	response, err := server.Client().Do(r)
	must(t, err)
	defer response.Body.Close()
	lines := bufio.NewReader(response.Body)
	first, err := lines.ReadString('\n')
	must(t, err)
	close(next)
	second, err := lines.ReadString('\n')
	must(t, err)
	if first != "first\n" || second != "second\n" {
		t.Errorf("%q, %q", first, second)
	}
}

// A connection can be taken over, as for websockets.
func TestHijack(t *testing.T) {
	server := httptest.NewServer(guarded(t, func(w http.ResponseWriter, r *http.Request) {
		connection, buffer, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer connection.Close()
		fmt.Fprintf(buffer, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", r.Header.Get("Upgrade"))
		buffer.Flush()
		line, err := buffer.ReadString('\n')
		if err != nil {
			t.Error(err)
		}
		fmt.Fprintf(buffer, "echo %s", line)
		buffer.Flush()
	}))
	defer server.Close()
	var dialer net.Dialer
	connection, err := dialer.DialContext(t.Context(), "tcp", server.Listener.Addr().String())
	must(t, err)
	defer connection.Close()
	io.WriteString(connection, "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	reader := bufio.NewReader(connection)
	response, err := http.ReadResponse(reader, nil)
	must(t, err)
	if response.StatusCode != http.StatusSwitchingProtocols || response.Header.Get("Upgrade") != "echo" {
		t.Errorf("%s", response.Status)
	}
	io.WriteString(connection, "hello\n")
	line, err := reader.ReadString('\n')
	must(t, err)
	if line != "echo hello\n" {
		t.Errorf("%q", line)
	}
}

func TestHead(t *testing.T) {
	flag := newFlag(t)
	server := httptest.NewServer(middleware.Require(flag)(say("new")))
	defer server.Close()
	status := func() (int, int64) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodHead, server.URL, nil)
		must(t, err)
		response, err := server.Client().Do(r)
		must(t, err)
		defer response.Body.Close()
		return response.StatusCode, response.ContentLength
	}
	if code, length := status(); code != 200 || length != 3 {
		t.Errorf("on: %d, %d bytes", code, length)
	}
	must(t, flag.Disable(t.Context()))
	if code, _ := status(); code != 404 {
		t.Errorf("off: %d", code)
	}
}
