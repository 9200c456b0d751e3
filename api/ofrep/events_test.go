// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package ofrep_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flipper-go/flipper/api/access"
	"github.com/flipper-go/flipper/api/token"
	"github.com/flipper-go/flipper/targeting/rules"
)

// A reader reads an event stream that a handler writes, in this process.
type reader struct {
	*bufio.Reader
	status chan int // of the answer
	done   chan struct{}
	end    context.CancelFunc
}

// open asks for a stream. The reader must be ended.
func (f *fixture) open(t *testing.T, uri string, header ...string) *reader {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "http://localhost"+uri, nil)
	r.RemoteAddr = "127.0.0.1:4711"
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	in, out := io.Pipe()
	s := &reader{bufio.NewReader(in), make(chan int, 1), make(chan struct{}), func() { cancel(); in.Close() }}
	go func() {
		defer close(s.done)
		defer out.Close()
		f.handler.ServeHTTP(&streamWriter{Writer: out, header: http.Header{}, status: s.status}, r)
	}()
	return s
}

func (s *reader) close() {
	s.end()
	<-s.done
}

// A streamWriter is a response writer without a connection.
type streamWriter struct {
	io.Writer
	header http.Header
	status chan int
	wrote  bool
}

func (w *streamWriter) Header() http.Header { return w.header }
func (w *streamWriter) Flush()              {}
func (w *streamWriter) WriteHeader(status int) {
	w.wrote = true
	w.status <- status
}

func (w *streamWriter) Write(b []byte) (int, error) {
	if !w.wrote {
		w.WriteHeader(http.StatusOK)
	}
	return w.Writer.Write(b)
}

// An event is one of a stream, or a comment.
type event struct {
	ID, Event, Data, Retry string
	Comment                bool
}

func (s *reader) next(t *testing.T) event {
	t.Helper()
	var e event
	for {
		line, err := s.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "\n":
			return e
		case field == "":
			e.Comment = true
		case field == "id":
			e.ID = value
		case field == "event":
			e.Event = value
		case field == "data":
			e.Data = value
		case field == "retry":
			e.Retry = value
		default:
			t.Fatalf("unknown field %q", line)
		}
	}
}

// streamURI returns where the answer about all flags says that changes are told.
func (f *fixture) streamURI(t *testing.T, header ...string) string {
	t.Helper()
	var answer struct {
		EventStreams []struct{ Endpoint struct{ RequestURI string } }
	}
	w := f.call(t, http.MethodPost, flags, "{}", header...)
	must(t, json.Unmarshal(w.Body.Bytes(), &answer))
	if len(answer.EventStreams) != 1 {
		t.Fatalf("got %d %s", w.Code, w.Body)
	}
	return answer.EventStreams[0].Endpoint.RequestURI
}

// wantRefetch checks that an event says to ask again, and returns the revision's tag.
func wantRefetch(t *testing.T, e event) string {
	t.Helper()
	var data struct {
		Type, Etag   string
		LastModified int64
	}
	if err := json.Unmarshal([]byte(e.Data), &data); err != nil || e.Event != "message" || e.ID == "" ||
		data.Type != "refetchEvaluation" || data.Etag != `"`+e.ID+`"` || data.LastModified == 0 {
		t.Fatalf("got the event %+v", e)
	}
	return data.Etag
}

func TestEvents(t *testing.T) {
	f := newFixture(t, nil)
	f.create(t, "A", true)
	uri := f.streamURI(t)
	s := f.open(t, uri)
	defer s.close()
	if e := s.next(t); e.Retry == "" {
		t.Fatalf("the stream begins with %+v", e)
	}
	must(t, f.client.Disable(t.Context(), "A"))
	e := s.next(t)
	tag := wantRefetch(t, e)
	w := f.call(t, http.MethodPost, flags+"?flagConfigEtag="+url.QueryEscape(tag), "{}")
	if w.Code != 200 || !strings.Contains(w.Body.String(), `"value":false`) {
		t.Errorf("asked again: got %d %s", w.Code, w.Body)
	}

	// Whoever connects later is told at once, unless it knows: by the address, or by
	// the last event.
	late := f.open(t, uri)
	defer late.close()
	late.next(t)
	if got := late.next(t); got != e {
		t.Errorf("who missed a change is told %+v", got)
	}
	knows := f.open(t, uri, "Last-Event-ID", e.ID)
	defer knows.close()
	knows.next(t)
	fresh := f.open(t, "/ofrep/v1/events")
	defer fresh.close()
	fresh.next(t)
	if got := fresh.next(t); got != (event{ID: e.ID}) {
		t.Errorf("who has just come is told %+v", got)
	}
	must(t, f.client.Enable(t.Context(), "A"))
	for name, s := range map[string]*reader{"first": s, "late": late, "knows": knows, "fresh": fresh} {
		if got := s.next(t); wantRefetch(t, got) == tag {
			t.Errorf("%s hears of the same revision again", name)
		}
	}
}

// When the server stops, so do the streams.
func TestEventsEnd(t *testing.T) {
	f := newFixture(t, nil)
	uri := f.streamURI(t)
	s := f.open(t, uri)
	s.next(t)
	must(t, f.env.Close())
	if _, err := s.ReadString('\n'); !errors.Is(err, io.EOF) {
		t.Errorf("the stream goes on: %v", err)
	}
	s.close()
	late := f.open(t, uri)
	late.next(t)
	if _, err := late.ReadString('\n'); !errors.Is(err, io.EOF) {
		t.Errorf("a stream that is opened later goes on: %v", err)
	}
	late.close()
}

