// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package flipper is a feature-flag client. It answers which flags are on for a
// request, and what they serve, and it manages the flags of any [store.Store].
//
//	features := flipper.New(memory.New())
//
//	checkout, err := features.Create(ctx, "NEW_CHECKOUT", flipper.WithEnabled(true))
//	...
//	err = checkout.AddRule(ctx, rules.Rule{
//		Name:  "staff",
//		If:    rules.All(rules.EndsWith("email", "@example.com")),
//		Serve: "on",
//	})
//	...
//	err = checkout.SetRollout(ctx, rules.Percent("user_id", 10, "on"))
//	...
//	if checkout.IsEnabled(ctx, flipper.Int("user_id", 42)) {
//		runNewCheckout()
//	}
//
// # Who gets a flag
//
// A flag that is not enabled is off for everyone. An enabled flag without rules is on
// for everyone. Otherwise the flag's rules are asked in order, and the first one that
// serves a variant decides. Where no rule decides, the flag serves its default. A
// request that lacks an attribute is never let in by a test on it. Package [rules] has
// the conditions, splits and ramps that rules are made of. See
// [FeatureFlagClient.AddRule], [FeatureFlagClient.SetRollout] and
// [FeatureFlagClient.CreateSegment].
//
// Requests are told apart by their attributes. Pass them with the call, or put them
// into the context once (see [WithAttrs]). Package middleware does that for net/http.
//
// A flag that is shared with Carta's Python package flipper-client has conditions and a
// bucketer instead of rules. On a shared store, or through the Thrift service, Go and
// Python services return the same answers for such a flag. Package [carta] makes both;
// [FeatureFlagClient.Convert] turns such a flag into one with rules.
//
// # Values
//
// A flag can serve text, numbers or objects as well as on and off: each of its variants
// has a value. [FeatureFlagClient.StringOr], [FeatureFlagClient.IntOr] and
// [FeatureFlagClient.FloatOr] return it, and [FeatureFlagClient.Evaluate] returns all
// that is known of an answer: the variant, its value, the reason and the rule.
// [ObjectOr] decodes an object into a type of the program's. [DeclareString] and its like
// declare flags that have values, with handles as fast as those of boolean flags.
//
// # Errors
//
// [FeatureFlagClient.IsEnabled] and the typed methods never fail. Where there is no
// answer they return the caller's default (false, for IsEnabled), and the cause is
// logged and passed to the handler of [WithErrorHandler]. Evaluate returns the cause in
// [Evaluation.Err] instead. All other methods return errors, which match the sentinels
// of package store, such as [store.ErrNotFound].
//
// # Changing flags
//
// Every change is made to the freshest state of the flag, by compare-and-set: if two
// clients change different parts of one flag at the same time, both succeed. A flag that
// somebody disables stays disabled, whatever else is being edited.
//
// # Which way to be told
//
// The client reports what happens in six ways:
//
//   - [FeatureFlagClient.Changes] yields every change of a flag, by whichever process.
//     Use it for what the program has to do when a flag changes.
//   - [Events] calls handlers before and after each change that this client makes. A
//     handler can veto the change. Use it for policies and audit logs.
//   - A [Hook] is called after each evaluation, without its attributes and without
//     allocating. Use it for metrics and traces.
//   - A [Recorder] gets a sample of the evaluations, with their attributes (see
//     [WithImpressions]). Use it for analysing experiments.
//   - The handler of [WithErrorHandler] is called for each evaluation that had no answer
//     and returned the caller's default. Use it for alerts.
//   - The logger of [WithLogger] gets the same causes, each at most once a minute. It
//     needs no setup.
//
// # Testing
//
// Package flippertest has a client whose answers a test decides, and a store that fails
// on demand.
package flipper

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"strings"
	"time"

	"github.com/flipper-go/flipper/internal/snapshot"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
	"github.com/flipper-go/flipper/targeting/rules"
)

// A FeatureFlagClient asks and manages the flags of a store. It is safe for
// concurrent use. It owns no goroutine and needs no Close; the store may.
type FeatureFlagClient struct {
	store     store.Store
	peeker    store.Peeker  // the store, if it is one
	dated     store.Dated   // likewise
	flags     *snapshot.Map // the flags that peeker answers from, if that is how it does
	timeout   time.Duration
	events    *Events
	observers *observers    // nil if there are none
	required  *requirements // likewise
	thorough  bool          // there is one of the two: the shortest ways are closed
	reports   reporter
	breaker   breaker

	declarations     []*declaration
	declaredDefaults map[string]targeting.Value // by name
	decoders         decoders                   // of ObjectOr
}

// DefaultTimeout is how long an evaluation waits for a store that has to ask a
// server, unless [WithTimeout] says otherwise.
const DefaultTimeout = time.Second

