// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/api/environment"
	"github.com/flipper-go/flipper/api/token"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
)

// subject is what this protocol calls its subject.
const subject = "user_id"

// reasonNotFound says that there is no flag of the name. Clients take an answer other
// than 200 for a failure of the service, so it is an answer like others.
const reasonNotFound = "FLAG_NOT_FOUND"

type evaluateInput struct {
	EnvironmentInput
	Body struct {
		FlagName    string `json:"flag_name" minLength:"1" doc:"The flag's name."`
		UserID      scalar `json:"user_id,omitempty" doc:"Who the answer is for."`
		Environment string `json:"environment,omitempty" doc:"The environment, if the token or the server does not say."`
		Attributes  object `json:"attributes,omitempty" doc:"What rules may ask of the request."`
	}
}

type evaluateOutput struct{ Body Answer }

// An Answer says whether a flag is on.
type Answer struct {
	Enabled bool   `json:"enabled" doc:"Whether the flag is on."`
	Reason  string `json:"reason" doc:"What decided: STATIC, TARGETING_MATCH, SPLIT, DEFAULT, DISABLED, CACHED, STALE; or why there is no answer: FLAG_NOT_FOUND, ERROR."`
}

func newAnswer(e *flipper.Evaluation) Answer {
	if errors.Is(e.Err, store.ErrNotFound) {
		return Answer{Reason: reasonNotFound}
	}
	return Answer{Enabled: e.Enabled, Reason: string(e.Reason)}
}

type evaluateBatchInput struct {
	EnvironmentInput
	UserID string   `query:"user_id" doc:"Who the answers are for."`
	Body   []string `nullable:"false" maxItems:"1000" doc:"The names of the flags."`
}

type evaluateBatchOutput struct{ Body map[string]Answer }

func (s *service) registerEvaluate() {
	op := operation("evaluate", http.MethodPost, root+"/evaluate", token.Evaluate, "Ask whether a flag is on")
	op.Description = "An unknown flag is off, with the reason FLAG_NOT_FOUND."
	register(s, op, s.evaluate)
	op = operation("evaluate-batch", http.MethodPost, root+"/evaluate/batch", token.Evaluate, "Ask whether several flags are on")
	op.Description = "The answers are by name. An unknown flag is off, with the reason FLAG_NOT_FOUND."
	register(s, op, s.evaluateBatch)
}

func (s *service) evaluate(ctx context.Context, in *evaluateInput) (*evaluateOutput, error) {
	in.Environment = firstOf(in.Body.Environment, in.Environment)
	env, err := s.environment(ctx, in.EnvironmentInput)
	if err != nil {
		return nil, err
	}
	q := environment.Question{Subject: subject}
	if len(in.Body.UserID) > 0 {
		q.ID, err = targeting.ParseJSON(targeting.JSON(in.Body.UserID))
		switch kind := q.ID.Kind(); {
		case err != nil:
			return nil, fmt.Errorf("user_id: %w", err)
		case kind == targeting.KindBool, kind == targeting.KindList, kind == targeting.KindObject:
			return nil, fmt.Errorf("%w user_id: it is %s: send a text or a number", store.ErrInvalid, kind)
		}
	}
	if len(in.Body.Attributes) > 0 {
		attributes, err := targeting.ParseJSON(targeting.JSON(in.Body.Attributes))
		if err != nil {
			return nil, fmt.Errorf("attributes: %w", err)
		}
		for _, m := range attributes.Members() {
			q.Context = append(q.Context, flipper.Value(m.Key, m.Value))
		}
	}
	e := env.Evaluate(ctx, in.Body.FlagName, q)
	return &evaluateOutput{newAnswer(&e)}, nil
}

func (s *service) evaluateBatch(ctx context.Context, in *evaluateBatchInput) (*evaluateBatchOutput, error) {
	env, err := s.environment(ctx, in.EnvironmentInput)
	if err != nil {
		return nil, err
	}
	q := environment.Question{Subject: subject}
	if in.UserID != "" {
		q.ID = targeting.Text(in.UserID)
	}
	evaluations := env.EvaluateNames(ctx, in.Body, q)
	answers := make(map[string]Answer, len(evaluations))
	for i := range evaluations {
		answers[in.Body[i]] = newAnswer(&evaluations[i])
	}
	return &evaluateBatchOutput{answers}, nil
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
