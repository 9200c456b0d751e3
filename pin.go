// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipper

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/flipper-go/flipper/store"
)

// WithPinnedFlags gives a context through which a flag keeps the state that it
// had when it was first asked: it gives one answer for the same attributes, even
// if it is changed, or cannot be had any more, or its bucketer draws random
// numbers, or its ramp rises. The middleware gives every request such a context.
//
// If ctx is such a context already, it is returned as it is.
func WithPinnedFlags(ctx context.Context) context.Context {
	s := scopeOf(ctx)
	if s.pins != nil {
		return ctx
	}
	var pinned struct { // one allocation
		scope scope
		pins  pins
	}
	pinned.pins.time = time.Now()
	pinned.scope = scope{ctx, s.attrs, &pinned.pins}
	return &pinned.scope
}

// pins are the flags that were asked through a context.
type pins struct {
	time  time.Time
	mu    sync.Mutex
	flags map[pinKey]*pin
}

type pinKey struct {
	client *FeatureFlagClient
	name   string
}

// A pin is immutable.
type pin struct {
	flag   *store.Flag
	err    error
	random func() float64 // always the same; kept, so that asking again does not allocate
}

// get gives what is pinned under the key, or pins what find finds.
func (p *pins) get(key pinKey, find func() (f *store.Flag, lasting bool, err error)) *pin {
	if pinned := p.peek(key); pinned != nil {
		return pinned
	}
	// The store is asked without the lock, so that a slow flag delays no other.
	random := rand.Float64()
	found := &pin{random: func() float64 { return random }}
	var lasting bool
	found.flag, lasting, found.err = find()
	if !lasting {
		return found
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if pinned := p.flags[key]; pinned != nil {
		return pinned // somebody was faster, and may have answered already
	}
	if p.flags == nil {
		p.flags = make(map[pinKey]*pin)
	}
	p.flags[key] = found
	return found
}

func (p *pins) peek(key pinKey) *pin {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.flags[key]
}
