// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/api/access"
	"github.com/flipper-go/flipper/store"
)

// A Problem is an error as the API shows it (RFC 9457).
type Problem struct {
	huma.ErrorModel

	// Current is the flag as it is, if a condition on its revision does not hold.
	Current *Flag `json:"current,omitempty" doc:"The flag as it is now, if it is not at the revision that the call was about."`
}

// What is wrong with calls, beside what the client says.
var (
	errChanged = errors.New("the flag was changed since the revision that If-Match names: look at what is there now, and send its revision")
	errThere   = errors.New("the flag exists already: leave out If-None-Match to replace it")
)

// problem returns the answer to a call that failed.
func (s *service) problem(ctx context.Context, err error) error {
	if _, ok := errors.AsType[huma.StatusError](err); ok {
		return err
	}
	if refusal, ok := errors.AsType[*access.Refusal](err); ok {
		return newProblem(refusal.Status, refusal.Detail)
	}
	if failed, ok := errors.AsType[*failedOperation](err); ok {
		p := newProblem(statusOf(failed.err), failed.Error())
		p.Errors = details(failed.location, failed.err)
		return p
	}
	status := statusOf(err)
	if status == http.StatusInternalServerError {
		s.access.LogFailure(ctx, err)
		return newProblem(status, access.RefusalOf(err).Detail)
	}
	p := newProblem(status, err.Error())
	p.Errors = details("body", err)
	if status == http.StatusServiceUnavailable {
		return huma.ErrorWithHeaders(p, http.Header{"Retry-After": {"1"}})
	}
	return p
}

func newProblem(status int, detail string) *Problem {
	return &Problem{ErrorModel: huma.ErrorModel{Title: http.StatusText(status), Status: status, Detail: detail}}
}

// statusOf returns the status that says what kind of error it is.
func statusOf(err error) int {
	for _, class := range []struct {
		err    error
		status int
	}{
		{errChanged, http.StatusPreconditionFailed},
		{errThere, http.StatusPreconditionFailed},
		{store.ErrNotFound, http.StatusNotFound},
		{store.ErrInvalid, http.StatusUnprocessableEntity},
		{store.ErrExists, http.StatusConflict},
		{store.ErrConflict, http.StatusConflict},
		{store.ErrUnreadable, http.StatusConflict},
		{flipper.ErrModel, http.StatusConflict},
		{flipper.ErrAsked, http.StatusConflict},
		{errors.ErrUnsupported, http.StatusNotImplemented},
		{store.ErrUnavailable, http.StatusServiceUnavailable},
		{store.ErrClosed, http.StatusServiceUnavailable},
		{context.DeadlineExceeded, http.StatusServiceUnavailable},
		{context.Canceled, http.StatusServiceUnavailable},
	} {
		if errors.Is(err, class.err) {
			return class.status
		}
	}
	return http.StatusInternalServerError
}

// invalidField finds the field that an error is about, as in
// "invalid rules[2].if[0].values: ...".
var invalidField = regexp.MustCompile(`\binvalid ([a-z_]+[^\s:]*): (.*)`)

// details names the field that is wrong, if the error is about one.
func details(location string, err error) []*huma.ErrorDetail {
	if !errors.Is(err, store.ErrInvalid) {
		return nil
	}
	match := invalidField.FindStringSubmatch(strings.ReplaceAll(err.Error(), "\n", " "))
	if match == nil {
		return nil
	}
	if field, ok := errors.AsType[*fieldError](err); ok {
		location += "." + field.name
	}
	return []*huma.ErrorDetail{{Location: location + "." + match[1], Message: match[2]}}
}

// A fieldError is an error about what is in a field, which does not know the field's
// name.
type fieldError struct {
	name string
	err  error
}

func (e *fieldError) Error() string { return e.name + ": " + e.err.Error() }
func (e *fieldError) Unwrap() error { return e.err }

// within says in which field an error is, if there is one.
func within(name string, err error) error {
	if err == nil {
		return nil
	}
	return &fieldError{name, err}
}
