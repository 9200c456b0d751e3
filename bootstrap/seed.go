// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"fmt"

	"github.com/flipper-go/flipper/store"
)

// An Option changes what [Seed] does.
type Option func(*options)

type options struct {
	addMissing bool
}

// WithAddMissing also creates missing flags in a store that has others. So a flag that
// somebody has destroyed comes back when the program starts again. By default, Seed only
// fills a store without any flag.
func WithAddMissing() Option { return func(o *options) { o.addMissing = true } }

// Seed creates flags in a store that has none, and returns the names of the flags that
// it has created. It never changes an existing flag, readable or not. So several
// instances of a program may seed one store at the same time: one of them creates each
// flag.
//
// Seed refuses a flag whose rules cannot be read, with an error that matches
// [store.ErrInvalid]. After an error, the returned names are the flags that were created
// before it. If a process ends while it creates flags, the store is not empty any more:
// only [WithAddMissing] creates the rest.
func Seed(ctx context.Context, s store.Store, flags []*store.Flag, opts ...Option) (created []string, err error) {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	if !o.addMissing {
		empty, err := isEmpty(ctx, s)
		if err != nil {
			return nil, fmt.Errorf("seed flags: %w", err)
		}
		if !empty {
			return nil, nil
		}
	}
	for _, f := range flags {
		missing := f.Clone()
		missing.Revision = ""
		err := missing.CheckRules(nil)
		if err == nil {
			_, err = s.Put(ctx, missing)
		}
		switch {
		case errors.Is(err, store.ErrExists):
		case err != nil:
			return created, fmt.Errorf("seed flag %q: %w", f.Name, err)
		default:
			created = append(created, f.Name)
		}
	}
	return created, nil
}

func isEmpty(ctx context.Context, s store.Store) (bool, error) {
	for _, err := range s.List(ctx) {
		if err != nil && !errors.Is(err, store.ErrUnreadable) {
			return false, err
		}
		return false, nil
	}
	return true, nil
}
