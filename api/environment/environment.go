// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package environment holds the environments that the HTTP API serves, and the one
// question that all its protocols put: what do flags serve for this subject, in this
// context.
package environment

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
)

var (
	// ErrUnknown says that no environment has the name that was asked for.
	ErrUnknown = errors.New("there is no such environment")

	// ErrUnnamed says that a call has to name an environment, because there are several.
	ErrUnnamed = errors.New("the environment is missing")
)

// DefaultTargetingKey is the attribute that identifies the subject of a question,
// unless [WithTargetingKey] names another.
const DefaultTargetingKey = "user_id"

// An Environment is a set of flags, such as that of production, and how they are
// asked. It is safe for concurrent use.
type Environment struct {
	name         string
	client       *flipper.FeatureFlagClient
	targetingKey string
	revisions    revisions
	feed         *Feed
}

// An Option changes what [New] makes.
type Option func(*Environment)

// WithTargetingKey sets the attribute that identifies the subject of a question, beside
// the name under which the protocol knows it. The default is [DefaultTargetingKey].
func WithTargetingKey(attribute string) Option {
	return func(e *Environment) { e.targetingKey = attribute }
}

// New makes an environment of the flags of a client. Its store answers from memory, or
// the error matches [store.ErrInvalid]: a check is never a question to a server. An
// environment without a name answers calls for any. Close it when it is no longer needed.
func New(name string, client *flipper.FeatureFlagClient, opts ...Option) (*Environment, error) {
	if _, ok := client.Store().(store.Peeker); !ok {
		return nil, fmt.Errorf("%w environment %q: a %T asks a server for each flag: put package mirror around it", store.ErrInvalid, name, client.Store())
	}
	e := &Environment{name: name, client: client, targetingKey: DefaultTargetingKey, feed: newFeed(client.Store())}
	for _, opt := range opts {
		opt(e)
	}
	return e, nil
}

// Name returns the environment's name. It may be empty.
func (e *Environment) Name() string { return e.name }

// TargetingKey returns the attribute that identifies the subject of a question.
func (e *Environment) TargetingKey() string { return e.targetingKey }

// Client returns the client, for what is not a question, such as changes of flags.
func (e *Environment) Client() *flipper.FeatureFlagClient { return e.client }

// Changes returns the feed of changes of the environment's flags.
func (e *Environment) Changes() *Feed { return e.feed }

// Done returns a channel that is closed when the environment is: whatever streams what
// becomes of its flags ends then.
func (e *Environment) Done() <-chan struct{} { return e.feed.ctx.Done() }

// Close ends the feed of changes, so that its readers end. It closes neither the client
// nor its store. It is idempotent, and returns nil.
func (e *Environment) Close() error {
	e.feed.close()
	return nil
}

// A Question is for whom flags are evaluated.
type Question struct {
	// Subject names what a protocol calls its subject, such as targetingKey, and ID is
	// who that is. Null stands for nobody.
	Subject string
	ID      targeting.Value
	// Context are the attributes that came with the call.
	Context []flipper.Attr
}

// attributes returns those of a question. The subject arrives under its own name, and
// as the targeting key, so that one user is one user through every door; what the
// context says itself stands.
func (e *Environment) attributes(q Question) []flipper.Attr {
	if q.ID.Kind() == targeting.KindNull {
		return q.Context
	}
	attrs := slices.Clip(q.Context)
	for _, name := range []string{q.Subject, e.targetingKey} {
		if !slices.ContainsFunc(attrs, func(a flipper.Attr) bool { return a.Name == name }) {
			attrs = append(attrs, flipper.Value(name, q.ID))
		}
	}
	return attrs
}

// Evaluate answers a question about one flag.
func (e *Environment) Evaluate(ctx context.Context, flag string, q Question) flipper.Evaluation {
	return e.client.Evaluate(ctx, flag, e.attributes(q)...)
}

// EvaluateNames answers a question about several flags, in the order of their names.
func (e *Environment) EvaluateNames(ctx context.Context, flags []string, q Question) []flipper.Evaluation {
	return e.client.EvaluateNames(ctx, flags, e.attributes(q)...)
}

// EvaluateAll answers a question about all flags.
func (e *Environment) EvaluateAll(ctx context.Context, q Question) (map[string]flipper.Evaluation, error) {
	return e.client.EvaluateAll(ctx, e.attributes(q)...)
}

// Environments are those that one server serves.
type Environments []*Environment

// NewEnvironments checks that each has a name of its own; a single one needs none.
func NewEnvironments(all ...*Environment) (Environments, error) {
	if len(all) == 0 {
		return nil, fmt.Errorf("%w: there are no environments", store.ErrInvalid)
	}
	for i, e := range all {
		if e.name == "" && len(all) > 1 {
			return nil, fmt.Errorf("%w: each of several environments needs a name", store.ErrInvalid)
		}
		if slices.ContainsFunc(all[:i], func(other *Environment) bool { return other.name == e.name }) {
			return nil, fmt.Errorf("%w: two environments are called %q", store.ErrInvalid, e.name)
		}
	}
	return slices.Clone(all), nil
}

// Names returns the names of the environments.
func (all Environments) Names() []string {
	names := make([]string, len(all))
	for i, e := range all {
		names[i] = e.name
	}
	return names
}

// Find returns the environment of a name. A single one without a name answers to any.
// The empty name is that of a call that names none: it stands for the only environment,
// or the error matches [ErrUnnamed]. Otherwise the error matches [ErrUnknown].
func (all Environments) Find(name string) (*Environment, error) {
	if len(all) == 1 && (all[0].name == "" || name == "") {
		return all[0], nil
	}
	if name == "" {
		return nil, fmt.Errorf("%w: name one of %s", ErrUnnamed, strings.Join(all.Names(), ", "))
	}
	for _, e := range all {
		if e.name == name {
			return e, nil
		}
	}
	return nil, fmt.Errorf("%w: name one of %s", ErrUnknown, strings.Join(all.Names(), ", "))
}
