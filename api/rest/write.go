// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/api/environment"
	"github.com/flipper-go/flipper/api/token"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
	"github.com/flipper-go/flipper/targeting/rules"
)

// WriteInput names a flag that is to be changed, and may say in which state.
type WriteInput struct {
	NameInput
	IfMatch string `header:"If-Match" doc:"The ETag of the flag that is to be changed: if it has another, the answer is 412 with the flag as it is."`
}

type putInput struct {
	WriteInput
	IfNoneMatch string `header:"If-None-Match" doc:"Send * to create the flag only if there is none of that name."`
	Body        NewFlag
}

// A NewFlag is all that a flag is to hold.
type NewFlag struct {
	Enabled    bool           `json:"enabled,omitempty" doc:"The switch. By default it is off."`
	ClientData object         `json:"client_data,omitempty" doc:"Whatever the flag's users keep with it. By default nothing."`
	Rules      nullableObject `json:"rules,omitempty" doc:"Who gets which variant: see docs/rules.md. By default everybody gets an enabled flag."`
	Carta      *Carta         `json:"carta,omitempty" doc:"Conditions and bucketer of Carta's model. They do not go with rules."`
}

type patchInput struct {
	WriteInput
	Body Patch
}

// A Patch changes a part of a flag (JSON Merge Patch, RFC 7396).
type Patch struct {
	Enabled    *bool          `json:"enabled,omitempty" doc:"The switch."`
	ClientData object         `json:"client_data,omitempty" doc:"Merged into what is there; null removes a key."`
	Rules      nullableObject `json:"rules,omitempty" doc:"Merged into the rules that are there; lists are replaced. Null removes the rules: then everybody gets an enabled flag."`
	Carta      *Carta         `json:"carta,omitempty" doc:"What is given replaces conditions or bucketer of Carta's model."`
}

type deleteInput struct {
	WriteInput
	EvenIfAsked bool `query:"even_if_asked" doc:"Delete the flag even if rules of other flags ask it."`
}

type emptyOutput struct{}

func (s *service) registerWrites() {
	register(s, operation("put-flag", http.MethodPut, root+"/{name}", token.Write, "Create or replace a flag"), s.putFlag)
	register(s, withMediaType(operation("patch-flag", http.MethodPatch, root+"/{name}", token.Write, "Change a part of a flag")), s.patchFlag)
	register(s, operation("delete-flag", http.MethodDelete, root+"/{name}", token.Write, "Delete a flag"), s.deleteFlag)
	for _, switching := range []struct {
		verb, summary string
		method        func(*flipper.FeatureFlagClient, context.Context, string) error
	}{
		{"enable", "Switch a flag on", (*flipper.FeatureFlagClient).Enable},
		{"disable", "Switch a flag off, for everyone", (*flipper.FeatureFlagClient).Disable},
	} {
		id := switching.verb + "-flag"
		register(s, operation(id, http.MethodPost, root+"/{name}/"+switching.verb, token.Write, switching.summary),
			func(ctx context.Context, in *WriteInput) (*flagOutput, error) {
				return s.change(ctx, id, in, func(draft *flipper.FeatureFlagClient) error { return switching.method(draft, ctx, in.Name) })
			})
	}
}

// withMediaType lets merge patches have their own media type too.
func withMediaType(op huma.Operation) huma.Operation {
	op.Description = "The body is a JSON Merge Patch (RFC 7396), as application/merge-patch+json or application/json."
	return op
}