// An Option changes what [New] makes.
type Option func(*FeatureFlagClient)

// WithTimeout sets how long an evaluation waits for a store that has to ask a server,
// even if the context allows more. Then the evaluation answers with the caller's
// default. All evaluations through one context that pins flags, as the middleware makes
// it, wait no longer together.
//
// After a time-out, or after five failures in a row, the store is asked in the
// background, until it answers. Until then evaluations do not wait: what is not in memory
// gets the caller's default at once. That the store does not answer is logged once, and
// so is its return.
//
// The default is [DefaultTimeout]; 0 leaves it to the context, and the store is always
// asked.
func WithTimeout(timeout time.Duration) Option {
	return func(c *FeatureFlagClient) { c.timeout = timeout }
}

// WithLogger sets where the client logs that flags could not be evaluated, each
// cause at most once a minute. The default is [slog.Default].
func WithLogger(logger *slog.Logger) Option {
	return func(c *FeatureFlagClient) { c.reports.logger = logger }
}

// WithErrorHandler sets a function that is told of every evaluation that was
// answered with the caller's default, and why. It is called in the caller's
// goroutine, so it must be quick, and safe for concurrent use.
func WithErrorHandler(handler func(ctx context.Context, name string, err error)) Option {
	return func(c *FeatureFlagClient) { c.reports.handler = handler }
}

// WithEvents sets the event registry, so that clients can share one. By default
// a client has one of its own.
func WithEvents(events *Events) Option {
	return func(c *FeatureFlagClient) { c.events = events }
}

// New returns a client for a store. It neither dials nor blocks.
func New(s store.Store, opts ...Option) *FeatureFlagClient {
	c := &FeatureFlagClient{store: s, timeout: DefaultTimeout, events: new(Events)}
	c.peeker, _ = s.(store.Peeker)
	c.dated, _ = s.(store.Dated)
	c.flags = snapshot.Of(s)
	for _, opt := range opts {
		opt(c)
	}
	c.thorough = c.observers != nil || c.required != nil
	return c
}

// Store returns the client's store.
func (c *FeatureFlagClient) Store() store.Store { return c.store }

// Events returns the registry of handlers that run around changes made by this
// client.
func (c *FeatureFlagClient) Events() *Events { return c.events }

// A CreateOption says more about a flag that [FeatureFlagClient.Create] makes.
type CreateOption func(*creation)

type creation struct {
	enabled    bool
	clientData map[string]any
	conditions []carta.Condition
	bucketer   carta.Bucketer
	rules      *rules.Definition // nil: none
}

// WithEnabled sets whether the new flag is enabled. By default it is not.
func WithEnabled(enabled bool) CreateOption { return func(n *creation) { n.enabled = enabled } }

// WithClientData sets the new flag's client data. By default it is empty.
func WithClientData(data map[string]any) CreateOption {
	return func(n *creation) { n.clientData = data }
}

// WithConditions sets the new flag's conditions. By default there are none.
func WithConditions(conditions ...carta.Condition) CreateOption {
	return func(n *creation) { n.conditions = conditions }
}

// WithBucketer sets the new flag's bucketer. By default there is none.
func WithBucketer(b carta.Bucketer) CreateOption {
	return func(n *creation) { n.bucketer = b }
}

// Create makes a flag, disabled unless an option says otherwise. If there is one
// of that name, the error matches [store.ErrExists], and that flag stays as it is.
// If the name or an option is bad, it matches [store.ErrInvalid].
func (c *FeatureFlagClient) Create(ctx context.Context, name string, opts ...CreateOption) (*FeatureFlag, error) {
	var n creation
	for _, opt := range opts {
		opt(&n)
	}
	if err := c.create(ctx, name, n); err != nil {
		return nil, fmt.Errorf("create flag %q: %w", name, err)
	}
	return c.Flag(name), nil
}

func (c *FeatureFlagClient) create(ctx context.Context, name string, n creation) error {
	if name == "" {
		return fmt.Errorf("%w: it is empty", store.ErrInvalidName)
	}
	clientData, err := mergeClientData("", n.clientData)
	if err != nil {
		return err
	}
	f := &store.Flag{
		Name:       name,
		Enabled:    n.enabled,
		Created:    time.Now().Truncate(time.Second),
		ClientData: clientData,
		Conditions: n.conditions,
		Bucketer:   n.bucketer,
	}
	if n.rules != nil {
		if !isPlain(f) {
			return fmt.Errorf("%w: a flag has rules, or conditions and a bucketer of Carta's model, not both", store.ErrInvalid)
		}
		if err := c.applyRules(ctx, f, *n.rules); err != nil {
			return err
		}
	}
	// Refuse what cannot be stored before the handlers hear of it.
	if _, err := store.Encode(f); err != nil {
		return err
	}
	event := Event{Type: PreCreate, Name: name, Enabled: n.enabled, ClientData: n.clientData, Conditions: n.conditions, Bucketer: n.bucketer, Rules: n.rules}
	if c.events.handles(PreCreate) {
		if taken, err := c.isStored(ctx, name); err != nil {
			return err
		} else if taken {
			return store.ErrExists
		}
	}
	return c.around(ctx, event, func() error {
		_, err := c.store.Put(ctx, f)
		return err
	})
}

