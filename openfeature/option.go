// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipperopenfeature

import (
	"context"
	"slices"
	"time"

	"github.com/open-feature/go-sdk/openfeature"
)

// DefaultInitTimeout is how long Init waits for flags, unless [WithInitTimeout]
// says otherwise.
const DefaultInitTimeout = 10 * time.Second

// An Option changes what [NewProvider] makes.
type Option func(*Provider)

// DefaultTargetingKey is the attribute that OpenFeature's targeting key becomes, beside
// targetingKey, unless [WithTargetingKey] says otherwise.
const DefaultTargetingKey = "user_id"

// WithTargetingKey names the attribute that OpenFeature's targeting key becomes, beside
// the one that is called targetingKey: the attribute that rules and splits name. If the
// evaluation context or the Go context has an attribute of that name, that one counts.
// With "" there is only targetingKey. The default is [DefaultTargetingKey].
func WithTargetingKey(name string) Option { return func(p *Provider) { p.targetingKey = name } }

// WithInitTimeout sets how long Init waits for flags, even if its context allows
// more. The default is [DefaultInitTimeout]; 0 leaves it to the context.
func WithInitTimeout(timeout time.Duration) Option {
	return func(p *Provider) { p.initTimeout = timeout }
}

// WithHooks adds OpenFeature hooks that run for evaluations of this provider, after
// those of the API, the client and the call. By default there are none.
func WithHooks(hooks ...openfeature.Hook) Option {
	hooks = slices.Clone(hooks)
	return func(p *Provider) { p.hooks = append(p.hooks, hooks...) }
}

// A TrackFunc takes tracking events. It is called in the goroutine of whoever
// tracks, so it should be quick, and must be safe for concurrent use.
type TrackFunc func(ctx context.Context, event string, evaluationContext openfeature.EvaluationContext, details openfeature.TrackingEventDetails)

// WithTracking sets who takes tracking events. By default they are dropped: Flipper
// has no use for them.
func WithTracking(track TrackFunc) Option { return func(p *Provider) { p.track = track } }

// WithoutMetadata leaves out flag metadata. By default evaluations carry the scalars of
// the flag's client data, and the rule that decided. A store that asks a server for each flag, such
// as one of package redis with no mirror or cache around it, is asked twice for that.
func WithoutMetadata() Option { return func(p *Provider) { p.noMetadata = true } }