// A stream is told when time changes answers, and is alive in between.
func TestEventsOfTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, nil)
		f.setRules(t, "A", rules.Definition{Default: "off", Rules: []rules.Rule{
			{If: rules.All(rules.During(time.Now().Add(time.Minute), time.Time{})), Serve: "on"},
		}})
		s := f.open(t, f.streamURI(t))
		s.next(t)
		began := time.Now()
		for _, at := range []time.Duration{25 * time.Second, 50 * time.Second} {
			if e := s.next(t); !e.Comment || time.Since(began) != at {
				t.Errorf("after %s there is %+v", time.Since(began), e)
			}
		}
		wantRefetch(t, s.next(t))
		if d := time.Since(began); d != time.Minute {
			t.Errorf("the event came after %s", d)
		}
		s.close()
	})
}

// Tickets expire, are for their token, and are in nobody's log.
func TestTickets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		page, secret, _ := token.New("page", token.Evaluate)
		tokens := &revocable{Set: token.NewSet(page)}
		var log strings.Builder
		f := newFixture(t, nil, access.WithTokens(tokens), access.WithLogger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))))
		f.create(t, "A", true)
		ask := func(tag string) *httptest.ResponseRecorder {
			return f.call(t, http.MethodPost, flags, "{}", "Authorization", secret, "If-None-Match", tag)
		}
		uri, tag := f.streamURI(t, "Authorization", secret), ask("").Header().Get("ETag")
		query := func(uri string) url.Values {
			u, err := url.Parse(uri)
			must(t, err)
			return u.Query()
		}
		ticket := query(uri).Get("ticket")

		status := func(uri string, header ...string) int {
			s := f.open(t, uri, header...)
			defer s.close()
			return <-s.status
		}
		for name, c := range map[string]struct {
			uri    string
			status int
		}{
			"ours":            {uri, 200},
			"none":            {"/ofrep/v1/events", 401},
			"forged":          {"/ofrep/v1/events?ticket=" + ticket[:len(ticket)-1], 401},
			"longer":          {"/ofrep/v1/events?ticket=9" + ticket, 401},
			"nonsense":        {"/ofrep/v1/events?ticket=...", 401},
			"not for answers": {flags + "/A?ticket=" + ticket, 401},
		} {
			if got := status(c.uri); got != c.status {
				t.Errorf("%s: got %d, want %d", name, got, c.status)
			}
		}
		if got := status("/ofrep/v1/events", "Authorization", "Bearer "+secret); got != 200 {
			t.Errorf("with the token itself: got %d", got)
		}

		// While a client gets 304, its ticket is good for an hour.
		began := time.Now()
		for ask(tag).Code == http.StatusNotModified {
			time.Sleep(time.Minute)
		}
		if d := time.Since(began); d > access.TicketLifetime || status(uri) != 200 {
			t.Errorf("after %s the old ticket is refused", d)
		}
		time.Sleep(access.TicketLifetime - time.Minute)
		if got := status(uri); got != 200 {
			t.Errorf("an hour after its last 304 the ticket is refused: %d", got)
		}
		time.Sleep(time.Minute)
		if got := status(uri); got != 401 {
			t.Errorf("an expired ticket: got %d", got)
		}

		// A revoked token ends streams that are open.
		s := f.open(t, f.streamURI(t, "Authorization", secret))
		s.next(t)
		tokens.revoked.Store(true)
		if _, err := s.ReadString('\n'); !errors.Is(err, io.EOF) {
			t.Errorf("the stream of a revoked token goes on: %v", err)
		}
		s.close()
		if strings.Contains(log.String(), ticket) || strings.Contains(log.String(), secret) || !strings.Contains(log.String(), "/ofrep/v1/events") {
			t.Errorf("the log is\n%s", log.String())
		}
	})
}

// revocable is a set of tokens that can be revoked, all at once.
type revocable struct {
	token.Set
	revoked atomic.Bool
}

func (r *revocable) Find(secret string) (token.Token, error) {
	if r.revoked.Load() {
		return token.Token{}, token.ErrUnknown
	}
	return r.Set.Find(secret)
}

func (r *revocable) Named(name string) (token.Token, error) {
	if r.revoked.Load() {
		return token.Token{}, token.ErrUnknown
	}
	return r.Set.Named(name)
}

// A reader that takes nothing is dropped, and delays nobody.
func TestSlowReader(t *testing.T) {
	f := newFixture(t, nil)
	f.create(t, "A", true)
	written := make(chan struct{})
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/ofrep/v1/events", nil)
	r.RemoteAddr = "127.0.0.1:4711"
	w := &stalled{header: http.Header{}, written: written}
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.handler.ServeHTTP(w, r)
	}()
	<-written
	s := f.open(t, f.streamURI(t))
	defer s.close()
	s.next(t)
	must(t, f.client.Disable(t.Context(), "A"))
	wantRefetch(t, s.next(t))
	if !w.deadline.After(time.Now()) || time.Until(w.deadline) > 10*time.Second {
		t.Errorf("the deadline is %s", w.deadline)
	}
	written <- struct{}{} // the deadline passes
	<-done
}

// stalled is a connection that takes nothing. Its write fails when the test says that
// the deadline has passed.
type stalled struct {
	header   http.Header
	written  chan struct{}
	deadline time.Time
}

func (w *stalled) Header() http.Header                { return w.header }
func (w *stalled) WriteHeader(int)                    {}
func (w *stalled) SetReadDeadline(time.Time) error    { return nil }
func (w *stalled) SetWriteDeadline(t time.Time) error { w.deadline = t; return nil }
func (w *stalled) Flush()                             {}
func (w *stalled) Write([]byte) (int, error) {
	w.written <- struct{}{}
	<-w.written
	return 0, context.DeadlineExceeded
}
