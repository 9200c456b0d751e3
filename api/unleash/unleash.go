// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package unleash

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/flipper-go/flipper/api/access"
	"github.com/flipper-go/flipper/api/environment"
	"github.com/flipper-go/flipper/api/token"
	"github.com/flipper-go/flipper/internal/limitedlog"
)

// Register adds the routes of both protocols to a mux.
func Register(mux *http.ServeMux, a *access.Access) {
	s := &service{log: limitedlog.New(a.Logger()), documents: make(map[*environment.Environment]*document)}
	for _, route := range []struct {
		pattern string
		role    token.Role
		handle  access.Handler
	}{
		{"GET /api/frontend", token.Evaluate, frontendByQuery},
		{"POST /api/frontend", token.Evaluate, frontendByBody},
		{"POST /api/frontend/client/register", token.Evaluate, accepted},
		{"POST /api/frontend/client/metrics", token.Evaluate, accepted},
		// The features show rules, which a token that may only evaluate must not see.
		{"GET /api/client/features", token.Read, s.features},
		{"POST /api/client/register", token.Evaluate, accepted},
		{"POST /api/client/metrics", token.Evaluate, accepted},
	} {
		a.Handle(mux, route.pattern, route.role, refuse, route.handle)
	}
}

// A service remembers the features of each environment.
type service struct {
	log *limitedlog.Log

	mu        sync.Mutex
	documents map[*environment.Environment]*document
}

// A failure is an error in the form of Unleash's server.
type failure struct {
	Name    string          `json:"name"`
	Message string          `json:"message"`
	Details []failureDetail `json:"details"`
}

type failureDetail struct {
	Message string `json:"message"`
}

// refuse renders a refusal for Unleash's clients. It is an [access.Refuse].
func refuse(w http.ResponseWriter, _ *http.Request, refusal *access.Refusal) {
	name := strings.ReplaceAll(http.StatusText(refusal.Status), " ", "") + "Error"
	text, err := json.Marshal(failure{name, refusal.Detail, []failureDetail{{refusal.Detail}}})
	if err != nil { // it holds nothing but text
		text = []byte("{}")
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(refusal.Status)
	_, _ = w.Write(append(text, '\n')) // a client that is gone needs no answer
}

// accepted takes what clients tell of themselves and of what they were asked, and keeps
// nothing of it.
func accepted(w http.ResponseWriter, r *http.Request, _ *access.Call) error {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return err
	}
	w.WriteHeader(http.StatusAccepted)
	return nil
}

// answer writes a JSON text with its entity tag, or says that the client has it already.
func answer(w http.ResponseWriter, r *http.Request, text []byte, tag string) {
	w.Header().Set("ETag", tag)
	// Clients must ask each time, and may keep what they have.
	w.Header().Set("Cache-Control", "private, no-cache")
	if matches(r.Header.Values("If-None-Match"), tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(text) // a client that is gone needs no answer
}

// tagOf returns the entity tag of a text.
func tagOf(text []byte) string {
	sum := sha256.Sum256(text)
	return `"` + hex.EncodeToString(sum[:16]) + `"`
}

// matches reports whether a header If-None-Match names a tag. Proxies may have made the
// tag weak.
func matches(header []string, tag string) bool {
	for _, line := range header {
		for one := range strings.SplitSeq(line, ",") {
			one = strings.TrimSpace(one)
			if one == "*" || strings.TrimPrefix(one, "W/") == tag {
				return true
			}
		}
	}
	return false
}

// encode returns the JSON of what holds nothing that has none.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(v)
	return b.Bytes(), err
}