// Flag returns a handle to the flag of a name, whether there is one or not. It does
// not ask the store.
func (c *FeatureFlagClient) Flag(name string) *FeatureFlag {
	return newHandle(c, name, c.enabledByDefault(name), c.required)
}

// Get returns the flag as it is stored. If there is none, the error matches
// [store.ErrNotFound]. The flag is shared: do not modify it.
func (c *FeatureFlagClient) Get(ctx context.Context, name string) (*store.Flag, error) {
	f, err := c.store.Get(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("get flag %q: %w", name, err)
	}
	return f, nil
}

// Exists reports whether there is a flag of that name, readable or not.
func (c *FeatureFlagClient) Exists(ctx context.Context, name string) (bool, error) {
	_, err := c.store.Get(ctx, name)
	switch {
	case err == nil || errors.Is(err, store.ErrUnreadable):
		return true, nil
	case errors.Is(err, store.ErrNotFound):
		return false, nil
	}
	return false, fmt.Errorf("get flag %q: %w", name, err)
}

// isStored is [FeatureFlagClient.Exists], but does not take a stale answer for a
// yes: what a mirror begins with may never have been stored.
func (c *FeatureFlagClient) isStored(ctx context.Context, name string) (bool, error) {
	exists, err := c.Exists(ctx, name)
	return exists && !c.isStale(name), err
}

// isStale reports whether what the store knows of a flag may be long outdated.
func (c *FeatureFlagClient) isStale(name string) bool {
	if c.dated == nil {
		return false
	}
	_, stale := c.dated.Age(name)
	return stale
}

// Enable switches a flag on: from then on its rules decide, or its conditions and
// bucketer. A flag that has none of them is on for everyone. If there is no such flag,
// the error matches [store.ErrNotFound].
func (c *FeatureFlagClient) Enable(ctx context.Context, name string) error {
	return c.change(ctx, "enable", Event{Type: PreEnable, Name: name, Enabled: true}, func(f *store.Flag) error {
		f.Enabled = true
		return nil
	})
}

// Disable switches a flag off for everyone. If there is no such flag, the error
// matches [store.ErrNotFound].
func (c *FeatureFlagClient) Disable(ctx context.Context, name string) error {
	return c.change(ctx, "disable", Event{Type: PreDisable, Name: name}, func(f *store.Flag) error {
		f.Enabled = false
		return nil
	})
}

// ErrAsked says that rules of other flags ask a flag that is to be destroyed.
var ErrAsked = errors.New("rules of other flags ask it")

// A DestroyOption changes what [FeatureFlagClient.Destroy] does.
type DestroyOption func(*destruction)

type destruction struct{ asked bool }

// EvenIfAsked destroys a flag also if rules of other flags ask it. Those flags answer
// with the caller's default from then on, where they come to the rule.
func EvenIfAsked() DestroyOption { return func(d *destruction) { d.asked = true } }

// Destroy deletes a flag, readable or not. If there is no such flag, the error
// matches [store.ErrNotFound]. If rules of other flags ask it, the error matches
// [ErrAsked] and names them, and nothing is deleted; see [EvenIfAsked].
//
// Python services on Consul keep a flag that they have seen until they restart: disable
// it first.
func (c *FeatureFlagClient) Destroy(ctx context.Context, name string, opts ...DestroyOption) error {
	var d destruction
	for _, opt := range opts {
		opt(&d)
	}
	if !d.asked {
		switch names, err := c.AskedBy(ctx, name); {
		case err != nil:
			return fmt.Errorf("destroy flag %q: %w", name, err)
		case len(names) > 0:
			return fmt.Errorf("destroy flag %q: %w: %s", name, ErrAsked, strings.Join(names, ", "))
		}
	}
	if c.events.handles(PreDestroy) {
		if exists, err := c.Exists(ctx, name); err != nil {
			return err
		} else if !exists {
			return fmt.Errorf("destroy flag %q: %w", name, store.ErrNotFound)
		}
	}
	err := c.around(ctx, Event{Type: PreDestroy, Name: name}, func() error { return c.store.Delete(ctx, name) })
	if err != nil {
		return fmt.Errorf("destroy flag %q: %w", name, err)
	}
	return nil
}

