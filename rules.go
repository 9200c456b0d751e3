// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipper

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
	"github.com/flipper-go/flipper/targeting/rules"
)

// ErrModel says that a flag decides by the other model of targeting: it has rules,
// where the call is about Carta's conditions or bucketer, or the other way round.
var ErrModel = errors.New("flag decides by the other model of targeting")

// WithRules sets the new flag's rules. By default there are none.
func WithRules(d rules.Definition) CreateOption { return func(n *creation) { n.rules = &d } }

// Rules returns a flag's rules. For a flag that has none, it returns a definition that says
// what such a flag does: off while it is disabled, and on for everyone while it is enabled.
//
// If the flag has conditions or a bucketer of Carta's model, the error matches
// [ErrModel]; if its rules cannot be read, [store.ErrUnreadable]; if there is no such
// flag, [store.ErrNotFound].
func (c *FeatureFlagClient) Rules(ctx context.Context, name string) (rules.Definition, error) {
	f, err := c.store.Get(ctx, name)
	var d rules.Definition
	if err == nil {
		d, err = definitionOf(f)
	}
	if err != nil {
		return rules.Definition{}, fmt.Errorf("rules of flag %q: %w", name, err)
	}
	return d, nil
}

// definitionOf returns a flag's rules, to read or to change.
func definitionOf(f *store.Flag) (rules.Definition, error) {
	switch s := f.Rules(); {
	case s.Err() != nil:
		return rules.Definition{}, s.Err()
	case !s.IsZero():
		return s.Definition(), nil
	case !isPlain(f):
		return rules.Definition{}, fmt.Errorf("it has conditions or a rollout of Carta's model (convert it, or replace all with SetRules): %w", ErrModel)
	}
	return rules.Definition{Off: targeting.OnOff(false).Name, Default: targeting.OnOff(true).Name}, nil
}

// SetRules replaces all of a flag's targeting by rules, including conditions and bucketer
// of Carta's model. Python clients, which know no rules, see a flag that is off, unless
// the definition says otherwise.
//
// SetRules changes nothing if the definition cannot be stored, or if it asks a flag or a
// variant that does not exist, or flags would ask each other in a circle. Then the error
// matches [store.ErrInvalid], names the field and says what to write. If there is no such
// flag, the error matches [store.ErrNotFound].
func (c *FeatureFlagClient) SetRules(ctx context.Context, name string, d rules.Definition) error {
	return c.changeRules(ctx, "set rules of", name, func(*store.Flag) (rules.Definition, error) { return d, nil })
}

// RemoveRules removes all targeting from a flag, rules as well as conditions and bucketer
// of Carta's model: from then on it is on for everybody while it is enabled. If there is
// no such flag, the error matches [store.ErrNotFound].
func (c *FeatureFlagClient) RemoveRules(ctx context.Context, name string) error {
	return c.change(ctx, "remove rules of", Event{Type: PreSetRules, Name: name}, func(f *store.Flag) error {
		if err := f.SetRules(rules.Ruleset{}); err != nil {
			return err
		}
		f.Conditions, f.Bucketer = nil, carta.NoBucketer()
		return nil
	})
}

// UpdateRules changes a flag's rules. It calls change with the rules that
// [FeatureFlagClient.Rules] returns, and calls it again if somebody else changed the flag
// in between, so both changes are kept. An error of change ends UpdateRules. All other
// errors are those of [FeatureFlagClient.Rules] and [FeatureFlagClient.SetRules].
func (c *FeatureFlagClient) UpdateRules(ctx context.Context, name string, change func(*rules.Definition) error) error {
	return c.changeRules(ctx, "change rules of", name, func(f *store.Flag) (rules.Definition, error) {
		d, err := definitionOf(f)
		if err == nil {
			err = change(&d)
		}
		return d, err
	})
}

// AddRule adds a rule behind the others. The first rule of a flag makes off its default:
// from then on, only requests that a rule lets in get the flag. The errors are those of
// [FeatureFlagClient.UpdateRules].
func (c *FeatureFlagClient) AddRule(ctx context.Context, name string, rule rules.Rule) error {
	return c.addingRule(ctx, name, func(d *rules.Definition) error { return d.Insert(len(d.Rules), rule) })
}

