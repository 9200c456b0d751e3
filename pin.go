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
	return context.WithValue(ctx, scopeKey{}, &scope{s.attrs, &pins{time: time.Now()}})
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
	random float64
}

// get gives what is pinned under the key, or pins what find finds.
func (p *pins) get(key pinKey, find func() (f *store.Flag, lasting bool, err error)) *pin {
	if pinned := p.peek(key); pinned != nil {
		return pinned
	}
	// The store is asked without the lock, so that a slow flag delays no other.
	found := &pin{random: rand.Float64()}
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
