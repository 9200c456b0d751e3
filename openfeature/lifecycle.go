// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipperopenfeature

import (
	"context"
	"errors"
	"fmt"

	"github.com/open-feature/go-sdk/openfeature"

	"github.com/flipper-go/flipper/store"
)

// Init is [Provider.InitWithContext] without a context.
func (p *Provider) Init(evaluationContext openfeature.EvaluationContext) error {
	return p.InitWithContext(context.Background(), evaluationContext)
}

// InitWithContext waits until flags can be read, and begins to follow them. The SDK
// calls it. The context bounds the wait, as [WithInitTimeout] does, and nothing else.
//
// The error is an [*openfeature.ProviderInitError], whose code is
// PROVIDER_NOT_READY if there were no flags in time, and PROVIDER_FATAL if the store
// is closed. If there were no flags in time, the provider goes on trying, and emits
// PROVIDER_READY once there are. It is idempotent.
//
// Nothing begins, so that there is nothing to shut down, if the context has ended
// already, or if the store is closed. The SDK calls it in the background, maybe not
// before Shutdown: who sets a provider without waiting for it gives a context, and
// ends that before Shutdown.
func (p *Provider) InitWithContext(ctx context.Context, _ openfeature.EvaluationContext) error {
	f, err := p.follow(ctx)
	if err != nil {
		return notReady(err)
	}
	if p.initTimeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, p.initTimeout)
		defer cancel()
	}
	err = f.waitReady(ctx)
	f.initialized(err)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, store.ErrClosed):
		p.abandon(f)
		return &openfeature.ProviderInitError{ErrorCode: openfeature.ProviderFatalCode, Message: err.Error()}
	}
	return notReady(err)
}

func notReady(err error) error {
	return &openfeature.ProviderInitError{ErrorCode: openfeature.ProviderNotReadyCode, Message: fmt.Sprintf("no flags yet: %v", err)}
}

// Shutdown is [Provider.ShutdownWithContext] without a context.
func (p *Provider) Shutdown() { _ = p.ShutdownWithContext(context.Background()) }

// ShutdownWithContext ends what Init began, and waits for that; the error is that of
// the context. It closes neither the client nor its store, and evaluations still
// work. It is idempotent, and Init may follow it.
func (p *Provider) ShutdownWithContext(ctx context.Context) error {
	p.mu.Lock()
	f := p.follower
	p.follower = nil
	p.mu.Unlock()
	if f == nil {
		return nil
	}
	f.cancel()
	select {
	case <-f.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// EventChannel returns the channel through which the SDK gets events. It is always the
// same one, and never closed. Events that nobody takes are merged, and delay nobody.
func (p *Provider) EventChannel() <-chan openfeature.Event { return p.events }

// follow returns the follower, which it starts if there is none, or if the store was
// closed under it. The error is that of the context. The context is asked under the
// lock, so that of an end followed by Shutdown none is missed: either nothing starts,
// or Shutdown finds it.
func (p *Provider) follow(ctx context.Context) (*follower, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if p.follower == nil || p.follower.isOver() {
		if p.follower != nil {
			p.follower.cancel()
		}
		p.follower = startFollower(p)
	}
	return p.follower, nil
}

// abandon ends a follower whose store is closed, and waits for that. There is nothing
// left to tell: the SDK tells how Init ends.
func (p *Provider) abandon(f *follower) {
	p.mu.Lock()
	if p.follower == f {
		p.follower = nil
	}
	p.mu.Unlock()
	f.cancel()
	<-f.done
}
