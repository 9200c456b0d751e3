// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/api/token"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/rules"
)

// now is the time of a change.
func now() time.Time { return time.Now() }

type rulesOutput struct {
	Status int
	ETag   string `header:"ETag"`
	Body   nullableObject
}

type rulesInput struct {
	WriteInput
	Body object
}

type addRuleInput struct {
	WriteInput
	Position position `query:"position" doc:"Where the rule is to be, from 0. By default it comes behind the others."`
	Body     object   `doc:"A rule, as in docs/rules.md."`
}

// A position is that of a rule. It may be left out, which is not 0.
type position struct {
	Value int
	Given bool
}

// Schema implements [huma.SchemaProvider].
func (position) Schema(huma.Registry) *huma.Schema {
	least := 0.0
	return &huma.Schema{Type: huma.TypeInteger, Minimum: &least}
}

// Receiver implements [huma.ParamWrapper].
func (p *position) Receiver() reflect.Value { return reflect.ValueOf(p).Elem().Field(0) }

// OnParamSet implements [huma.ParamReactor].
func (p *position) OnParamSet(given bool, _ any) { p.Given = given }

// RuleInput names a rule of a flag.
type RuleInput struct {
	WriteInput
	Position int `path:"position" minimum:"0" doc:"Where the rule is, from 0."`
}

type replaceRuleInput struct {
	RuleInput
	Body object `doc:"A rule, as in docs/rules.md."`
}

type moveRuleInput struct {
	RuleInput
	Body struct {
		To int `json:"to" minimum:"0" doc:"Where the rule is to be, from 0."`
	}
}

type dataOutput struct {
	Status int
	ETag   string `header:"ETag"`
	Body   object
}

type dataInput struct {
	WriteInput
	Body object
}

func (s *service) registerRules() {
	path := root + "/{name}/rules"
	register(s, operation("get-rules", http.MethodGet, path, token.Read, "Get a flag's rules"), s.getRules)
	register(s, operation("put-rules", http.MethodPut, path, token.Write, "Replace a flag's rules"), s.putRules)
	register(s, operation("delete-rules", http.MethodDelete, path, token.Write, "Remove a flag's rules: then everybody gets it while it is enabled"), s.deleteRules)
	register(s, operation("add-rule", http.MethodPost, path, token.Write, "Add a rule"), s.addRule)
	register(s, operation("replace-rule", http.MethodPut, path+"/{position}", token.Write, "Replace a rule"), s.replaceRule)
	register(s, operation("delete-rule", http.MethodDelete, path+"/{position}", token.Write, "Remove a rule"), s.deleteRule)
	register(s, operation("move-rule", http.MethodPost, path+"/{position}/move", token.Write, "Move a rule to another position"), s.moveRule)

	path = root + "/{name}/client-data"
	register(s, operation("get-client-data", http.MethodGet, path, token.Read, "Get a flag's client data"), s.getData)
	register(s, operation("put-client-data", http.MethodPut, path, token.Write, "Replace a flag's client data"), s.putData)
	register(s, withMediaType(operation("patch-client-data", http.MethodPatch, path, token.Write, "Change a part of a flag's client data")), s.patchData)
}

func (s *service) stored(ctx context.Context, in *getInput) (*store.Flag, error) {
	env, err := s.environment(ctx, in.EnvironmentInput)
	if err != nil {
		return nil, err
	}
	return env.Client().Get(ctx, in.Name)
}

func (s *service) getRules(ctx context.Context, in *getInput) (*rulesOutput, error) {
	f, err := s.stored(ctx, in)
	if err != nil {
		return nil, err
	}
	out := &rulesOutput{Status: http.StatusOK, ETag: etag(f.Revision), Body: nullableObject(f.Rules().JSON())}
	if names(in.IfNoneMatch, f) {
		out.Status = http.StatusNotModified
	}
	return out, nil
}

func (s *service) putRules(ctx context.Context, in *rulesInput) (*flagOutput, error) {
	return s.change(ctx, "put-rules", &in.WriteInput, func(draft *flipper.FeatureFlagClient) error {
		return setRules(ctx, draft, in.Name, in.Body)
	})
}

func (s *service) deleteRules(ctx context.Context, in *WriteInput) (*flagOutput, error) {
	return s.change(ctx, "delete-rules", in, func(draft *flipper.FeatureFlagClient) error {
		return draft.RemoveRules(ctx, in.Name)
	})
}

func (s *service) addRule(ctx context.Context, in *addRuleInput) (*flagOutput, error) {
	return s.change(ctx, "add-rule", &in.WriteInput, func(draft *flipper.FeatureFlagClient) error {
		at := -1
		if in.Position.Given {
			at = in.Position.Value
		}
		return addRule(ctx, draft, in.Name, in.Body, at)
	})
}

// addRule adds a rule at a position, or behind the others if that is negative.
func addRule(ctx context.Context, draft *flipper.FeatureFlagClient, name string, text []byte, position int) error {
	rule, err := rules.ParseRule(targeting.JSON(text))
	switch {
	case err != nil:
		return err
	case position < 0:
		return draft.AddRule(ctx, name, rule)
	}
	return draft.InsertRule(ctx, name, position, rule)
}

func (s *service) replaceRule(ctx context.Context, in *replaceRuleInput) (*flagOutput, error) {
	return s.change(ctx, "replace-rule", &in.WriteInput, func(draft *flipper.FeatureFlagClient) error {
		rule, err := rules.ParseRule(targeting.JSON(in.Body))
		if err != nil {
			return err
		}
		return draft.ReplaceRule(ctx, in.Name, in.Position, rule)
	})
}

func (s *service) deleteRule(ctx context.Context, in *RuleInput) (*flagOutput, error) {
	return s.change(ctx, "delete-rule", &in.WriteInput, func(draft *flipper.FeatureFlagClient) error {
		return draft.RemoveRule(ctx, in.Name, in.Position)
	})
}

func (s *service) moveRule(ctx context.Context, in *moveRuleInput) (*flagOutput, error) {
	return s.change(ctx, "move-rule", &in.WriteInput, func(draft *flipper.FeatureFlagClient) error {
		return draft.MoveRule(ctx, in.Name, in.Position, in.Body.To)
	})
}

func (s *service) getData(ctx context.Context, in *getInput) (*dataOutput, error) {
	f, err := s.stored(ctx, in)
	if err != nil {
		return nil, err
	}
	out := &dataOutput{Status: http.StatusOK, ETag: etag(f.Revision), Body: userData(f)}
	if names(in.IfNoneMatch, f) {
		out.Status = http.StatusNotModified
	}
	return out, nil
}

func (s *service) putData(ctx context.Context, in *dataInput) (*flagOutput, error) {
	return s.changeData(ctx, "put-client-data", in, (*flipper.FeatureFlagClient).ReplaceClientData)
}

func (s *service) patchData(ctx context.Context, in *dataInput) (*flagOutput, error) {
	return s.changeData(ctx, "patch-client-data", in, (*flipper.FeatureFlagClient).PatchClientData)
}

func (s *service) changeData(ctx context.Context, id string, in *dataInput, verb func(*flipper.FeatureFlagClient, context.Context, string, map[string]any) error) (*flagOutput, error) {
	return s.change(ctx, id, &in.WriteInput, func(draft *flipper.FeatureFlagClient) error {
		data, err := clientData(in.Body)
		if err != nil {
			return err
		}
		return verb(draft, ctx, in.Name, data)
	})
}
