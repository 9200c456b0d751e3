// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/flipper-go/flipper/api/token"
	"github.com/flipper-go/flipper/internal/words"
	"github.com/flipper-go/flipper/store"
)

// A Flag is a flag as the API shows it.
type Flag struct {
	Name     string    `json:"name" doc:"The flag's name."`
	Enabled  bool      `json:"enabled" doc:"The switch: a flag that is not enabled is off for everyone."`
	Created  time.Time `json:"created,omitzero" doc:"When the flag was created."`
	Revision string    `json:"revision" doc:"Identifies this state of the flag. It is the ETag too."`
	State    string    `json:"state" doc:"Who gets the flag, in words."`
}

func newFlag(f *store.Flag) Flag {
	return Flag{
		Name:     f.Name,
		Enabled:  f.Enabled,
		Created:  f.Created,
		Revision: f.Revision,
		State:    words.State(f, time.Now()),
	}
}

// environmentInput is what all operations take.
type environmentInput struct {
	Environment string `query:"environment" doc:"The environment that the call is for, if the token or the server does not say."`
}

type flagInput struct {
	environmentInput
	Name string `path:"name" doc:"The flag's name. Write / as %2F, and so on."`
}

type flagOutput struct {
	ETag string `header:"ETag"`
	Body Flag
}

func (s *service) registerFlags() {
	huma.Register(s.api, operation("get-flag", http.MethodGet, root+"/{name}", token.Read, "Get a flag"), s.getFlag)
}

func (s *service) getFlag(ctx context.Context, in *flagInput) (*flagOutput, error) {
	env, err := callOf(ctx).Environment(in.Environment)
	if err != nil {
		return nil, err
	}
	f, err := env.Client().Get(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	return &flagOutput{ETag: etag(f.Revision), Body: newFlag(f)}, nil
}

// etag returns a revision as an entity tag. A revision may hold anything; an entity tag
// may not.
func etag(revision string) string {
	text, err := json.Marshal(revision)
	if err != nil { // text is always JSON
		return `""`
	}
	return string(text)
}
