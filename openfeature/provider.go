// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipperopenfeature

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/open-feature/go-sdk/openfeature"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/store"
)

// providerName is what the provider is called in OpenFeature's metadata.
const providerName = "flipper"

// A Provider answers OpenFeature's evaluations from a flag client. Make it with
// [NewProvider]. It is safe for concurrent use.
//
// It can be asked before Init and after Shutdown; between the two it also emits
// events. It may be initialised again after it was shut down.
type Provider struct {
	client       *flipper.FeatureFlagClient
	store        store.Store
	peeker       store.Peeker // the store, if it is one
	hooks        []openfeature.Hook
	track        TrackFunc
	targetingKey string
	initTimeout  time.Duration
	noMetadata   bool
	metadata     metadataCache

	strings handles[string]
	ints    handles[int64]
	floats  handles[float64]
	objects handles[objectOrList]

	events  chan openfeature.Event // never closed: the SDK may listen again
	reached atomic.Bool            // flags could be read once

	mu       sync.Mutex
	follower *follower // nil unless initialised
}

var (
	_ openfeature.FeatureProvider          = (*Provider)(nil)
	_ openfeature.ContextAwareStateHandler = (*Provider)(nil)
	_ openfeature.EventHandler             = (*Provider)(nil)
	_ openfeature.Tracker                  = (*Provider)(nil)
)

// NewProvider makes a provider of a client's flags. It neither dials nor starts
// anything; the SDK initialises it. The client and its store stay the caller's,
// who closes the store after the provider was shut down.
func NewProvider(client *flipper.FeatureFlagClient, opts ...Option) *Provider {
	p := &Provider{
		client:       client,
		store:        client.Store(),
		targetingKey: DefaultTargetingKey,
		initTimeout:  DefaultInitTimeout,
		events:       make(chan openfeature.Event),
	}
	p.strings.declare = flipper.DeclareString
	p.ints.declare = flipper.DeclareInt
	p.floats.declare = flipper.DeclareFloat
	p.objects.declare = declareObject
	p.peeker, _ = p.store.(store.Peeker)
	for _, opt := range opts {
		opt(p)
	}
	return p
}

// Metadata returns the provider's name, "flipper".
func (p *Provider) Metadata() openfeature.Metadata { return openfeature.Metadata{Name: providerName} }

// Hooks returns the hooks of [WithHooks].
func (p *Provider) Hooks() []openfeature.Hook { return p.hooks }

// Track hands a tracking event to the function of [WithTracking].
func (p *Provider) Track(ctx context.Context, event string, evaluationContext openfeature.EvaluationContext, details openfeature.TrackingEventDetails) {
	if p.track != nil {
		p.track(ctx, event, evaluationContext, details)
	}
}
