// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// What the longest pause between attempts of [Update] is at least and at most.
const (
	updatePauseMin = 200 * time.Microsecond
	updatePauseMax = 500 * time.Millisecond
)

// Update changes a flag, whatever else changes it meanwhile. It reads the flag,
// calls change with a clone of it, and stores the outcome if the flag is still
// the one that was read; if not, it begins anew. It returns the flag as stored.
//
// change may be called several times, and must only modify the flag that it is
// given, neither its Name nor its Revision. An error from it ends Update, which
// returns it as it is, with nothing stored. Update also ends when the flag does
// not exist ([ErrNotFound]) and when ctx does.
//
// Two concurrent updates never undo each other. A writer that does not compare,
// such as Carta's Python client, can still overwrite both.
func Update(ctx context.Context, s Store, name string, change func(*Flag) error) (*Flag, error) {
	for attempt := 0; ; attempt++ {
		began := time.Now()
		f, err := s.Get(ctx, name)
		if err != nil {
			return nil, err
		}
		next := f.Clone()
		if err := change(next); err != nil {
			return nil, err
		}
		next.Name, next.Revision = f.Name, f.Revision
		stored, err := s.Put(ctx, next)
		if !errors.Is(err, ErrConflict) {
			return stored, err
		}
		if err := sleep(ctx, updatePause(attempt, time.Since(began))); err != nil {
			return nil, err
		}
	}
}

// updatePause returns a random pause after a lost race, so that writers spread out.
// It grows with how long an attempt takes, on this store, and with how many were
// lost: writers that pause for less than an attempt takes run into each other
// again.
func updatePause(attempt int, took time.Duration) time.Duration {
	longest := took << min(attempt+1, 5)
	return rand.N(min(max(longest, updatePauseMin), updatePauseMax))
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}