// InsertRule is like [FeatureFlagClient.AddRule], but puts the rule before the one at a
// position, counted from 0.
func (c *FeatureFlagClient) InsertRule(ctx context.Context, name string, position int, rule rules.Rule) error {
	return c.addingRule(ctx, name, func(d *rules.Definition) error { return d.Insert(position, rule) })
}

// SetRollout serves a variant to a share of the requests for which no other rule decides.
// It adds a last rule without conditions, or replaces the split of that rule. A nil split
// removes the rule. The first rule makes off the default, as with
// [FeatureFlagClient.AddRule].
//
//	err := features.SetRollout(ctx, "NEW_CHECKOUT", rules.Percent("user_id", 10, "on"))
func (c *FeatureFlagClient) SetRollout(ctx context.Context, name string, split *rules.Split) error {
	change := func(d *rules.Definition) error {
		d.SetRollout(split)
		return nil
	}
	if split == nil {
		if f, err := c.store.Get(ctx, name); err == nil && isPlain(f) {
			return nil // there is none, and a flag without rules stays one
		}
		return c.UpdateRules(ctx, name, change)
	}
	return c.addingRule(ctx, name, change)
}

// addingRule is UpdateRules, and makes off the default of a flag that had no rules.
func (c *FeatureFlagClient) addingRule(ctx context.Context, name string, change func(*rules.Definition) error) error {
	return c.changeRules(ctx, "add rule to", name, func(f *store.Flag) (rules.Definition, error) {
		d, err := definitionOf(f)
		if err != nil {
			return d, err
		}
		if f.Rules().IsZero() {
			d.Default = d.Off
		}
		return d, change(&d)
	})
}

// RemoveRule removes the rule at a position, counted from 0. Its errors are those of
// [FeatureFlagClient.UpdateRules].
func (c *FeatureFlagClient) RemoveRule(ctx context.Context, name string, position int) error {
	return c.UpdateRules(ctx, name, func(d *rules.Definition) error { return d.Remove(position) })
}

// ReplaceRule puts a rule in the place of the one at a position, counted from 0. Its
// errors are those of [FeatureFlagClient.UpdateRules].
func (c *FeatureFlagClient) ReplaceRule(ctx context.Context, name string, position int, rule rules.Rule) error {
	return c.UpdateRules(ctx, name, func(d *rules.Definition) error { return d.Replace(position, rule) })
}

// MoveRule takes the rule at one position to another, both counted from 0. Its errors
// are those of [FeatureFlagClient.UpdateRules].
func (c *FeatureFlagClient) MoveRule(ctx context.Context, name string, from, to int) error {
	return c.UpdateRules(ctx, name, func(d *rules.Definition) error { return d.Move(from, to) })
}

// SetDefault sets the variant for requests for which no rule decides. Its errors are
// those of [FeatureFlagClient.UpdateRules].
func (c *FeatureFlagClient) SetDefault(ctx context.Context, name, variant string) error {
	return c.UpdateRules(ctx, name, func(d *rules.Definition) error {
		d.Default = variant
		return nil
	})
}

// Convert turns a flag of Carta's model into one with rules. Everyone keeps their answer,
// except as the returned differences say; [rules.FromCarta] returns them without changing
// anything. From then on, Python clients see the flag as off.
//
// If rules cannot express what the flag does, the error matches [store.ErrInvalid]; if
// it has rules already, [ErrModel]; if there is no such flag, [store.ErrNotFound].
func (c *FeatureFlagClient) Convert(ctx context.Context, name string) (differences []string, err error) {
	err = c.changeRules(ctx, "convert", name, func(f *store.Flag) (rules.Definition, error) {
		if !f.Rules().IsZero() {
			return rules.Definition{}, fmt.Errorf("it has rules already: %w", ErrModel)
		}
		conversion, err := rules.FromCarta(f.Conditions, f.Bucketer, time.Now())
		differences = conversion.Differences
		return conversion.Definition, err
	})
	if err != nil {
		return nil, err
	}
	return differences, nil
}

