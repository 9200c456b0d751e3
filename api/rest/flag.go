// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/flipper-go/flipper/api/environment"
	"github.com/flipper-go/flipper/api/token"
	"github.com/flipper-go/flipper/api/unleash"
	"github.com/flipper-go/flipper/internal/words"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
)

// A Flag is a flag as the API shows it.
type Flag struct {
	Name       string         `json:"name" doc:"The flag's name."`
	Enabled    bool           `json:"enabled" doc:"The switch: a flag that is not enabled is off for everyone."`
	State      string         `json:"state" doc:"Who gets the flag, in words."`
	Revision   string         `json:"revision" doc:"Identifies this state of the flag. It is the ETag without quotes."`
	Created    *time.Time     `json:"created,omitempty" doc:"When the flag was created."`
	ClientData object         `json:"client_data" doc:"Whatever the flag's users keep with it."`
	Rules      nullableObject `json:"rules" doc:"Who gets which variant: see docs/rules.md. Null if the flag has none."`
	Carta      *Carta         `json:"carta,omitempty" doc:"Conditions and bucketer of Carta's model, if the flag has any and no rules."`
	Unleash    string         `json:"unleash,omitempty" doc:"Why Unleash's server-side clients do not get the flag. It is missing if they do, and in lists."`
	Error      string         `json:"error,omitempty" doc:"Why the flag, or its rules, cannot be read."`
}

// Carta is the targeting of Carta's model.
type Carta struct {
	Conditions list   `json:"conditions,omitempty" doc:"All of them must hold."`
	Bucketer   object `json:"bucketer,omitempty" doc:"For which share of the traffic the flag is on."`
}

func newFlag(f *store.Flag) Flag {
	out := Flag{
		Name:       f.Name,
		Enabled:    f.Enabled,
		State:      words.State(f, time.Now()),
		Revision:   revisionText(f.Revision),
		ClientData: userData(f),
	}
	if !f.Created.IsZero() {
		out.Created = &f.Created
	}
	rules := f.Rules()
	switch {
	case rules.Err() != nil:
		out.Error = rules.Err().Error()
		fallthrough
	case !rules.IsZero():
		out.Rules = nullableObject(rules.JSON())
	case len(f.Conditions) > 0 || !f.Bucketer.IsNoOp():
		out.Carta = newCarta(f)
	}
	return out
}

func newCarta(f *store.Flag) *Carta {
	c := &Carta{Bucketer: object(f.Bucketer.JSON())}
	if len(f.Conditions) == 0 {
		return c
	}
	c.Conditions = append(c.Conditions, '[')
	for i, condition := range f.Conditions {
		if i > 0 {
			c.Conditions = append(c.Conditions, ',')
		}
		c.Conditions = append(c.Conditions, condition.JSON()...)
	}
	c.Conditions = append(c.Conditions, ']')
	return c
}

// userData returns client data without what is reserved.
func userData(f *store.Flag) object {
	if f.ClientData == "" {
		return nil
	}
	fields, err := targeting.SplitObject(f.ClientData)
	if err != nil {
		return object(f.ClientData) // another client stored something else
	}
	fields = slices.DeleteFunc(fields, func(f targeting.Field) bool { return store.IsReserved(f.Name) })
	return object(targeting.AppendObject(nil, fields))
}

// EnvironmentInput is what all operations take.
type EnvironmentInput struct {
	Environment string `query:"environment" doc:"The environment that the call is for, if neither the token nor the server says."`
}

// NameInput names a flag.
type NameInput struct {
	EnvironmentInput
	Name string `path:"name" minLength:"1" doc:"The flag's name. Write / as %2F, and so on."`
}

type getInput struct {
	NameInput
	IfNoneMatch string `header:"If-None-Match" doc:"The ETag of what the caller has: if that is still current, the answer is 304."`
}

type flagOutput struct {
	Status int
	ETag   string `header:"ETag"`
	Body   *Flag
}

func newOutput(f *store.Flag) *flagOutput {
	shown := newFlag(f)
	return &flagOutput{Status: http.StatusOK, ETag: etag(f.Revision), Body: &shown}
}

type listInput struct {
	EnvironmentInput
	Search string `query:"search" doc:"Part of the name, or of the owner or description in the client data; case does not matter."`
	Cursor string `query:"cursor" doc:"Where to go on: next_cursor of the page before."`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"How many flags to return at most."`
}

type listOutput struct{ Body FlagList }

// A FlagList is a page of flags.
type FlagList struct {
	Flags      []Flag `json:"flags" nullable:"false" doc:"Sorted by name."`
	NextCursor string `json:"next_cursor,omitempty" doc:"Where the next page begins. It is missing on the last one."`
}

func (s *service) registerFlags() {
	register(s, operation("list-flags", http.MethodGet, root, token.Read, "List flags"), s.listFlags)
	register(s, operation("get-flag", http.MethodGet, root+"/{name}", token.Read, "Get a flag"), s.getFlag)
}

func (s *service) environment(ctx context.Context, in EnvironmentInput) (*environment.Environment, error) {
	return callOf(ctx).Environment(in.Environment)
}

func (s *service) getFlag(ctx context.Context, in *getInput) (*flagOutput, error) {
	env, err := s.environment(ctx, in.EnvironmentInput)
	if err != nil {
		return nil, err
	}
	f, err := env.Client().Get(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	if names(in.IfNoneMatch, f) {
		return &flagOutput{Status: http.StatusNotModified, ETag: etag(f.Revision)}, nil
	}
	out := newOutput(f)
	if err := unleash.Supported(ctx, env, f); err != nil {
		out.Body.Unleash = unleash.Reason(err)
	}
	return out, nil
}

func (s *service) listFlags(ctx context.Context, in *listInput) (*listOutput, error) {
	env, err := s.environment(ctx, in.EnvironmentInput)
	if err != nil {
		return nil, err
	}
	after, err := base64.RawURLEncoding.DecodeString(in.Cursor)
	if err != nil {
		return nil, fmt.Errorf("%w cursor: it is not one of this server: leave it out, or send next_cursor of a page", store.ErrInvalid)
	}
	page := FlagList{Flags: []Flag{}}
	search := strings.ToLower(in.Search)
	for f, err := range env.Client().List(ctx) {
		var shown Flag
		unreadable, ok := errors.AsType[*store.UnreadableError](err)
		switch {
		case ok:
			shown = Flag{Name: unreadable.Name, Error: unreadable.Error(), State: "unreadable"}
		case err != nil:
			return nil, err
		case f.Name <= string(after) && in.Cursor != "", !found(f, search):
			continue
		default:
			shown = newFlag(f)
		}
		if ok && (shown.Name <= string(after) && in.Cursor != "" || !strings.Contains(strings.ToLower(shown.Name), search)) {
			continue
		}
		if len(page.Flags) == cmp.Or(in.Limit, 100) {
			page.NextCursor = base64.RawURLEncoding.EncodeToString([]byte(page.Flags[len(page.Flags)-1].Name))
			break
		}
		page.Flags = append(page.Flags, shown)
	}
	return &listOutput{page}, nil
}

// found reports whether a flag is what somebody searches for.
func found(f *store.Flag, search string) bool {
	if search == "" || strings.Contains(strings.ToLower(f.Name), search) {
		return true
	}
	fields, err := targeting.SplitObject(f.ClientData)
	if err != nil {
		return false
	}
	for _, name := range []string{"owner", "description"} {
		text, _ := targeting.FieldValue(fields, name, targeting.Null()).AsText()
		if strings.Contains(strings.ToLower(text), search) {
			return true
		}
	}
	return false
}
