// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"
)

// An Observer is told of calls, for metrics. It must be safe for concurrent use, and
// quick.
type Observer interface {
	// CallStarted is told of a call before it is answered.
	CallStarted()
	// CallEnded is told of a call after it was answered.
	CallEnded(Ended)
}

// Ended is what became of a call.
type Ended struct {
	// Route is the pattern of the route, as it was registered: never what a client sent.
	// It is empty if there is none.
	Route string
	// Method is the HTTP method, or OTHER.
	Method string
	// Status is that of the answer.
	Status int
	// Duration is how long the answer took.
	Duration time.Duration
	// Stream says that the answer was a stream of events, which lasts as long as its
	// reader wants.
	Stream bool
}

type callerKey struct{}

// A caller is what the log says of who called.
type caller struct {
	id     string
	trace  string
	token  string
	remote string
}

func callerOf(ctx context.Context) *caller {
	c, _ := ctx.Value(callerKey{}).(*caller)
	return c
}

// RequestID returns the id of the request that a context belongs to.
func RequestID(ctx context.Context) string {
	if c := callerOf(ctx); c != nil {
		return c.id
	}
	return ""
}

// Caller returns what a log should say of who makes a request: its id, where it comes
// from, its trace, its token's name.
func Caller(ctx context.Context) []slog.Attr {
	c := callerOf(ctx)
	if c == nil {
		return nil
	}
	attrs := []slog.Attr{slog.String("request_id", c.id), slog.String("remote", c.remote)}
	if c.trace != "" {
		attrs = append(attrs, slog.String("trace_id", c.trace))
	}
	if c.token != "" {
		attrs = append(attrs, slog.String("token", c.token))
	}
	return attrs
}

// Serve returns the handler around all routes: it gives each call an id, bounds it,
// logs it and tells the observer.
func (a *Access) Serve(mux http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		c := &caller{id: requestID(r.Header), trace: traceID(r.Header.Get("Traceparent")), remote: r.RemoteAddr}
		r = r.WithContext(context.WithValue(r.Context(), callerKey{}, c))
		out := &response{ResponseWriter: w}
		h := w.Header()
		h.Set("X-Request-Id", c.id)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		if r.Body != nil && r.Body != http.NoBody {
			r.Body = http.MaxBytesReader(out, r.Body, a.maxBody)
			// Where deadlines are not supported, the server's own count.
			_ = http.NewResponseController(w).SetReadDeadline(began.Add(a.bodyTimeout))
		}
		if a.observer != nil {
			a.observer.CallStarted()
		}
		defer func() {
			failure := recover()
			if failure != nil && failure != any(http.ErrAbortHandler) {
				a.logger.LogAttrs(r.Context(), slog.LevelError, "a call made the server panic",
					append(Caller(r.Context()), slog.Any("panic", failure), slog.String("stack", string(debug.Stack())))...)
				if out.status == 0 {
					out.WriteHeader(http.StatusInternalServerError)
				}
			}
			a.ended(r, out, time.Since(began))
			if failure != nil {
				panic(http.ErrAbortHandler) //nolint:forbidigo // net/http's way to cut off an answer that is not whole
			}
		}()
		if !a.preflight(out, r) {
			mux.ServeHTTP(out, r)
		}
	})
}

// ended logs a call and tells the observer. Neither the query nor a header is logged:
// they may hold what is nobody else's business.
func (a *Access) ended(r *http.Request, out *response, took time.Duration) {
	e := Ended{
		Route:    route(r.Pattern),
		Method:   method(r.Method),
		Status:   max(out.status, http.StatusOK), // what net/http answers if nothing was written
		Duration: took,
		Stream:   strings.HasPrefix(out.Header().Get("Content-Type"), "text/event-stream"),
	}
	if a.observer != nil {
		a.observer.CallEnded(e)
	}
	if !a.logger.Enabled(r.Context(), slog.LevelDebug) {
		return
	}
	a.logger.LogAttrs(r.Context(), slog.LevelDebug, "call", append(Caller(r.Context()),
		slog.String("method", e.Method),
		slog.String("path", r.URL.EscapedPath()),
		slog.String("route", e.Route),
		slog.Int("status", e.Status),
		slog.Duration("duration", took),
	)...)
}

// route returns the path of a pattern, without the method.
func route(pattern string) string {
	if _, path, ok := strings.Cut(pattern, " "); ok {
		return path
	}
	return pattern
}

// method bounds the values of a metric's label.
func method(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return m
	}
	return "OTHER"
}

// A response remembers its status.
type response struct {
	http.ResponseWriter
	status int
}

// WriteHeader remembers the status.
func (r *response) WriteHeader(status int) {
	if r.status == 0 && status >= http.StatusOK {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

// Write remembers that the status is 200 unless another was written.
func (r *response) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(b)
}

// Unwrap is for [http.ResponseController].
func (r *response) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// maxRequestID is the longest request id that is taken from a client.
const maxRequestID = 64

// requestID returns the client's id for a request if a log can take it, and a new one
// if not.
func requestID(h http.Header) string {
	id := h.Get("X-Request-Id")
	if id == "" || len(id) > maxRequestID || strings.ContainsFunc(id, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' || r == '_' || r == '.')
	}) {
		return rand.Text()
	}
	return id
}

// traceID returns the trace that a request belongs to, from the header of the W3C's
// Trace Context, or "" if that is no valid one.
func traceID(parent string) string {
	const length = len("00-00000000000000000000000000000000-0000000000000000-00")
	if len(parent) < length || parent[2] != '-' || parent[35] != '-' || parent[52] != '-' {
		return ""
	}
	version, trace, span := parent[:2], parent[3:35], parent[36:52]
	if version == "ff" || version == "00" && len(parent) != length || strings.Trim(trace, "0") == "" || strings.Trim(span, "0") == "" {
		return ""
	}
	for _, part := range []string{version, trace, span} {
		if strings.Trim(part, "0123456789abcdef") != "" {
			return ""
		}
	}
	return trace
}
