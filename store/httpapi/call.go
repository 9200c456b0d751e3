// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"time"

	"github.com/flipper-go/flipper/internal/storedapi"
	"github.com/flipper-go/flipper/store"
)

// maxAnswer is how many bytes of an answer are read: more than a page of flags has.
const maxAnswer = 16 << 20

type request struct {
	method string
	path   string
	query  url.Values
	header http.Header
	body   []byte
}

type answer struct {
	header http.Header
	body   []byte
}

// call asks the server, about a flag if name is not empty.
func (s *Store) call(ctx context.Context, name string, r request) (*answer, error) {
	return s.callWithin(ctx, s.opts.timeout, name, r)
}

var errTimeout = errors.New("the server did not answer in time")

func (s *Store) callWithin(ctx context.Context, timeout time.Duration, name string, r request) (*answer, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", s, contextError(ctx))
	}
	if !s.begin() {
		return nil, store.ErrClosed
	}
	defer s.calls.Done()
	limited, cancel := context.WithTimeoutCause(ctx, timeout, errTimeout)
	defer cancel()
	stop := context.AfterFunc(s.life, cancel)
	defer stop()

	status, a, err := s.exchange(limited, r)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return nil, fmt.Errorf("%s: %w", s, contextError(ctx))
	case s.life.Err() != nil:
		return nil, store.ErrClosed
	case limited.Err() != nil:
		return nil, s.unavailable("%w (after %v)", errTimeout, timeout)
	default:
		return nil, s.unavailable("%w", err)
	}
	if status == http.StatusOK || status == http.StatusNoContent {
		return a, nil
	}
	return nil, s.failure(name, status, a)
}

// contextError returns why a context ended: its error, and its cause if that says more.
func contextError(ctx context.Context) error {
	if cause := context.Cause(ctx); !errors.Is(ctx.Err(), cause) {
		return fmt.Errorf("%w (%w)", ctx.Err(), cause)
	}
	return ctx.Err()
}

func (s *Store) exchange(ctx context.Context, r request) (status int, a *answer, err error) {
	if s.opts.environment != "" {
		if r.query == nil {
			r.query = make(url.Values)
		}
		r.query.Set(storedapi.Environment, s.opts.environment)
	}
	u := *s.base
	u.Path += r.path
	u.RawQuery = r.query.Encode()
	question, err := http.NewRequestWithContext(ctx, r.method, u.String(), bytes.NewReader(r.body))
	if err != nil {
		return 0, nil, err
	}
	if r.header != nil {
		question.Header = r.header
	}
	if s.opts.token != "" {
		question.Header.Set("Authorization", "Bearer "+s.opts.token)
	}
	response, err := s.client.Do(question)
	if err != nil {
		// Its text repeats the URL, and that the name of the flag.
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err
		}
		return 0, nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err == nil && len(body) > maxAnswer {
		err = fmt.Errorf("the server's answer has more than %d bytes", maxAnswer)
	}
	return response.StatusCode, &answer{response.Header, body}, err
}

// failure returns the error that an answer stands for. Texts of the server are quoted and
// cut: they are somebody else's.
func (s *Store) failure(name string, status int, a *answer) error {
	var f storedapi.Failure
	media, _, err := mime.ParseMediaType(a.header.Get("Content-Type"))
	if err != nil || media != "application/problem+json" || json.Unmarshal(a.body, &f) != nil {
		return s.unavailable("it answers %d %s, and not as Flipper's API does: is this the address of flipper serve --api?", status, http.StatusText(status))
	}
	switch f.Code {
	case storedapi.NotFound, storedapi.Exists, storedapi.Conflict:
		return f.Code.Sentinel()
	case storedapi.Invalid, storedapi.InvalidName:
		return fmt.Errorf("%s: %w flag %q: %.500q", s, f.Code.Sentinel(), name, f.Detail)
	case storedapi.Unreadable:
		return &store.UnreadableError{Name: name, Err: fmt.Errorf("%s: %.500q", s, f.Detail)}
	}
	hint := ""
	switch status {
	case http.StatusUnauthorized:
		hint = " (set the token, as in FLIPPER_TOKEN)"
	case http.StatusForbidden:
		hint = " (use another token)"
	}
	return s.unavailable("%d: %.500q%s", status, f.Detail, hint)
}

func (s *Store) unavailable(format string, args ...any) error {
	return fmt.Errorf("%s: %w: %w", s, store.ErrUnavailable, fmt.Errorf(format, args...))
}
