// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/flipper-go/flipper/api/access"
	"github.com/flipper-go/flipper/api/environment"
	"github.com/flipper-go/flipper/api/token"
	"github.com/flipper-go/flipper/internal/words"
)

const (
	// heartbeat is how often a comment is sent to a reader who has nothing to hear, so
	// that neither side, nor a proxy in between, takes the other for gone.
	heartbeat = 15 * time.Second

	// writeTimeout is how long a reader may take to accept an event. Then it is dropped.
	writeTimeout = 10 * time.Second
)

type changesInput struct {
	EnvironmentInput
	LastEventID string `header:"Last-Event-ID" doc:"The id of the last event that the reader has seen."`
}

// A ChangeEvent is the data of an event.
type ChangeEvent struct {
	Name     string `json:"name" doc:"The flag's name."`
	Deleted  bool   `json:"deleted,omitempty" doc:"There is no such flag any more."`
	Enabled  bool   `json:"enabled" doc:"The switch."`
	Revision string `json:"revision,omitempty" doc:"The flag's revision."`
	State    string `json:"state,omitempty" doc:"Who gets the flag, in words."`
}

// changesPath is not below root: there it would hide a flag called changes.
const changesPath = "/api/v1/changes"

func (s *service) registerChanges() {
	op := operation("changes", http.MethodGet, changesPath, token.Read, "Follow changes, as server-sent events")
	op.Description = "An event called change says that a flag was changed, created or deleted, and how it is now. " +
		"An event called resync says that changes may have been missed: read the flags anew; a stream begins with one, " +
		"unless Last-Event-ID says what the reader has seen. Comments keep the connection alive."
	op.Responses = map[string]*huma.Response{"200": {
		Description: "A stream of events, without end.",
		Content: map[string]*huma.MediaType{"text/event-stream": {
			Schema: &huma.Schema{Type: huma.TypeString},
		}},
	}}
	s.api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[ChangeEvent](), true, "") // is the data of the events
	register(s, op, s.changes)
}

func (s *service) changes(ctx context.Context, in *changesInput) (*huma.StreamResponse, error) {
	env, err := s.environment(ctx, in.EnvironmentInput)
	if err != nil {
		return nil, err
	}
	at := environment.ParsePosition(in.LastEventID)
	call := callOf(ctx)
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		r, w := humago.Unwrap(ctx)
		s.stream(r.Context(), w, call, env.Changes(), at)
	}}, nil
}

// stream writes events until the reader is gone, or too slow, or its token was revoked,
// or the server stops.
func (s *service) stream(ctx context.Context, w http.ResponseWriter, call *access.Call, feed *environment.Feed, at environment.Position) {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{}) // a reader has nothing more to send
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // for nginx
	send := func(text []byte) bool {
		_ = control.SetWriteDeadline(time.Now().Add(writeTimeout))
		_, err := w.Write(text)
		return err == nil && control.Flush() == nil
	}
	if !send([]byte(": changes of flags\n\n")) {
		return
	}
	for {
		waiting, cancel := context.WithTimeoutCause(ctx, heartbeat, errQuiet)
		changes, next, resync, err := feed.Next(waiting, at)
		cancel()
		var text []byte
		switch {
		case errors.Is(err, errQuiet) && !call.Stands():
			return
		case errors.Is(err, errQuiet):
			text = []byte(":\n\n")
		case err != nil:
			return
		case resync:
			text = fmt.Appendf(nil, "event: resync\nid: %s\ndata: {}\n\n", next)
		}
		for i, c := range changes {
			text = appendEvent(text, c, next.Before(len(changes)-1-i))
		}
		if !send(text) {
			return
		}
		at = next
	}
}

// errQuiet ends the wait for a change, so that a heartbeat is sent.
var errQuiet = errors.New("nothing changed")

func appendEvent(b []byte, c environment.Change, id environment.Position) []byte {
	e := ChangeEvent{Name: c.Name, Deleted: c.Flag == nil}
	if c.Flag != nil {
		e.Enabled, e.Revision, e.State = c.Flag.Enabled, revisionText(c.Flag.Revision), words.State(c.Flag, now())
	}
	data, err := json.Marshal(e) // on one line
	if err != nil {
		return b
	}
	return fmt.Appendf(b, "event: change\nid: %s\ndata: %s\n\n", id, data)
}
