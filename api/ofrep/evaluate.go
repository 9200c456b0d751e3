// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package ofrep

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/flipper-go/flipper/api/access"
	"github.com/flipper-go/flipper/api/environment"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
)

// evaluate answers about one flag.
func (s *service) evaluate(w http.ResponseWriter, r *http.Request, call *access.Call) error {
	key := r.PathValue("key")
	if key == "" { // a slash after the path for all flags
		return s.evaluateAll(w, r, call)
	}
	env, err := call.Environment("")
	if err != nil {
		return err
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	q, err := readQuestion(body)
	if err != nil {
		return err
	}
	e := env.Evaluate(r.Context(), key, q)
	if e.Err == nil {
		write(w, http.StatusOK, appendSuccess(nil, key, &e))
		return nil
	}
	a := asked{nobody: isNobody(q)}
	if errors.Is(e.Err, store.ErrNotFound) {
		a.stored, _ = env.Client().Exists(r.Context(), key)
	}
	f := failureOf(e.Err, &a)
	return &access.Refusal{Status: f.status, Detail: f.details, Err: fmt.Errorf("flag %q: %w: %w", key, f.code, e.Err)}
}

func isNobody(q environment.Question) bool { return q.ID.Kind() == targeting.KindNull }

// evaluateAll answers about all flags.
func (s *service) evaluateAll(w http.ResponseWriter, r *http.Request, call *access.Call) error {
	env, err := call.Environment("")
	if err != nil {
		return err
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	revision, err := env.Revision(r.Context())
	if err != nil {
		return err
	}
	ticket := call.Ticket(env, eventsPurpose)
	tag := entityTag(revision.ID, env.Name(), ticket, body)
	w.Header().Set("ETag", tag)
	if matches(r.Header.Get("If-None-Match"), tag) && !isBehind(r.URL, revision) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	q, err := readQuestion(body)
	if err != nil {
		w.Header().Del("ETag")
		return err
	}
	evaluations, err := env.EvaluateAll(r.Context(), q)
	if err != nil {
		w.Header().Del("ETag")
		return err
	}
	a := asked{stored: true, nobody: isNobody(q)}
	answer := append(make([]byte, 0, 128+128*len(evaluations)), `{"flags":[`...)
	for i, key := range slices.Sorted(maps.Keys(evaluations)) {
		if i > 0 {
			answer = append(answer, ',')
		}
		e := evaluations[key]
		if e.Err != nil {
			f := failureOf(e.Err, &a)
			answer = appendFailure(answer, &key, f.code, f.details)
			continue
		}
		answer = appendSuccess(answer, key, &e)
	}
	answer = append(answer, `],"metadata":{`...)
	if env.Name() != "" {
		answer = append(answer, `"environment":`...)
		answer = targeting.AppendText(answer, env.Name())
	}
	answer = append(answer, '}')
	if env.CanFollow() {
		answer = appendEventStream(answer, env, revision, ticket)
	}
	write(w, http.StatusOK, append(answer, '}'))
	return nil
}

// entityTag returns the tag of an answer about all flags. It covers all that the answer
// is made of, so that 304 is decided before anything is evaluated: also the caller's
// ticket for the event stream, since a client that gets 304 keeps the one that it has.
func entityTag(revision, env, ticket string, body []byte) string {
	h := sha256.New()
	for _, part := range []string{revision, env, ticket} {
		h.Write(strconv.AppendQuote(nil, part))
	}
	h.Write(body)
	return `"` + base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:16]) + `"`
}

// matches reports whether an If-None-Match header has an entity tag. A proxy that
// compresses makes a weak one of it.
func matches(header, tag string) bool {
	for candidate := range strings.SplitSeq(header, ",") {
		if strings.TrimPrefix(strings.TrimSpace(candidate), "W/") == tag {
			return true
		}
	}
	return false
}

// isBehind reports whether an event told the client of a revision that this server has
// not seen: one of several servers may hear of a change later than another. What is
// answered then must not count as confirmed.
func isBehind(u *url.URL, revision environment.Revision) bool {
	if u.RawQuery == "" {
		return false
	}
	query := u.Query()
	if tag := query.Get("flagConfigEtag"); tag != "" {
		return strings.Trim(tag, `"`) != revision.ID
	}
	modified, ok := parseModified(query.Get("flagConfigLastModified"))
	return ok && modified.After(revision.Since)
}

// parseModified reads a time in one of the forms that the protocol allows.
func parseModified(text string) (t time.Time, ok bool) {
	if seconds, err := strconv.ParseInt(text, 10, 64); err == nil {
		return time.Unix(seconds, 0), true
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, true
	}
	t, err := http.ParseTime(text)
	return t, err == nil
}
