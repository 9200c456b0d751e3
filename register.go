// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipper

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting/rules"
)

// Register creates the declared flags that are not stored yet, with their default, and
// with description, owner and expires (as 2006-01-02) in their client data. For a flag
// that is stored, it only refreshes these three, where they are declared and differ: the
// flag stays enabled or disabled, and keeps its rules and all other client data. Without
// arguments, it registers the flags of [WithDeclarations].
//
// A flag that has a value is created enabled, with rules: its only variant is named
// default and has the declared value. It serves the default, even while it is disabled,
// until somebody adds variants and rules.
//
// Call Register when the program starts; several programs may do so at once. It
// registers as many flags as it can, and returns the errors joined. If the store may be
// down at the start, call it again until no error matches [store.ErrUnavailable]. An
// error that matches [ErrType] says that a stored flag has a variant of another kind
// than is declared; see [Audit]. A default that cannot be stored, such as NaN, returns
// an error that matches [store.ErrInvalid]. So do two declarations of one name, and then
// nothing is changed.
func (c *FeatureFlagClient) Register(ctx context.Context, declarations ...Declared) error {
	declared, err := c.declared(declarations)
	if err != nil {
		return err
	}
	var failed []error
	for _, d := range declared {
		if err := c.registerOne(ctx, d); err != nil {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

func (c *FeatureFlagClient) registerOne(ctx context.Context, d *declaration) error {
	data := d.clientData()
	// Most flags are there: to ask first spares the handlers of events.
	f, err := c.store.Get(ctx, d.name)
	if errors.Is(err, store.ErrNotFound) || err == nil && c.isStale(d.name) {
		if d.err != nil {
			return fmt.Errorf("register flag %q: the default: %w", d.name, d.err)
		}
		_, err = c.Create(ctx, d.name, append(d.creation(), WithClientData(data))...)
		if !errors.Is(err, store.ErrExists) {
			return err
		}
		f, err = c.store.Get(ctx, d.name)
	}
	switch {
	case errors.Is(err, store.ErrUnreadable):
		return nil // it can be replaced, but not changed
	case err == nil && !holds(f.ClientData, data):
		err = c.setClientData(ctx, d.name, data, true)
	}
	if err == nil {
		err = d.check(f)
	}
	if err != nil {
		return fmt.Errorf("register flag %q: %w", d.name, err)
	}
	return nil
}

// creation returns how the flag is created.
func (d *declaration) creation() []CreateOption {
	if d.fits == nil {
		return []CreateOption{WithEnabled(d.enabled)}
	}
	return []CreateOption{WithEnabled(true), WithRules(rules.Constant(d.byDefault))}
}

// check says why a stored flag cannot be answered in all cases. A flag whose rules
// cannot be read may be as declared.
func (d *declaration) check(f *store.Flag) error {
	if d.fits == nil || f.Rules().Err() != nil {
		return nil //nolint:nilerr // whatever a flag serves, it is on or off
	}
	variants := f.Rules().Variants()
	for i := range variants {
		if err := d.fits(&variants[i]); err != nil {
			return err
		}
	}
	return nil
}

// declared returns the declarations to work on, checked: those that were given or,
// without any, the client's.
func (c *FeatureFlagClient) declared(given []Declared) ([]*declaration, error) {
	declarations := c.declarations
	if len(given) > 0 {
		declarations = make([]*declaration, len(given))
		for i, d := range given {
			declarations[i] = commonOf(d)
		}
	}
	seen := make(map[string]bool, len(declarations))
	for _, d := range declarations {
		switch {
		case d == nil:
			return nil, fmt.Errorf("declarations: %w: one of them is nil", store.ErrInvalid)
		case d.name == "":
			return nil, fmt.Errorf("declarations: %w: a name is empty", store.ErrInvalidName)
		case seen[d.name]:
			return nil, fmt.Errorf("declarations: %w: flag %q is declared twice", store.ErrInvalid, d.name)
		case d.fits != nil && d.enabled:
			return nil, fmt.Errorf("declarations: %w: flag %q has a value, so EnabledByDefault says nothing of it: leave it out", store.ErrInvalid, d.name)
		}
		seen[d.name] = true
	}
	return declarations, nil
}

// commonOf returns what all declarations have, or nil if there is no declaration.
func commonOf(d Declared) *declaration {
	if d == nil {
		return nil
	}
	return d.common()
}

// An Audit compares the flags that a program declares with those that are stored.
// Its lists are sorted.
type Audit struct {
	// Missing are declared but not stored: they answer their default.
	Missing []string
	// Undeclared are stored but not declared: they belong to another program, or nobody
	// needs them any more.
	Undeclared []string
	// Expired are declared with a last day that has passed: remove them from the
	// program, then destroy them.
	Expired []string
	// Mismatched are stored with a variant whose value is of another kind than is
	// declared: whoever is served it gets the declared default. A flag that is
	// declared as on or off is never among them, since every flag is that too.
	Mismatched []string
}

// Audit compares declared flags with stored ones. Without arguments, the declared ones
// are those that the client knows (see [WithDeclarations]). If the flags cannot be listed,
// or two declarations have one name, it returns an error.
func (c *FeatureFlagClient) Audit(ctx context.Context, declarations ...Declared) (Audit, error) {
	declared, err := c.declared(declarations)
	if err != nil {
		return Audit{}, err
	}
	stored := make(map[string]*store.Flag) // nil: unreadable
	for f, err := range c.List(ctx) {
		if unreadable, ok := errors.AsType[*store.UnreadableError](err); ok {
			stored[unreadable.Name] = nil
			continue
		}
		if err != nil {
			return Audit{}, err
		}
		stored[f.Name] = f
	}
	var a Audit
	now := time.Now()
	for _, d := range declared {
		switch f, ok := stored[d.name]; {
		case !ok:
			a.Missing = append(a.Missing, d.name)
		case f != nil && d.check(f) != nil:
			a.Mismatched = append(a.Mismatched, d.name)
		}
		delete(stored, d.name)
		if day, ok := d.Expires(); ok && !now.Before(day.AddDate(0, 0, 1)) {
			a.Expired = append(a.Expired, d.name)
		}
	}
	for name := range stored {
		a.Undeclared = append(a.Undeclared, name)
	}
	slices.Sort(a.Missing)
	slices.Sort(a.Undeclared)
	slices.Sort(a.Expired)
	slices.Sort(a.Mismatched)
	return a, nil
}