// changeRules replaces a flag's rules by what define makes of the freshest flag.
func (c *FeatureFlagClient) changeRules(ctx context.Context, verb, name string, define func(*store.Flag) (rules.Definition, error)) error {
	event := Event{Type: PreSetRules, Name: name}
	change := func(f *store.Flag) error {
		d, err := define(f)
		if err != nil {
			return err
		}
		if err := c.applyRules(ctx, f, d); err != nil {
			return err
		}
		event.Rules = &d
		return nil
	}
	if c.events.handles(PreSetRules) {
		// The handlers see the rules that are to be set.
		f, err := c.store.Get(ctx, name)
		if err == nil {
			err = change(f.Clone())
		}
		if err != nil {
			return fmt.Errorf("%s flag %q: %w", verb, name, err)
		}
	}
	err := c.events.emit(ctx, event)
	if err == nil {
		_, err = store.Update(ctx, c.store, name, change)
	}
	if err == nil {
		event.Type = PostSetRules
		err = c.events.emit(ctx, event)
	}
	if err != nil {
		return fmt.Errorf("%s flag %q: %w", verb, name, err)
	}
	return nil
}

// applyRules checks rules, and makes them the flag's.
func (c *FeatureFlagClient) applyRules(ctx context.Context, f *store.Flag, d rules.Definition) error {
	s, err := rules.New(f.Name, d)
	if err != nil {
		return err
	}
	if err := c.checkAsked(ctx, f.Name, s); err != nil {
		return err
	}
	return f.SetRules(s)
}

// checkAsked refuses rules that ask flags which cannot answer.
func (c *FeatureFlagClient) checkAsked(ctx context.Context, name string, s rules.Ruleset) error {
	if s.Asks() == nil {
		return nil
	}
	d := s.Definition()
	asked := askedFlags{client: c, from: name, depths: make(map[string]int)}
	for path, condition := range d.Conditions() {
		if condition.Flag == "" {
			continue
		}
		f, err := asked.visit(ctx, []string{name}, condition.Flag)
		if err != nil {
			return fmt.Errorf("%w %s.flag: %w", store.ErrInvalid, path, err)
		}
		for i, variant := range condition.Is {
			if !slices.ContainsFunc(f.Rules().Variants(), func(v targeting.Variant) bool { return v.Name == variant }) {
				return fmt.Errorf("%w %s.is[%d]: flag %q has no variant %q: it has %s", store.ErrInvalid, path, i, condition.Flag, variant, variantNames(f.Rules()))
			}
		}
	}
	return nil
}

func variantNames(s rules.Ruleset) string {
	var names []string
	for _, v := range s.Variants() {
		names = append(names, v.Name)
	}
	return strings.Join(names, ", ")
}

// A missingError is about a flag that rules ask. It is not [store.ErrNotFound], which
// is about the flag that is changed.
type missingError string

func (e missingError) Error() string {
	return fmt.Sprintf("there is no flag %q: create it first", string(e))
}

// askedFlags walks through flags that ask each other.
type askedFlags struct {
	client *FeatureFlagClient
	from   string         // the flag whose rules are checked
	depths map[string]int // how far below it each was visited
}

// visit checks a flag, and those that it asks. way are the flags that lead to it.
func (a *askedFlags) visit(ctx context.Context, way []string, name string) (*store.Flag, error) {
	if slices.Contains(way, name) {
		return nil, fmt.Errorf("flags ask each other in a circle: %s", strings.Join(append(way, name), ", "))
	}
	if len(way) > rules.MaxDepth {
		return nil, fmt.Errorf("%w: %s", rules.ErrDepth, strings.Join(append(way, name), ", "))
	}
	f, err := a.client.store.Get(ctx, name)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, missingError(name)
	case err != nil:
		return nil, fmt.Errorf("flag %q: %w", name, err)
	}
	if depth, visited := a.depths[name]; visited && depth >= len(way) {
		return f, nil
	}
	a.depths[name] = len(way)
	for _, next := range f.Rules().Asks() {
		_, err := a.visit(ctx, append(slices.Clip(way), name), next)
		if _, missing := errors.AsType[missingError](err); err != nil && !missing {
			return nil, err // that a flag further below is missing is not of these rules' making
		}
	}
	return f, nil
}

// AskedBy returns the names of the flags whose rules ask a flag, sorted.
func (c *FeatureFlagClient) AskedBy(ctx context.Context, name string) ([]string, error) {
	var names []string
	for f, err := range c.List(ctx) {
		switch {
		case errors.Is(err, store.ErrUnreadable):
		case err != nil:
			return nil, err
		case slices.Contains(f.Rules().Asks(), name):
			names = append(names, f.Name)
		}
	}
	return names, nil
}
