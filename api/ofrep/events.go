// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package ofrep

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/flipper-go/flipper/api/access"
	"github.com/flipper-go/flipper/api/environment"
	"github.com/flipper-go/flipper/targeting"
)

const (
	// eventsPurpose is what tickets for event streams are for.
	eventsPurpose = "ofrep events"

	// inactivityDelay is after how many seconds in the background a page is to close
	// its stream.
	inactivityDelay = 120

	// heartbeat is how often a stream says that it is alive, so that no proxy takes it
	// for idle.
	heartbeat = 25 * time.Second

	// writeTimeout is how long a reader may take to take an event. A slower one is
	// dropped: it connects again when it can.
	writeTimeout = 10 * time.Second

	// maxStreams is how many streams are open at most.
	maxStreams = 20_000
)

// What a stream's address says.
const (
	paramTicket      = "ticket"
	paramSince       = "since"       // the revision that the client has
	paramEnvironment = "environment" // unless the ticket says it
)

// appendEventStream appends to an answer where the client hears of changes. The
// address is relative: the server does not know under which name it is reached.
func appendEventStream(b []byte, env *environment.Environment, revision environment.Revision, ticket string) []byte {
	query := url.Values{paramSince: {revision.ID}}
	if ticket != "" {
		query.Set(paramTicket, ticket)
	} else if env.Name() != "" {
		query.Set(paramEnvironment, env.Name())
	}
	b = append(b, `,"eventStreams":[{"type":"sse","endpoint":{"requestUri":`...)
	b = targeting.AppendText(b, eventsPath+"?"+query.Encode())
	b = append(b, `},"inactivityDelaySec":`...)
	b = strconv.AppendInt(b, inactivityDelay, 10)
	return append(b, "}]"...)
}

// events admits the reader of an event stream, by a ticket or a token.
func (s *service) events(w http.ResponseWriter, r *http.Request) {
	call, err := s.access.AdmitTicket(w, r, r.URL.Query().Get(paramTicket), eventsPurpose)
	if err == nil {
		err = s.stream(w, r, call)
	}
	if err != nil {
		s.access.Refuse(w, r, err, refuse)
	}
}

// stream tells a reader whenever there is another revision than the one it has.
func (s *service) stream(w http.ResponseWriter, r *http.Request, call *access.Call) error {
	env, err := call.Environment("")
	if err != nil {
		return err
	}
	if s.streams.Add(1) > maxStreams {
		s.streams.Add(-1)
		return &access.Refusal{Status: http.StatusServiceUnavailable, Detail: "Too many event streams are open.", RetryAfter: heartbeat}
	}
	defer s.streams.Add(-1)
	changed, stop, ok := env.Follow()
	if !ok {
		return &access.Refusal{Status: http.StatusNotFound, Detail: "The store of the flags tells of no changes: ask again from time to time.", Err: codeGeneral}
	}
	defer stop()
	out := &eventWriter{w: w, control: http.NewResponseController(w)}
	if err := out.begin(); err != nil {
		return nil // the reader is gone
	}
	has := r.Header.Get("Last-Event-ID")
	if has == "" {
		has = r.URL.Query().Get(paramSince)
	}
	alive := time.NewTicker(heartbeat)
	defer alive.Stop()
	for {
		var err error
		select {
		case <-r.Context().Done():
			return nil
		case <-env.Done():
			return nil // the server stops
		case _, open := <-changed:
			if !open {
				return nil
			}
			if revision, failed := env.Revision(r.Context()); failed == nil && revision.ID != has {
				err = out.refetch(revision, has == "")
				has = revision.ID
			}
		case <-alive.C:
			if !call.Stands() {
				return nil
			}
			err = out.comment()
		}
		if err != nil {
			return nil // the reader is gone, or too slow
		}
	}
}

// An eventWriter writes an event stream.
type eventWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
	buffer  []byte
}

// begin starts the stream. Readers that lose it at the same time come back at
// different times.
func (e *eventWriter) begin() error {
	h := e.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // proxies like nginx pass events on at once
	// The server's own deadlines are for answers that end.
	if err := e.control.SetReadDeadline(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	e.buffer = append(e.buffer[:0], "retry: "...)
	e.buffer = strconv.AppendInt(e.buffer, 1000+rand.Int64N(4000), 10)
	return e.send(append(e.buffer, "\n\n"...))
}

// refetch tells the reader to ask again, or if it has just asked, only which revision
// that was.
func (e *eventWriter) refetch(r environment.Revision, silent bool) error {
	e.buffer = append(e.buffer[:0], "id: "...)
	e.buffer = append(e.buffer, r.ID...)
	if !silent {
		e.buffer = append(e.buffer, "\nevent: message\ndata: {\"type\":\"refetchEvaluation\",\"etag\":"...)
		e.buffer = targeting.AppendText(e.buffer, `"`+r.ID+`"`)
		e.buffer = append(e.buffer, ",\"lastModified\":"...)
		e.buffer = strconv.AppendInt(e.buffer, r.Since.Unix(), 10)
		e.buffer = append(e.buffer, '}')
	}
	return e.send(append(e.buffer, "\n\n"...))
}

func (e *eventWriter) comment() error { return e.send(append(e.buffer[:0], ":\n\n"...)) }

func (e *eventWriter) send(text []byte) error {
	e.buffer = text
	if err := e.control.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if _, err := e.w.Write(text); err != nil {
		return err
	}
	return e.control.Flush()
}
