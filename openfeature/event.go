// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipperopenfeature

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/open-feature/go-sdk/openfeature"

	"github.com/flipper-go/flipper/store"
)

const (
	// settling is how long events wait after Init. The SDK makes one of its own when
	// Init has returned, and what comes before that is overwritten by it.
	settling = 250 * time.Millisecond

	// judging is how often a store that knows how old its flags are is asked, because
	// it need not tell when it could not read them.
	judging = time.Second

	// maxNames bounds the names that are kept while nobody listens; beyond it, an
	// event has none, which stands for any flag.
	maxNames = 10_000
)

// A state is what events say about the provider as a whole.
type state int

const (
	stateUnknown state = iota
	stateReady
	stateStale
	stateError
	stateFatal
)

// A reporter keeps what there is to tell until it is told.
type reporter struct {
	events chan<- openfeature.Event
	wake   chan struct{} // capacity 1: a token if there may be something to tell

	mu          sync.Mutex
	initialized bool      // Init has returned, so that the SDK takes events seriously
	settled     time.Time // when what the SDK tells by itself is told
	now, told   state
	cause       error
	names       map[string]struct{} // changed, and not offered yet
	offered     map[string]struct{} // changed, and in the event that is being sent
	tooMany     bool                // names were dropped
	held        bool                // more names are coming
}

func (r *reporter) init(events chan<- openfeature.Event) {
	r.events = events
	r.wake = make(chan struct{}, 1)
	r.names = make(map[string]struct{})
	r.offered = make(map[string]struct{})
}

func (r *reporter) signal() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// sdkTells notes what the SDK tells when Init returns.
func (r *reporter) sdkTells(s state) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.initialized, r.told, r.settled = true, s, time.Now().Add(settling)
	r.signal()
}

// state notes how the provider is, and why. From a fatal state there is no return.
func (r *reporter) state(s state, cause error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.now == stateFatal {
		return
	}
	r.now, r.cause = s, cause
	r.signal()
}

// changed notes a flag that changed.
func (r *reporter) changed(flag string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.names)+len(r.offered) >= maxNames {
		r.tooMany = true
		clear(r.names)
	}
	r.names[flag] = struct{}{}
	r.signal()
}

// hold says that flags are being read: what changed becomes one event, once
// release says that all of them were.
func (r *reporter) hold() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held = true
}

func (r *reporter) release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held = false
	r.signal()
}

// next returns the event to send, if there is one, or when to ask again.
func (r *reporter) next() (event openfeature.Event, ok bool, wait time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.initialized {
		return event, false, 0
	}
	if wait = time.Until(r.settled); wait > 0 {
		return event, false, wait
	}
	event.ProviderName = providerName
	if r.now != stateUnknown && r.now != r.told {
		r.describe(&event)
		return event, true, 0
	}
	if !r.held {
		maps.Copy(r.offered, r.names)
		clear(r.names)
	}
	if len(r.offered) == 0 {
		return event, false, 0
	}
	event.EventType = openfeature.ProviderConfigChange
	event.Message = "flags were changed"
	if !r.tooMany {
		event.FlagChanges = slices.Sorted(maps.Keys(r.offered))
	}
	return event, true, 0
}

func (r *reporter) describe(event *openfeature.Event) {
	switch r.now {
	case stateReady:
		event.EventType = openfeature.ProviderReady
		event.Message = "flags are current"
	case stateStale:
		event.EventType = openfeature.ProviderStale
		event.Message = fmt.Sprintf("flags may be old: %v", r.cause)
	case stateFatal:
		event.EventType = openfeature.ProviderError
		event.ErrorCode = openfeature.ProviderFatalCode
		event.Message = r.cause.Error()
	}
}

// sent notes that an event of next was taken.
func (r *reporter) sent(event openfeature.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch event.EventType {
	case openfeature.ProviderConfigChange:
		clear(r.offered)
		r.tooMany = false
	case openfeature.ProviderReady:
		r.told = stateReady
	case openfeature.ProviderStale:
		r.told = stateStale
	case openfeature.ProviderError:
		r.told = stateFatal
	}
}

// report sends events until Shutdown.
func (f *follower) report() {
	var ticks <-chan time.Time
	if _, ok := f.provider.store.(store.Dated); ok {
		ticker := time.NewTicker(judging)
		defer ticker.Stop()
		ticks = ticker.C
	}
	r := &f.reporter
	for {
		event, ok, wait := r.next()
		var events chan<- openfeature.Event
		if ok {
			events = r.events
		}
		var later <-chan time.Time
		if wait > 0 {
			later = time.After(wait)
		}
		select {
		case <-f.ctx.Done():
			return
		case events <- event:
			r.sent(event)
		case <-r.wake:
		case <-later:
		case <-ticks:
			f.judge()
		}
	}
}
