// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package rest is our own family of routes, below /api/v1. It translates HTTP to the
// verbs of [flipper.FeatureFlagClient] and back, and decides nothing.
//
// Each operation is a function with a type for what goes in and one for what comes
// out. Package huma makes the OpenAPI document from them, and refuses what does not fit.
package rest

import (
	"context"
	"mime"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/flipper-go/flipper/api/access"
	"github.com/flipper-go/flipper/api/problem"
	"github.com/flipper-go/flipper/api/token"
)

// root is where all flags are.
const root = "/api/v1/feature-flags"

// Version is that of the API. It counts up when something is added.
const Version = "1.0.0"

// Register adds the family's routes to a mux.
func Register(mux *http.ServeMux, a *access.Access) { newService(mux, a) }

// A service has the operations.
type service struct {
	access *access.Access
	api    huma.API
}

func newService(mux *http.ServeMux, a *access.Access) *service {
	s := &service{access: a}
	registry := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	s.api = humago.New(mux, huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI:    "3.1.0",
			Info:       &huma.Info{Title: "Flipper", Version: Version, Description: "Feature flags: answers, and their management."},
			Components: &huma.Components{Schemas: registry},
		},
		Formats:       huma.DefaultFormats,
		DefaultFormat: "application/json",
		Transformers:  []huma.Transformer{sayWhatIsWrong},
	})
	s.api.UseMiddleware(s.admit)
	s.registerFlags()
	s.registerWrites()
	s.registerRules()
	s.registerBatch()
	s.registerEvaluate()
	s.registerChanges()
	s.registerDocument(mux)
	return s
}

// needed is the key of an operation's metadata under which the role is that it needs.
const needed = "role"

type callKey struct{}

// admit lets a call in, or refuses it, before its body is read.
func (s *service) admit(ctx huma.Context, next func(huma.Context)) {
	r, w := humago.Unwrap(ctx)
	role, ok := ctx.Operation().Metadata[needed].(token.Role)
	if !ok {
		role = token.Admin // an operation that does not say is nobody else's
	}
	call, err := s.access.Admit(w, r, role)
	if err == nil && ctx.Operation().RequestBody != nil {
		err = checkMediaType(r.Header.Get("Content-Type"))
	}
	if err != nil {
		s.access.Refuse(w, r, err, problem.Refuse)
		return
	}
	next(huma.WithValue(ctx, callKey{}, call))
}

// checkMediaType refuses bodies that are not JSON.
func checkMediaType(header string) error {
	media, _, err := mime.ParseMediaType(header)
	if header == "" || err == nil && (media == "application/json" || strings.HasSuffix(media, "+json")) {
		return nil
	}
	return &access.Refusal{
		Status: http.StatusUnsupportedMediaType,
		Detail: "The body must be JSON: send the header Content-Type: application/json, as curl does with --json.",
	}
}

// sayWhatIsWrong puts what is wrong with a request into the sentence that people read
// first, and does not repeat to the client what it sent.
func sayWhatIsWrong(_ huma.Context, _ string, v any) (any, error) {
	p, ok := v.(*huma.ErrorModel)
	if !ok || len(p.Errors) == 0 {
		return v, nil
	}
	wrong := make([]string, 0, len(p.Errors))
	for _, e := range p.Errors {
		e.Value = nil
		wrong = append(wrong, strings.TrimPrefix(e.Location+": ", ": ")+e.Message)
	}
	p.Detail = strings.Join(wrong, "; ") + ". See " + docsPath + "."
	return p, nil
}

func callOf(ctx context.Context) *access.Call {
	call, _ := ctx.Value(callKey{}).(*access.Call)
	return call
}

// register adds an operation, whose errors become problems.
func register[In, Out any](s *service, op huma.Operation, handle func(context.Context, *In) (*Out, error)) {
	huma.Register(s.api, op, func(ctx context.Context, in *In) (*Out, error) {
		out, err := handle(ctx, in)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return out, nil
	})
}

// operation describes one operation.
func operation(id, method, path string, role token.Role, summary string) huma.Operation {
	return huma.Operation{
		OperationID: id,
		Method:      method,
		Path:        path,
		Summary:     summary,
		Metadata:    map[string]any{needed: role},
	}
}
