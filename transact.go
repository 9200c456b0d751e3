// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipper

import (
	"context"
	"errors"

	"github.com/flipper-go/flipper/store"
)

// Transact makes several changes as one: all of them, or none. change gets a client
// whose calls change a draft, which shows the flags with the changes so far; when change
// returns nil, the draft is stored. So what one change needs of another, such as a
// segment that is created for a rule, works as it does one by one. Transact returns what
// became of each flag, sorted by name; a flag that is as it was is not among them.
//
//	changes, err := features.Transact(ctx, func(draft *flipper.FeatureFlagClient) error {
//		if err := draft.SetRules(ctx, "OLD_CHECKOUT", staffOnly); err != nil {
//			return err
//		}
//		return draft.Enable(ctx, "NEW_CHECKOUT")
//	})
//
// If another writer changes one of the flags at the same time, Transact begins anew, so
// change may be called several times. An error from it is returned as it is, and nothing
// is stored. Changes of one flag work on every store. Changes of several need a
// [store.Batcher]; on others the error matches [errors.ErrUnsupported], and nothing is
// changed.
//
// Handlers of pre events are called with each change of the draft, as often as it is
// made, and those of post events when all is stored.
func (c *FeatureFlagClient) Transact(ctx context.Context, change func(draft *FeatureFlagClient) error) ([]FlagChange, error) {
	var events *Events
	written, err := store.Transact(ctx, c.store, func(s store.Store) error {
		events = &Events{of: c.events}
		return change(New(s, WithEvents(events)))
	})
	if err != nil {
		return nil, err
	}
	changes := make([]FlagChange, len(written))
	for i, w := range written {
		changes[i] = FlagChange(w)
	}
	var failures []error
	for _, event := range events.later {
		failures = append(failures, c.events.emit(ctx, event))
	}
	return changes, errors.Join(failures...)
}
