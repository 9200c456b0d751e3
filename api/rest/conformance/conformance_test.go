// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package conformance_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/api"
	"github.com/flipper-go/flipper/api/access"
	"github.com/flipper-go/flipper/api/environment"
	"github.com/flipper-go/flipper/api/rest"
	"github.com/flipper-go/flipper/api/rest/conformance/client"
	"github.com/flipper-go/flipper/api/token"
	"github.com/flipper-go/flipper/store/memory"
)

var update = flag.Bool("update", false, "write openapi.json; then run go generate")

// serve starts the API, and returns its URL and a token that may write.
func serve(t *testing.T) (url, secret string) {
	t.Helper()
	env, err := environment.New("production", flipper.New(memory.New()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = env.Close() })
	environments, err := environment.NewEnvironments(env)
	if err != nil {
		t.Fatal(err)
	}
	writer, secret, err := token.New("writer", token.Write)
	if err != nil {
		t.Fatal(err)
	}
	a, err := access.New(environments, access.WithTokens(token.NewSet(writer)), access.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(api.New(a, rest.Register))
	t.Cleanup(server.Close)
	return server.URL, secret
}

// document returns the document that the API serves, indented.
func document(t *testing.T) []byte {
	t.Helper()
	url, secret := serve(t)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/api/v1/openapi.json", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+secret)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, text, "", "  "); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	indented.WriteByte('\n')
	return indented.Bytes()
}

func TestDocument(t *testing.T) {
	text := document(t)
	if *update {
		if err := os.WriteFile("openapi.json", text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if kept, err := os.ReadFile("openapi.json"); err != nil || !bytes.Equal(kept, text) {
		t.Errorf("openapi.json is not what is served: run go test -update . and go generate (%v)", err)
	}
	parsed, err := libopenapi.NewDocument(text)
	if err != nil {
		t.Fatal(err)
	}
	v, errs := validator.NewValidator(parsed)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	if valid, errs := v.ValidateDocument(); !valid {
		for _, e := range errs {
			t.Errorf("%s: %s", e.Message, e.Reason)
			for _, s := range e.SchemaValidationErrors {
				t.Errorf("  %s", s.Reason)
			}
		}
	}
}

// TestClient uses the generated client.
func TestClient(t *testing.T) {
	ctx := t.Context()
	url, secret := serve(t)
	c, err := client.NewClientWithResponses(url, client.WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+secret)
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	const name = "checkout/new & shiny"
	star := "*"
	put, err := c.PutFlagWithResponse(ctx, name, &client.PutFlagParams{IfNoneMatch: &star}, client.NewFlag{
		ClientData: &map[string]any{"owner": "shop"},
		Rules: &map[string]any{"version": 1, "off": "off", "default": "off", "rules": []any{
			map[string]any{"if": []any{map[string]any{"attribute": "plan", "op": "is", "values": []any{"pro"}}}, "serve": "on"},
		}},
	})
	if err != nil || put.JSON201 == nil || put.JSON201.Name != name {
		t.Fatalf("put: %v, %s", err, put.Body)
	}
	revision := `"` + put.JSON201.Revision + `"`
	enabled, err := c.EnableFlagWithResponse(ctx, name, &client.EnableFlagParams{IfMatch: &revision})
	if err != nil || enabled.JSON200 == nil || !enabled.JSON200.Enabled {
		t.Fatalf("enable: %v, %s", err, enabled.Body)
	}
	lost, err := c.DisableFlagWithResponse(ctx, name, &client.DisableFlagParams{IfMatch: &revision})
	if err != nil || lost.ApplicationproblemJSON412 == nil || lost.ApplicationproblemJSON412.Current == nil {
		t.Errorf("a lost race: %v, %s", err, lost.Body)
	}
	answer, err := c.EvaluateWithResponse(ctx, nil, client.EvaluateInputBody{FlagName: name, UserId: "u1", Attributes: &map[string]any{"plan": "pro"}})
	if err != nil || answer.JSON200 == nil || !answer.JSON200.Enabled || answer.JSON200.Reason != "TARGETING_MATCH" {
		t.Errorf("evaluate: %v, %s", err, answer.Body)
	}
	user := "u1"
	answers, err := c.EvaluateBatchWithResponse(ctx, &client.EvaluateBatchParams{UserId: &user}, []string{name, "NOPE"})
	if err != nil || answers.JSON200 == nil || len(*answers.JSON200) != 2 {
		t.Errorf("evaluate several: %v, %s", err, answers.Body)
	}
	list, err := c.ListFlagsWithResponse(ctx, nil)
	if err != nil || list.JSON200 == nil || len(list.JSON200.Flags) != 1 {
		t.Errorf("list: %v, %s", err, list.Body)
	}
	batch, err := c.BatchWithResponse(ctx, nil, client.BatchInputBody{Operations: []client.Operation{
		{Op: client.OperationOpCreate, Name: "A"}, {Op: client.OperationOpEnable, Name: "A"}, {Op: client.OperationOpDelete, Name: name},
	}})
	if err != nil || batch.JSON200 == nil || len(batch.JSON200.Changes) != 2 {
		t.Errorf("batch: %v, %s", err, batch.Body)
	}
	bad, err := c.PutRulesWithResponse(ctx, "A", nil, map[string]any{"version": 1})
	if err != nil || bad.ApplicationproblemJSONDefault == nil || bad.ApplicationproblemJSONDefault.Errors == nil {
		t.Errorf("bad rules: %v, %s", err, bad.Body)
	}
}
