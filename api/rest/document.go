// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"html/template"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/flipper-go/flipper/api/access"
	"github.com/flipper-go/flipper/api/problem"
	"github.com/flipper-go/flipper/api/token"
)

const (
	documentPath = "/api/v1/openapi.json"
	docsPath     = "/api/v1/docs"
)

//go:embed docs.html
var docsText string

var docsTemplate = template.Must(template.New("docs").Parse(docsText))

// registerDocument serves the description of the operations that were registered: as an
// OpenAPI document, and as a page for people. Both are made once.
func (s *service) registerDocument(mux *http.ServeMux) {
	document := s.api.OpenAPI()
	describeStates(document)
	document.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"token": {Type: "http", Scheme: "bearer", Description: "A token of flipper token create. A server without tokens answers its own machine only."},
		"key":   {Type: "apiKey", In: "header", Name: "X-API-Key"},
	}
	document.Security = []map[string][]string{{"token": {}}, {"key": {}}, {}}
	text, err := json.Marshal(document)
	page, pageErr := docsPage(document)
	serve := func(path, contentType string, body []byte, failure error) {
		s.access.Handle(mux, http.MethodGet+" "+path, token.Evaluate, problem.Refuse, func(w http.ResponseWriter, _ *http.Request, _ *access.Call) error {
			if failure != nil {
				return failure
			}
			h := w.Header()
			h.Set("Content-Type", contentType)
			h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
			_, _ = w.Write(body) // a client that is gone needs no answer
			return nil
		})
	}
	serve(documentPath, "application/json", text, err)
	serve(docsPath, "text/html; charset=utf-8", page, pageErr)
	serve(docsPath+"/style.css", "text/css; charset=utf-8", docsStyle, nil)
}

// describeStates adds the answers that depend on the state of a flag.
func describeStates(document *huma.OpenAPI) {
	problem := document.Components.Schemas.Schema(reflect.TypeFor[Problem](), true, "")
	for _, item := range document.Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Put, item.Patch, item.Delete} {
			if op == nil {
				continue
			}
			for _, p := range op.Parameters {
				switch {
				case p.Name == "If-Match":
					op.Responses["412"] = &huma.Response{
						Description: "The flag is at another revision than the one that was named.",
						Content:     map[string]*huma.MediaType{"application/problem+json": {Schema: problem}},
					}
				case p.Name == "If-None-Match" && op.Method == http.MethodGet:
					op.Responses["304"] = &huma.Response{Description: "The caller has what is current."}
				case p.Name == "If-None-Match":
					created := *op.Responses["200"]
					created.Description = "The flag was created."
					op.Responses["201"] = &created
				}
			}
		}
	}
}

//go:embed docs.css
var docsStyle []byte

// A documented is an operation as the page shows it.
type documented struct {
	*huma.Operation
	Role   string
	Params []param
	Fields []field
}

type param struct {
	In, Name, Doc string
}

type field struct {
	Name, Type, Doc string
	Required        bool
}

// docsPage makes the page for people.
func docsPage(document *huma.OpenAPI) ([]byte, error) {
	var all []documented
	for path, item := range document.Paths {
		for method, op := range map[string]*huma.Operation{
			http.MethodGet: item.Get, http.MethodPost: item.Post, http.MethodPut: item.Put, http.MethodPatch: item.Patch, http.MethodDelete: item.Delete,
		} {
			if op == nil {
				continue
			}
			d := documented{Operation: op}
			d.Method, d.Path = method, path
			if role, ok := op.Metadata[needed].(token.Role); ok {
				d.Role = role.String()
			}
			for _, p := range op.Parameters {
				d.Params = append(d.Params, param{p.In, p.Name, p.Description})
			}
			d.Fields = bodyFields(document, op)
			all = append(all, d)
		}
	}
	order := []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}
	slices.SortFunc(all, func(a, b documented) int {
		if c := strings.Compare(a.Path, b.Path); c != 0 {
			return c
		}
		return slices.Index(order, a.Method) - slices.Index(order, b.Method)
	})
	var page bytes.Buffer
	err := docsTemplate.Execute(&page, map[string]any{"Info": document.Info, "Operations": all, "Document": documentPath, "Style": docsPath + "/style.css"})
	return page.Bytes(), err
}

// bodyFields describes what the body of an operation holds.
func bodyFields(document *huma.OpenAPI, op *huma.Operation) []field {
	if op.RequestBody == nil || op.RequestBody.Content["application/json"] == nil {
		return nil
	}
	schema := op.RequestBody.Content["application/json"].Schema
	if schema != nil && schema.Ref != "" {
		schema = document.Components.Schemas.SchemaFromRef(schema.Ref)
	}
	if schema == nil {
		return nil
	}
	var fields []field
	for name, property := range schema.Properties {
		kind := property.Type
		if property.Ref != "" {
			kind = property.Ref[strings.LastIndex(property.Ref, "/")+1:]
		}
		fields = append(fields, field{name, kind, property.Description, slices.Contains(schema.Required, name)})
	}
	slices.SortFunc(fields, func(a, b field) int { return strings.Compare(a.Name, b.Name) })
	return fields
}
