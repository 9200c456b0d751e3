// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipper

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
)

// WithPinnedFlags returns a context through which a flag keeps the state that it
// had when it was first asked: it has one answer for the same attributes, even
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

// pins are the flags that were asked through a context, in the order in which they
// were asked first.
type pins struct {
	time    time.Time // when the context was made, for ramps
	waiting waiting   // for stores that have to be asked

	mu    sync.Mutex
	count int
	first pin // most requests ask for one flag
	more  []*[pinsPerPage]pin
	index map[pinKey]*pin // once they are many

	// A request that asks for several flags with the attributes of one scope is
	// kept, because it remembers what the flags have in common.
	request *targeting.Request
	scope   *scope // whose attributes request has
}

const (
	pinsPerPage = 8
	// maxSearched is how many pins are searched one by one.
	maxSearched = 32
)

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

// get returns what is pinned under the key, or nil.
func (p *pins) get(key pinKey) *pin {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.find(key)
}

// add pins what was found. Somebody may have been faster, and have answered
// already: then it returns theirs.
func (p *pins) add(key pinKey, f *store.Flag, err error) *pin {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.findOrAppend(key, f, err)
}

// evaluate evaluates a pinned flag for the attributes of a scope and of the call.
// If it is not pinned yet, what was found becomes its pin.
func (p *pins) evaluate(ctx context.Context, key pinKey, f *store.Flag, err error, s *scope, required *requirements, attrs []Attr) (*targeting.Decision, error) {
	p.mu.Lock()
	pinned := p.findOrAppend(key, f, err)
	if required != nil && pinned.err == nil && pinned.flag.Enabled {
		if err := required.check(attrs, s.attrs); err != nil {
			p.mu.Unlock()
			return &noDecision, err // which is about this call, so it is not pinned
		}
	}
	switch {
	case pinned.err != nil:
		p.mu.Unlock()
		return &noDecision, pinned.err
	case isPlain(pinned.flag):
		p.mu.Unlock()
		return plainDecision(pinned.flag), nil
	case pinned.flag.Rules().Asks() != nil:
		p.mu.Unlock() // the flags that it asks are pinned too
		r := targeting.Request{Attrs: attrs, Inherited: s.attrs, Time: p.time, Random: pinned.random, Drawn: true}
		return p.evaluateAsking(ctx, key.client, pinned.flag, &r)
	}
	defer p.mu.Unlock()
	if p.count == 1 || len(attrs) > 0 {
		r := targeting.Request{Attrs: attrs, Inherited: s.attrs, Time: p.time, Random: pinned.random, Drawn: true}
		return pinned.flag.Decide(&r, nil)
	}
	if p.scope != s {
		p.request, p.scope = &targeting.Request{Inherited: s.attrs, Time: p.time, Drawn: true}, s
	}
	p.request.Random = pinned.random
	return pinned.flag.Decide(p.request, nil)
}

// find returns the pin of a key, or nil. The caller holds p.mu, as that of the
// methods below does.
func (p *pins) find(key pinKey) *pin {
	if p.index != nil {
		return p.index[key]
	}
	for i := range p.count {
		if pinned := p.at(i); pinned.key == key {
			return pinned
		}
	}
	return nil
}

func (p *pins) at(i int) *pin {
	if i == 0 {
		return &p.first
	}
	i--
	return &p.more[i/pinsPerPage][i%pinsPerPage]
}

func (p *pins) findOrAppend(key pinKey, f *store.Flag, err error) *pin {
	if pinned := p.find(key); pinned != nil {
		return pinned
	}
	if p.count > 0 && (p.count-1)%pinsPerPage == 0 {
		p.more = append(p.more, new([pinsPerPage]pin))
	}
	pinned := p.at(p.count)
	*pinned = pin{key, f, err, rand.Float64()}
	p.count++
	switch {
	case p.index != nil:
		p.index[key] = pinned
	case p.count > maxSearched:
		p.index = make(map[pinKey]*pin, 2*maxSearched)
		for i := range p.count {
			p.index[p.at(i).key] = p.at(i)
		}
	}
	return pinned
}