// change makes a change of one flag, if the flag is in the state that the call names, and
// returns the flag as it is then.
func (s *service) change(ctx context.Context, id string, in *WriteInput, change func(draft *flipper.FeatureFlagClient) error) (*flagOutput, error) {
	env, err := s.environment(ctx, in.EnvironmentInput)
	if err != nil {
		return nil, err
	}
	changes, err := s.transact(ctx, id, env, func(draft *flipper.FeatureFlagClient) error {
		if in.IfMatch != "" {
			if err := match(ctx, draft, in.Name, in.IfMatch); err != nil {
				return err
			}
		}
		return change(draft)
	})
	if err != nil {
		return nil, s.conflict(ctx, env, in.Name, err)
	}
	for _, c := range changes {
		if c.Name == in.Name && c.After != nil {
			return newOutput(c.After), nil
		}
	}
	f, err := env.Client().Get(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	return newOutput(f), nil
}

// transact makes changes as one, and logs them.
func (s *service) transact(ctx context.Context, id string, env *environment.Environment, change func(draft *flipper.FeatureFlagClient) error) ([]flipper.FlagChange, error) {
	changes, err := env.Client().Transact(ctx, change)
	s.access.LogChanges(ctx, id, changes)
	return changes, err
}

// match refuses to change a flag that is in another state than the caller thinks.
func match(ctx context.Context, draft *flipper.FeatureFlagClient, name, ifMatch string) error {
	f, err := draft.Get(ctx, name)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if !names(ifMatch, f) {
		return errChanged
	}
	return nil
}

// conflict adds to a condition that does not hold what is there now.
func (s *service) conflict(ctx context.Context, env *environment.Environment, name string, err error) error {
	if statusOf(err) != http.StatusPreconditionFailed {
		return err
	}
	p := newProblem(http.StatusPreconditionFailed, err.Error())
	f, getErr := env.Client().Get(ctx, name)
	if getErr != nil {
		return p // there is nothing to show
	}
	shown := newFlag(f)
	p.Current = &shown
	return huma.ErrorWithHeaders(p, http.Header{"Etag": {etag(f.Revision)}})
}

func (s *service) putFlag(ctx context.Context, in *putInput) (*flagOutput, error) {
	created := false
	out, err := s.change(ctx, "put-flag", &in.WriteInput, func(draft *flipper.FeatureFlagClient) error {
		exists, err := draft.Exists(ctx, in.Name)
		if err != nil {
			return err
		}
		if created = !exists; created {
			return create(ctx, draft, in.Name, in.Body)
		}
		if in.IfNoneMatch != "" {
			return errThere
		}
		return replace(ctx, draft, in.Name, in.Body)
	})
	if err == nil && created {
		out.Status = http.StatusCreated
	}
	return out, err
}

// create makes a flag that does not exist.
func create(ctx context.Context, draft *flipper.FeatureFlagClient, name string, f NewFlag) error {
	data, err := clientData(f.ClientData)
	if err != nil {
		return err
	}
	opts := []flipper.CreateOption{flipper.WithEnabled(f.Enabled), flipper.WithClientData(data)}
	if given(f.Rules) {
		definition, err := definitionOf(name, f.Rules)
		if err != nil {
			return within("rules", err)
		}
		opts = append(opts, flipper.WithRules(definition))
	}
	if f.Carta != nil {
		conditions, bucketer, err := f.Carta.parse()
		if err != nil {
			return err
		}
		opts = append(opts, flipper.WithConditions(conditions...), flipper.WithBucketer(bucketer))
	}
	_, err = draft.Create(ctx, name, opts...)
	return err
}

// replace gives a flag that exists all that it is to hold, and nothing else.
func replace(ctx context.Context, draft *flipper.FeatureFlagClient, name string, f NewFlag) error {
	data, err := clientData(f.ClientData)
	if err != nil {
		return err
	}
	if err := turn(ctx, draft, name, f.Enabled); err != nil {
		return err
	}
	if err := draft.ReplaceClientData(ctx, name, data); err != nil {
		return err
	}
	if given(f.Rules) {
		if f.Carta != nil {
			return fmt.Errorf("%w carta: a flag has rules, or conditions and a bucketer of Carta's model: send one of the two", store.ErrInvalid)
		}
		return within("rules", setRules(ctx, draft, name, f.Rules))
	}
	if err := draft.RemoveRules(ctx, name); err != nil {
		return err
	}
	return setCarta(ctx, draft, name, f.Carta)
}

func turn(ctx context.Context, draft *flipper.FeatureFlagClient, name string, on bool) error {
	if on {
		return draft.Enable(ctx, name)
	}
	return draft.Disable(ctx, name)
}

func (s *service) patchFlag(ctx context.Context, in *patchInput) (*flagOutput, error) {
	return s.change(ctx, "patch-flag", &in.WriteInput, func(draft *flipper.FeatureFlagClient) error {
		return patch(ctx, draft, in.Name, in.Body)
	})
}

// patch changes the parts of a flag that are given.
func patch(ctx context.Context, draft *flipper.FeatureFlagClient, name string, p Patch) error {
	f, err := draft.Get(ctx, name)
	if err != nil {
		return err
	}
	if p.Enabled != nil {
		if err := turn(ctx, draft, name, *p.Enabled); err != nil {
			return err
		}
	}
	if len(p.ClientData) > 0 {
		data, err := clientData(p.ClientData)
		if err == nil {
			err = draft.PatchClientData(ctx, name, data)
		}
		if err != nil {
			return err
		}
	}
	switch {
	case given(p.Rules):
		merged, err := mergeRules(f.Rules().JSON(), targeting.JSON(p.Rules))
		if err == nil {
			err = setRules(ctx, draft, name, merged)
		}
		if err != nil {
			return within("rules", err)
		}
	case len(p.Rules) > 0: // null
		if err := draft.RemoveRules(ctx, name); err != nil {
			return err
		}
	}
	return setCarta(ctx, draft, name, p.Carta)
}

// given reports whether there is an object, and not null.
func given(o nullableObject) bool { return len(o) > 0 && string(o) != "null" }

// mergeRules merges a patch into rules: its fields replace those that are there, and null
// removes one. What is deeper is a list, or variants, which are replaced as a whole.
func mergeRules(text, patch targeting.JSON) ([]byte, error) {
	if text == "" {
		return []byte(patch), nil
	}
	fields, err := targeting.SplitObject(text)
	if err != nil {
		return nil, err
	}
	changes, err := targeting.SplitObject(patch)
	if err != nil {
		return nil, err
	}
	for _, change := range changes {
		switch {
		case change.Value == "null":
			fields = withoutField(fields, change.Name)
		case change.Name == "variants" && targeting.GetField(fields, change.Name) != "":
			merged, err := mergeRules(targeting.GetField(fields, change.Name), change.Value)
			if err != nil {
				return nil, fmt.Errorf("%w rules.variants: send an object", store.ErrInvalid)
			}
			fields = targeting.SetField(fields, change.Name, targeting.JSON(merged))
		default:
			fields = targeting.SetField(fields, change.Name, change.Value)
		}
	}
	return targeting.AppendObject(nil, fields), nil
}

func withoutField(fields []targeting.Field, name string) []targeting.Field {
	var rest []targeting.Field
	for _, f := range fields {
		if f.Name != name {
			rest = append(rest, f)
		}
	}
	return rest
}

func definitionOf(name string, text []byte) (rules.Definition, error) {
	parsed, err := rules.Parse(name, targeting.JSON(text))
	if err != nil {
		return rules.Definition{}, err
	}
	return parsed.Definition(), nil
}

func setRules(ctx context.Context, draft *flipper.FeatureFlagClient, name string, text []byte) error {
	definition, err := definitionOf(name, text)
	if err != nil {
		return err
	}
	return draft.SetRules(ctx, name, definition)
}

// parse reads conditions and bucketer.
func (c *Carta) parse() ([]carta.Condition, carta.Bucketer, error) {
	var conditions []carta.Condition
	bucketer := carta.NoBucketer()
	var err error
	if len(c.Conditions) > 0 {
		if conditions, err = carta.ParseConditions(targeting.JSON(c.Conditions)); err != nil {
			return nil, bucketer, fmt.Errorf("carta: %w", err)
		}
	}
	if len(c.Bucketer) > 0 {
		if bucketer, err = carta.ParseBucketer(targeting.JSON(c.Bucketer), now()); err != nil {
			return nil, bucketer, fmt.Errorf("carta: %w", err)
		}
	}
	return conditions, bucketer, nil
}

func setCarta(ctx context.Context, draft *flipper.FeatureFlagClient, name string, c *Carta) error {
	if c == nil {
		return nil
	}
	conditions, bucketer, err := c.parse()
	if err != nil {
		return err
	}
	if len(c.Conditions) > 0 {
		if err := draft.SetConditions(ctx, name, conditions...); err != nil {
			return err
		}
	}
	if len(c.Bucketer) > 0 {
		return draft.SetBucketer(ctx, name, bucketer)
	}
	return nil
}

func (s *service) deleteFlag(ctx context.Context, in *deleteInput) (*emptyOutput, error) {
	env, err := s.environment(ctx, in.EnvironmentInput)
	if err != nil {
		return nil, err
	}
	_, err = s.transact(ctx, "delete-flag", env, func(draft *flipper.FeatureFlagClient) error {
		if in.IfMatch != "" {
			if err := match(ctx, draft, in.Name, in.IfMatch); err != nil {
				return err
			}
		}
		return draft.Destroy(ctx, in.Name, destroyOptions(in.EvenIfAsked)...)
	})
	if errors.Is(err, flipper.ErrAsked) {
		err = fmt.Errorf("%w: change those, or add even_if_asked=true", err)
	}
	if err != nil {
		return nil, s.conflict(ctx, env, in.Name, err)
	}
	return &emptyOutput{}, nil
}

func destroyOptions(evenIfAsked bool) []flipper.DestroyOption {
	if evenIfAsked {
		return []flipper.DestroyOption{flipper.EvenIfAsked()}
	}
	return nil
}
