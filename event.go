// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipper

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/flipper-go/flipper/targeting/carta"
	"github.com/flipper-go/flipper/targeting/rules"
)

// An EventType says what a client is about to change, or has changed. The values
// are the Python client's.
type EventType string

// The events. A pre event comes after the check that the flag exists and before
// the write, a post event after the write.
const (
	PreCreate         EventType = "pre_create"
	PostCreate        EventType = "post_create"
	PreEnable         EventType = "pre_enable"
	PostEnable        EventType = "post_enable"
	PreDisable        EventType = "pre_disable"
	PostDisable       EventType = "post_disable"
	PreDestroy        EventType = "pre_destroy"
	PostDestroy       EventType = "post_destroy"
	PreAddCondition   EventType = "pre_add_condition"
	PostAddCondition  EventType = "post_add_condition"
	PreSetConditions  EventType = "pre_set_conditions"
	PostSetConditions EventType = "post_set_conditions"
	PreSetClientData  EventType = "pre_set_client_data"
	PostSetClientData EventType = "post_set_client_data"
	PreSetBucketer    EventType = "pre_set_bucketer"
	PostSetBucketer   EventType = "post_set_bucketer"
	PreSetRules       EventType = "pre_set_rules" // Python clients know no rules
	PostSetRules      EventType = "post_set_rules"
)

// post returns the post event that belongs to a pre event.
func (t EventType) post() EventType {
	return "post_" + EventType(strings.TrimPrefix(string(t), "pre_"))
}

func (t EventType) isPost() bool { return strings.HasPrefix(string(t), "post_") }

// An Event is one change of a flag by this client. Handlers must not modify it.
type Event struct {
	Type EventType
	Name string // the flag's

	// Enabled is set by create, enable and disable.
	Enabled bool
	// ClientData is the new flag's for create, and the merged data for
	// set_client_data.
	ClientData map[string]any
	// Conditions are those of create and set_conditions, or the one that is added.
	Conditions []carta.Condition
	// Bucketer is set by create and set_bucketer.
	Bucketer carta.Bucketer
	// Rules are set by create and set_rules; nil if there are none.
	Rules *rules.Definition
}

// invalid says why what the event is about cannot be stored.
func (e Event) invalid() error {
	for i, condition := range e.Conditions {
		if err := condition.Err(); err != nil {
			return fmt.Errorf("condition %d: %w", i, err)
		}
	}
	return e.Bucketer.Err()
}

// A Handler is called for an event, in the goroutine that makes the change. Its error
// stops the change and is returned to the caller. After a pre event nothing has been
// written. After a post event the change has been made, and the error matches
// [ErrAfterChange].
type Handler func(ctx context.Context, event Event) error

// A Subscriber handles all events, as a [Handler] handles those of one type.
type Subscriber interface {
	HandleEvent(ctx context.Context, event Event) error
}

// ErrAfterChange says that a change was made, and a handler of its post event failed.
var ErrAfterChange = errors.New("the change was made, but a handler failed")

// Events is a registry of handlers. They run in the order in which they were
// registered. It is safe for concurrent use. The zero value is ready to use.
type Events struct {
	mu       sync.Mutex // held while handlers is replaced
	handlers atomic.Pointer[[]*registration]

	of    *Events // those of whom these are a draft, nil if they are none
	later []Event // of a draft: post events, to be told when it is stored
}

type registration struct {
	event   EventType // empty: all
	handler Handler
}

// On registers a handler for one type of event, and returns a function that removes the
// handler.
func (e *Events) On(event EventType, handler Handler) (remove func()) {
	return e.register(&registration{event, handler})
}

// Subscribe registers a subscriber for all events, and returns a function that removes
// the subscriber.
func (e *Events) Subscribe(s Subscriber) (remove func()) {
	return e.register(&registration{"", s.HandleEvent})
}

func (e *Events) register(r *registration) (remove func()) {
	e.replace(func(all []*registration) []*registration { return append(all, r) })
	return func() {
		e.replace(func(all []*registration) []*registration {
			return slices.DeleteFunc(all, func(other *registration) bool { return other == r })
		})
	}
}

func (e *Events) replace(change func([]*registration) []*registration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := change(slices.Clone(e.load()))
	e.handlers.Store(&all)
}

func (e *Events) load() []*registration {
	if all := e.handlers.Load(); all != nil {
		return *all
	}
	return nil
}

// handles reports whether anyone is to be told of a type of event.
func (e *Events) handles(event EventType) bool {
	if e.of != nil {
		return e.of.handles(event)
	}
	return slices.ContainsFunc(e.load(), func(r *registration) bool { return r.event == "" || r.event == event })
}

func (e *Events) emit(ctx context.Context, event Event) error {
	if e.of != nil {
		if event.Type.isPost() {
			e.later = append(e.later, event)
			return nil
		}
		return e.of.emit(ctx, event)
	}
	for _, r := range e.load() {
		if r.event != "" && r.event != event.Type {
			continue
		}
		if err := r.handler(ctx, event); err != nil {
			if event.Type.isPost() {
				return fmt.Errorf("%w: %s: %w", ErrAfterChange, event.Type, err)
			}
			return fmt.Errorf("stopped by a handler of %s: %w", event.Type, err)
		}
	}
	return nil
}
