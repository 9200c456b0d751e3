// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/flipper-go/flipper/store"
)

// A Kind says what a change does.
type Kind string

// The kinds of [Change].
const (
	Create Kind = "create"
	Update Kind = "update"
	Delete Kind = "delete"
)

// A Change is what is to be done, or was done, to one flag.
type Change struct {
	Name string
	Kind Kind
	// Before is the flag as it was; nil if it is created, or if it was unreadable.
	Before *store.Flag
	// After is the flag as it is to be; nil if it is deleted.
	After *store.Flag
}

// A State is what a store holds.
type State struct {
	Flags      map[string]*store.Flag
	Unreadable map[string]error
}

// ReadState reads all flags of a store.
func ReadState(ctx context.Context, s store.Store) (State, error) {
	state := State{map[string]*store.Flag{}, map[string]error{}}
	for f, err := range s.List(ctx) {
		if unreadable, ok := errors.AsType[*store.UnreadableError](err); ok {
			state.Unreadable[unreadable.Name] = err
			continue
		}
		if err != nil {
			return State{}, err
		}
		state.Flags[f.Name] = f
	}
	return state, nil
}

// Plan returns the changes, by name, that bring a store from a state to having the
// flags wanted; with prune, only these. The error is about flags that it cannot
// replace, because what is there is unreadable; it matches [store.ErrUnreadable].
func Plan(state State, wanted []*store.Flag, prune bool) ([]Change, error) {
	var changes []Change
	var errs []error
	keep := map[string]bool{}
	for _, after := range wanted {
		keep[after.Name] = true
		if err := state.Unreadable[after.Name]; err != nil {
			errs = append(errs, err)
			continue
		}
		if c, ok := Compare(after.Name, state.Flags[after.Name], after); ok {
			changes = append(changes, c)
		}
	}
	if prune {
		for name, before := range state.Flags {
			if !keep[name] {
				changes = append(changes, Change{Name: name, Kind: Delete, Before: before})
			}
		}
		for name := range state.Unreadable {
			if !keep[name] {
				changes = append(changes, Change{Name: name, Kind: Delete})
			}
		}
	}
	slices.SortFunc(changes, func(a, b Change) int { return bytes.Compare([]byte(a.Name), []byte(b.Name)) })
	return changes, errors.Join(errs...)
}

// Compare returns the change between two states of a flag, nil standing for none.
// ok is false if they are stored the same.
func Compare(name string, before, after *store.Flag) (c Change, ok bool) {
	c = Change{Name: name, Before: before, After: after}
	switch {
	case before == nil && after == nil:
		return c, false
	case before == nil:
		c.Kind = Create
	case after == nil:
		c.Kind = Delete
	default:
		c.Kind = Update
		return c, !sameText(before, after)
	}
	return c, true
}

func sameText(a, b *store.Flag) bool {
	textA, errA := store.Encode(a)
	textB, errB := store.Encode(b)
	return errA == nil && errB == nil && bytes.Equal(textA, textB)
}

// Apply makes the change, if the flag is still as the change says that it was: if
// not, the error matches [store.ErrConflict], and the flag stays as it is.
//
// Stores cannot compare and delete in one step: somebody who changes a flag in
// the moment between the two changes what is deleted.
func (c Change) Apply(ctx context.Context, s store.Store) error {
	if c.Kind == Delete {
		return c.applyDelete(ctx, s)
	}
	after := c.After.Clone()
	after.Revision = ""
	if c.Before != nil {
		after.Revision = c.Before.Revision
	}
	_, err := s.Put(ctx, after)
	if errors.Is(err, store.ErrExists) {
		return fmt.Errorf("%w: it was created", store.ErrConflict)
	}
	return err
}

func (c Change) applyDelete(ctx context.Context, s store.Store) error {
	f, err := s.Get(ctx, c.Name)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil
	case errors.Is(err, store.ErrUnreadable):
		if c.Before != nil {
			return store.ErrConflict
		}
	case err != nil:
		return err
	case c.Before == nil || f.Revision != c.Before.Revision:
		return store.ErrConflict
	}
	if err := s.Delete(ctx, c.Name); !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return nil
}
