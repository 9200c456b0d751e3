// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"time"
)

// A Refusal says why a call is not answered. Each family of routes renders it in the
// form that its clients know.
type Refusal struct {
	// Status is the status of the answer.
	Status int
	// Detail says to people what is wrong, and what to send instead. It never holds a
	// token.
	Detail string
	// RetryAfter is how long to wait before the next try, 0 if waiting does not help.
	// The header is already set.
	RetryAfter time.Duration
	// Err is the cause, if there is one. It is for the log, not for the client.
	Err error
}

// Error returns the detail.
func (r *Refusal) Error() string { return r.Detail }

// Unwrap returns the cause.
func (r *Refusal) Unwrap() error { return r.Err }

// Refuse renders a refusal. The headers that all families have in common are set.
type Refuse func(w http.ResponseWriter, r *http.Request, refusal *Refusal)

func refusalf(status int, format string, args ...any) *Refusal {
	return &Refusal{Status: status, Detail: fmt.Sprintf(format, args...)}
}

// RefusalOf returns the refusal that an error is: also that of a body that is too large
// or too slow. What has no better answer is an error of the server.
func RefusalOf(err error) *Refusal {
	if refusal, ok := errors.AsType[*Refusal](err); ok {
		return refusal
	}
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return bodyTooLarge(tooLarge.Limit)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return &Refusal{Status: http.StatusRequestTimeout, Detail: "The body did not arrive in time.", Err: err}
	}
	return &Refusal{
		Status: http.StatusInternalServerError,
		Detail: "The server could not answer. Its log says why, under the request id of this answer.",
		Err:    err,
	}
}

func bodyTooLarge(limit int64) *Refusal {
	return refusalf(http.StatusRequestEntityTooLarge, "The body is too large: send at most %d bytes.", limit)
}

// Header sets what the refusal has to say in headers.
func (r *Refusal) header(h http.Header) {
	if r.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="flipper"`)
	}
	if r.RetryAfter > 0 {
		// Rounded up: whoever comes back at that second is let in.
		h.Set("Retry-After", strconv.FormatInt(int64((r.RetryAfter+time.Second-1)/time.Second), 10))
	}
}
