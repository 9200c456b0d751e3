// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipper

import (
	"context"
	"sync"

	"github.com/flipper-go/flipper/internal/snapshot"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/rules"
)

// evaluateAsking evaluates a flag whose rules ask other flags. If the store answers
// from a snapshot, all are of one state of it.
func (c *FeatureFlagClient) evaluateAsking(ctx context.Context, f *store.Flag, r *targeting.Request) (*targeting.Decision, error) {
	if c.flags == nil {
		return f.Decide(r, &storedFlags{c, ctx})
	}
	view := c.flags.Load()
	if now := view.Find(f.Name); now != nil {
		f = now
	}
	return f.Decide(r, viewFlags{view})
}

// viewFlags are the flags of one state of a store.
type viewFlags struct{ view snapshot.View }

// Target implements [rules.Flags].
func (v viewFlags) Target(name string) (t rules.Target, err error) {
	f := v.view.Find(name)
	if f == nil {
		f, err = v.view.Get(name)
		if err != nil {
			return t, err
		}
	}
	return f.Target(), nil
}

// storedFlags are the flags of a store that has to be asked for each.
type storedFlags struct {
	client *FeatureFlagClient
	ctx    context.Context
}

// Target implements [rules.Flags].
func (s *storedFlags) Target(name string) (rules.Target, error) {
	f := s.client.peek(name)
	if f == nil {
		var err error
		if f, err = s.client.find(s.ctx, name); err != nil {
			return rules.Target{}, err
		}
	}
	return f.Target(), nil
}

// pinnedFlags are flags as they are pinned. One that is not yet becomes so.
type pinnedFlags struct {
	client *FeatureFlagClient
	ctx    context.Context
	pins   *pins
}

// pinnedFlagsPool keeps those that are not in use, because an interface keeps its value
// on the heap.
var pinnedFlagsPool = sync.Pool{New: func() any { return new(pinnedFlags) }}

// evaluateAsking evaluates a flag whose conditions ask others, which are pinned too.
func (p *pins) evaluateAsking(ctx context.Context, c *FeatureFlagClient, f *store.Flag, r *targeting.Request) (*targeting.Decision, error) {
	flags := pinnedFlagsPool.Get().(*pinnedFlags)
	*flags = pinnedFlags{c, ctx, p}
	d, err := f.Decide(r, flags)
	*flags = pinnedFlags{}
	pinnedFlagsPool.Put(flags)
	return d, err
}

// Target implements [rules.Flags].
func (p *pinnedFlags) Target(name string) (rules.Target, error) {
	key := pinKey{p.client, name}
	pinned := p.pins.get(key)
	if pinned == nil {
		f := p.client.peek(name)
		var err error
		if f == nil {
			f, err = p.client.find(p.ctx, name)
			if err != nil && p.ctx.Err() != nil {
				return rules.Target{}, err // that one caller gave up says nothing about the flag
			}
		}
		pinned = p.pins.add(key, f, err)
	}
	if pinned.err != nil {
		return rules.Target{}, pinned.err
	}
	t := pinned.flag.Target()
	t.Random, t.Drawn = pinned.random, true
	return t, nil
}

// listedFlags are the flags of a list.
type listedFlags map[string]*store.Flag

// Target implements [rules.Flags].
func (l listedFlags) Target(name string) (rules.Target, error) {
	f, ok := l[name]
	switch {
	case !ok:
		return rules.Target{}, store.ErrNotFound
	case f == nil:
		return rules.Target{}, store.ErrUnreadable
	}
	return f.Target(), nil
}
