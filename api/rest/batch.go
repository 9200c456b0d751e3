// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/api/token"
	"github.com/flipper-go/flipper/store"
)

type batchInput struct {
	EnvironmentInput
	Body struct {
		Operations []Operation `json:"operations" nullable:"false" minItems:"1" maxItems:"100" doc:"They are made in this order, all or none."`
	}
}

// An Operation is one change of a flag, among several.
type Operation struct {
	Op          string         `json:"op" enum:"create,put,patch,enable,disable,delete,add-rule" doc:"What to do."`
	Name        string         `json:"name" minLength:"1" doc:"The flag's name."`
	Revision    string         `json:"revision,omitempty" doc:"The revision that the flag must have before the first operation."`
	Enabled     *bool          `json:"enabled,omitempty" doc:"Of create, put and patch: the switch."`
	ClientData  object         `json:"client_data,omitempty" doc:"Of create and put: the client data; of patch: what to merge into it."`
	Rules       nullableObject `json:"rules,omitempty" doc:"Of create and put: the rules; of patch: what to merge into them."`
	Carta       *Carta         `json:"carta,omitempty" doc:"Of create, put and patch: Carta's model."`
	Rule        object         `json:"rule,omitempty" doc:"Of add-rule: the rule."`
	Position    *int           `json:"position,omitempty" minimum:"0" doc:"Of add-rule: where the rule is to be. By default it comes behind the others."`
	EvenIfAsked bool           `json:"even_if_asked,omitempty" doc:"Of delete: also if rules of other flags ask the flag."`
}

type batchOutput struct {
	Body struct {
		Changes []BatchChange `json:"changes" nullable:"false" doc:"The flags that were changed, by name. A flag that was so already is not among them."`
	}
}

// A BatchChange is what became of a flag.
type BatchChange struct {
	Name string   `json:"name" doc:"The flag's name."`
	What []string `json:"what" nullable:"false" doc:"What changed, in words."`
	Flag *Flag    `json:"flag,omitempty" doc:"The flag as it is now. It is missing if it was deleted."`
}

func (s *service) registerBatch() {
	op := operation("batch", http.MethodPost, root+"/batch", token.Write, "Make several changes, all or none")
	op.Description = "If one operation is refused, none is made, and the problem says which one it is. " +
		"Stores that cannot change several flags as one refuse to (501) before anything is changed."
	register(s, op, s.batch)
}

func (s *service) batch(ctx context.Context, in *batchInput) (*batchOutput, error) {
	env, err := s.environment(ctx, in.EnvironmentInput)
	if err != nil {
		return nil, err
	}
	changes, err := s.transact(ctx, "batch", env, func(draft *flipper.FeatureFlagClient) error {
		for i, op := range in.Body.Operations {
			if op.Revision == "" {
				continue
			}
			if err := match(ctx, draft, op.Name, `"`+op.Revision+`"`); err != nil {
				return newFailedOperation(i, err)
			}
		}
		for i, op := range in.Body.Operations {
			if err := op.apply(ctx, draft); err != nil {
				return newFailedOperation(i, err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := &batchOutput{}
	out.Body.Changes = []BatchChange{}
	for _, c := range changes {
		change := BatchChange{Name: c.Name, What: c.Words()}
		if c.After != nil {
			shown := newFlag(c.After)
			change.Flag = &shown
		}
		out.Body.Changes = append(out.Body.Changes, change)
	}
	return out, nil
}

// A failedOperation is why one of several operations is refused.
type failedOperation struct {
	location string
	err      error
}

func newFailedOperation(i int, err error) error {
	if statusOf(err) == http.StatusInternalServerError {
		return err
	}
	return &failedOperation{fmt.Sprintf("body.operations[%d]", i), err}
}

func (f *failedOperation) Error() string {
	return fmt.Sprintf("%s: %s (none of the operations was made)", f.location, f.err)
}

func (f *failedOperation) Unwrap() error { return f.err }

// apply makes the change to a draft.
func (op *Operation) apply(ctx context.Context, draft *flipper.FeatureFlagClient) error {
	switch op.Op {
	case "create":
		return create(ctx, draft, op.Name, op.newFlag())
	case "put":
		exists, err := draft.Exists(ctx, op.Name)
		switch {
		case err != nil:
			return err
		case exists:
			return replace(ctx, draft, op.Name, op.newFlag())
		}
		return create(ctx, draft, op.Name, op.newFlag())
	case "patch":
		return patch(ctx, draft, op.Name, Patch{op.Enabled, op.ClientData, op.Rules, op.Carta})
	case "enable":
		return draft.Enable(ctx, op.Name)
	case "disable":
		return draft.Disable(ctx, op.Name)
	case "delete":
		err := draft.Destroy(ctx, op.Name, destroyOptions(op.EvenIfAsked)...)
		if errors.Is(err, flipper.ErrAsked) {
			err = fmt.Errorf("%w: change those, or send even_if_asked: true", err)
		}
		return err
	case "add-rule":
		if len(op.Rule) == 0 {
			return fmt.Errorf("%w rule: it is missing", store.ErrInvalid)
		}
		position := -1
		if op.Position != nil {
			position = *op.Position
		}
		return addRule(ctx, draft, op.Name, op.Rule, position)
	}
	return fmt.Errorf("%w op: there is no %q", store.ErrInvalid, op.Op)
}

func (op *Operation) newFlag() NewFlag {
	return NewFlag{
		Enabled:    op.Enabled != nil && *op.Enabled,
		ClientData: op.ClientData,
		Rules:      op.Rules,
		Carta:      op.Carta,
	}
}
