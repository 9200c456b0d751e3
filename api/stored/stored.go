// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package stored serves flags in their stored form, for stores in other programs: see
// package store/httpapi. It has the verbs of the Thrift service, and no others.
package stored

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/api/access"
	"github.com/flipper-go/flipper/api/environment"
	"github.com/flipper-go/flipper/api/problem"
	"github.com/flipper-go/flipper/api/token"
	"github.com/flipper-go/flipper/internal/featureflagstore"
	"github.com/flipper-go/flipper/internal/storedapi"
	"github.com/flipper-go/flipper/thrift"
)

// Register adds the routes to a mux.
func Register(mux *http.ServeMux, a *access.Access) {
	s := &service{a}
	for _, route := range []struct {
		pattern string
		role    token.Role
		handle  access.Handler
	}{
		{"GET " + storedapi.FlagPath, token.Read, s.get},
		{"PUT " + storedapi.FlagPath, token.Write, s.put},
		{"DELETE " + storedapi.FlagPath, token.Write, s.delete},
		{"GET " + storedapi.ListPath, token.Read, s.list},
		{"GET " + storedapi.ChangesPath, token.Read, s.changes},
	} {
		a.Handle(mux, route.pattern, route.role, problem.Refuse, route.handle)
	}
}

type service struct{ access *access.Access }

// verbs returns the Thrift service over the store of a call's environment, which knows
// the verbs. It has nothing to close, because the environment tells of changes.
func (s *service) verbs(r *http.Request, call *access.Call) (*thrift.Service, error) {
	env, err := call.Environment("")
	if err != nil {
		return nil, err
	}
	log := func(c thrift.Change) {
		s.access.LogChanges(r.Context(), c.Method, []flipper.FlagChange{{Name: c.Name, Before: c.Before, After: c.After}})
	}
	return thrift.NewService(env.Client().Store(), thrift.WithLogger(s.access.Logger()), thrift.WithChangeHandler(log)), nil
}

func (s *service) get(w http.ResponseWriter, r *http.Request, call *access.Call) error {
	verbs, err := s.verbs(r, call)
	if err != nil {
		return err
	}
	f, err := verbs.GetStored(r.Context(), r.URL.Query().Get(storedapi.Name))
	return answer(w, f, err)
}

func (s *service) put(w http.ResponseWriter, r *http.Request, call *access.Call) error {
	verbs, err := s.verbs(r, call)
	if err != nil {
		return err
	}
	revision := ""
	if tag := r.Header.Get("If-Match"); tag != "" {
		if revision, err = storedapi.Revision(tag); err != nil {
			return &access.Refusal{Status: http.StatusBadRequest, Detail: "If-Match: " + err.Error() + "."}
		}
	} else if r.Header.Get("If-None-Match") != "*" {
		return &access.Refusal{Status: http.StatusPreconditionRequired, Detail: "Send If-Match with the flag's ETag, or If-None-Match: * for a new flag."}
	}
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	f, err := verbs.CompareAndSet(r.Context(), r.URL.Query().Get(storedapi.Name), featureflagstore.JSON(text), revision)
	return answer(w, f, err)
}

func (s *service) delete(w http.ResponseWriter, r *http.Request, call *access.Call) error {
	verbs, err := s.verbs(r, call)
	if err != nil {
		return err
	}
	if err := verbs.DeleteStored(r.Context(), r.URL.Query().Get(storedapi.Name)); err != nil {
		return fail(w, err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// answer writes a flag, or why there is none.
func answer(w http.ResponseWriter, f *featureflagstore.StoredFlag, err error) error {
	if err != nil {
		return fail(w, err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("ETag", storedapi.Tag(f.GetRevision()))
	_, _ = io.WriteString(w, string(f.GetItem())) // a client that is gone needs no answer
	return nil
}

func (s *service) list(w http.ResponseWriter, r *http.Request, call *access.Call) error {
	verbs, err := s.verbs(r, call)
	if err != nil {
		return err
	}
	listed, err := verbs.ListStored(r.Context(), r.URL.Query().Get(storedapi.From))
	if err != nil {
		return fail(w, err)
	}
	page := storedapi.Page{Flags: make([]storedapi.Flag, len(listed.Flags)), Next: listed.ContinuesAt}
	for i, f := range listed.Flags {
		page.Flags[i] = storedapi.Flag{Name: f.GetFeatureName(), Revision: f.GetRevision(), Stored: string(f.GetItem()), Unreadable: f.Unreadable}
	}
	return write(w, http.StatusOK, "application/json", page)
}

// changes waits for a change, and answers at once if there was one since the position.
func (s *service) changes(w http.ResponseWriter, r *http.Request, call *access.Call) error {
	env, err := call.Environment("")
	if err != nil {
		return err
	}
	wait, err := strconv.Atoi(r.URL.Query().Get(storedapi.Wait))
	if err != nil || wait < 0 || wait > storedapi.MaxWait {
		return &access.Refusal{Status: http.StatusBadRequest, Detail: "wait: send a number of seconds from 0 to 60."}
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // a reader has nothing more to send
	since := environment.ParsePosition(r.URL.Query().Get(storedapi.Position))
	ctx, cancel := context.WithTimeoutCause(r.Context(), time.Duration(wait)*time.Second, errQuiet)
	defer cancel()
	changes, at, resync, err := env.Changes().Next(ctx, since)
	switch {
	case errors.Is(err, errQuiet):
		at = since
	case err != nil:
		return fail(w, err)
	}
	body := storedapi.Changes{Position: at.String(), Everything: resync, Names: []string{}}
	for _, c := range changes {
		body.Names = append(body.Names, c.Name)
	}
	return write(w, http.StatusOK, "application/json", body)
}

// errQuiet ends the wait for a change.
var errQuiet = errors.New("nothing changed")

// codes are what the verbs answer.
var codes = map[featureflagstore.ErrorCode]struct {
	code   storedapi.Code
	status int
}{
	featureflagstore.ErrorCode_NOT_FOUND:   {storedapi.NotFound, http.StatusNotFound},
	featureflagstore.ErrorCode_EXISTS:      {storedapi.Exists, http.StatusConflict},
	featureflagstore.ErrorCode_CONFLICT:    {storedapi.Conflict, http.StatusConflict},
	featureflagstore.ErrorCode_INVALID:     {storedapi.Invalid, http.StatusUnprocessableEntity},
	featureflagstore.ErrorCode_UNREADABLE:  {storedapi.Unreadable, http.StatusConflict},
	featureflagstore.ErrorCode_UNAVAILABLE: {storedapi.Unavailable, http.StatusServiceUnavailable},
}

// fail writes why a verb failed.
func fail(w http.ResponseWriter, err error) error {
	f := storedapi.Failure{Status: http.StatusServiceUnavailable, Detail: err.Error(), Code: storedapi.Unavailable}
	if exception, ok := errors.AsType[*featureflagstore.FlipperException](err); ok {
		f.Detail = exception.Message
		if known, ok := codes[exception.GetCode()]; ok {
			f.Code, f.Status = known.code, known.status
		}
	}
	f.Title = http.StatusText(f.Status)
	return write(w, f.Status, problem.ContentType, f)
}

func write(w http.ResponseWriter, status int, contentType string, body any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n')) // a client that is gone needs no answer
	return nil
}