// AddCondition adds a condition to those that must hold for the flag to be on.
// If the condition is bad, the error matches [store.ErrInvalid]; if there is no
// such flag, [store.ErrNotFound]; if the flag has rules, [ErrModel].
func (c *FeatureFlagClient) AddCondition(ctx context.Context, name string, condition carta.Condition) error {
	event := Event{Type: PreAddCondition, Name: name, Conditions: []carta.Condition{condition}}
	return c.change(ctx, "add condition to", event, func(f *store.Flag) error {
		if err := withoutRules(f); err != nil {
			return err
		}
		f.Conditions = append(f.Conditions, condition)
		return nil
	})
}

// SetConditions replaces all conditions of a flag; without any, it removes them.
// Its errors are those of [FeatureFlagClient.AddCondition].
func (c *FeatureFlagClient) SetConditions(ctx context.Context, name string, conditions ...carta.Condition) error {
	event := Event{Type: PreSetConditions, Name: name, Conditions: conditions}
	return c.change(ctx, "set conditions of", event, func(f *store.Flag) error {
		if err := withoutRules(f); err != nil {
			return err
		}
		f.Conditions = conditions
		return nil
	})
}

// SetBucketer replaces the bucketer of a flag; [carta.NoBucketer] removes it.
// If the bucketer is bad, the error matches [store.ErrInvalid]; if there is no
// such flag, [store.ErrNotFound]; if the flag has rules, [ErrModel].
func (c *FeatureFlagClient) SetBucketer(ctx context.Context, name string, b carta.Bucketer) error {
	return c.change(ctx, "set bucketer of", Event{Type: PreSetBucketer, Name: name, Bucketer: b}, func(f *store.Flag) error {
		if err := withoutRules(f); err != nil {
			return err
		}
		f.Bucketer = b
		return nil
	})
}

// withoutRules refuses to change Carta's model of a flag that has rules: that would
// change nothing but what Python clients see.
func withoutRules(f *store.Flag) error {
	if f.Rules().IsZero() {
		return nil
	}
	return fmt.Errorf("it has rules, which decide alone (see AddRule and SetRollout): %w", ErrModel)
}

// A ListOption narrows what [FeatureFlagClient.List] yields.
type ListOption func(*listing)

type listing struct {
	limited       bool
	limit, offset int
}

// WithLimit sets how many flags to yield at most; 0 yields none. By default there
// is no limit.
func WithLimit(limit int) ListOption {
	return func(l *listing) { l.limited, l.limit = true, limit }
}

// WithOffset sets how many flags to skip. The default is 0.
func WithOffset(offset int) ListOption { return func(l *listing) { l.offset = offset } }

// List yields the flags as they are stored, sorted by name. What it yields, and
// when it goes on after an error, is as [store.Store] says of its List. A
// negative limit or offset yields an error that matches [store.ErrInvalid].
func (c *FeatureFlagClient) List(ctx context.Context, opts ...ListOption) iter.Seq2[*store.Flag, error] {
	var l listing
	for _, opt := range opts {
		opt(&l)
	}
	return func(yield func(*store.Flag, error) bool) {
		if l.limit < 0 || l.offset < 0 {
			yield(nil, fmt.Errorf("list flags: %w: limit %d and offset %d must not be negative", store.ErrInvalid, l.limit, l.offset))
			return
		}
		if l.limited && l.limit == 0 {
			return
		}
		place := 0
		for f, err := range c.store.List(ctx) {
			if err != nil && !errors.Is(err, store.ErrUnreadable) {
				yield(nil, fmt.Errorf("list flags: %w", err))
				return
			}
			if place++; place <= l.offset {
				continue
			}
			if !yield(f, err) || l.limited && place-l.offset == l.limit {
				return
			}
		}
	}
}

// change makes a change of an existing flag, with the events around it.
func (c *FeatureFlagClient) change(ctx context.Context, verb string, event Event, change func(*store.Flag) error) error {
	err := func() error {
		if err := event.invalid(); err != nil {
			return err
		}
		if c.events.handles(event.Type) {
			// Handlers hear only of changes of flags that exist.
			if _, err := c.store.Get(ctx, event.Name); err != nil {
				return err
			}
		}
		return c.around(ctx, event, func() error {
			_, err := store.Update(ctx, c.store, event.Name, change)
			return err
		})
	}()
	if err != nil {
		return fmt.Errorf("%s flag %q: %w", verb, event.Name, err)
	}
	return nil
}

// around runs the handlers of a pre event, the change, and the handlers of the
// post event that belongs to it.
func (c *FeatureFlagClient) around(ctx context.Context, event Event, change func() error) error {
	if err := c.events.emit(ctx, event); err != nil {
		return err
	}
	if err := change(); err != nil {
		return err
	}
	event.Type = event.Type.post()
	return c.events.emit(ctx, event)
}
