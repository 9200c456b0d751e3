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
// It carries attrs too, as that of [WithAttrs] does; the two together are one
// allocation.
//
// If ctx is such a context already and there are no attributes, it is returned as
// it is.
func WithPinnedFlags(ctx context.Context, attrs ...Attr) context.Context {
	outer := scopeOf(ctx)
	noteScope()
	switch {
	case outer.pins != nil:
		return WithAttrs(ctx, attrs...)
	case len(outer.attrs)+len(attrs) == 0:
		var made struct {
			scope scope
			pins  pins
		}
		made.pins.time = time.Now()
		made.scope = scope{ctx, nil, &made.pins}
		return &made.scope
	}
	var made struct {
		scope scope
		pins  pins
		space [4]Attr
	}
	made.pins.time = time.Now()
	made.scope = scope{ctx, mergeInto(made.space[:0], outer.attrs, attrs), &made.pins}
	return &made.scope
}

// pins are the flags that were asked through a context.
type pins struct {
	mu    sync.Mutex
	time  time.Time // when the context was made, for ramps
	first pin       // most requests ask for one flag
	more  map[pinKey]*pin
}

type pinKey struct {
	client *FeatureFlagClient
	name   string
}

// A pin is immutable.
type pin struct {
	key    pinKey
	flag   *store.Flag
	err    error
	random float64 // what its bucketer draws
}

// get gives what is pinned under the key, or nil.
func (p *pins) get(key pinKey) *pin {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.find(key)
}

func (p *pins) find(key pinKey) *pin {
	if p.first.key == key {
		return &p.first
	}
	return p.more[key]
}

// add pins what was found. Somebody may have been faster, and have answered
// already: then it gives theirs.
func (p *pins) add(key pinKey, f *store.Flag, err error) *pin {
	random := rand.Float64()
	p.mu.Lock()
	defer p.mu.Unlock()
	if pinned := p.find(key); pinned != nil {
		return pinned
	}
	pinned := &p.first
	if p.first.key.client != nil {
		pinned = new(pin)
		if p.more == nil {
			p.more = make(map[pinKey]*pin)
		}
		p.more[key] = pinned
	}
	*pinned = pin{key, f, err, random}
	return pinned
}
