// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package redis

import (
	"context"
	"maps"
	"slices"
)

// pollsPerListing is how many polls there are for one that looks for new flags.
// After that one, everything counts as changed: a flag may have changed and
// changed back between two polls, and a reader may have read it in between.
const pollsPerListing = 6

// poll tells of changes that it finds by asking, until ctx ends or a question
// fails.
func (t *tracker) poll(ctx context.Context) {
	var known map[string]value // by name
	for i := 0; ctx.Err() == nil; i++ {
		isListing := i%pollsPerListing == 0
		current, err := ask(ctx, t.s, func(ctx context.Context) (map[string]value, error) {
			if !isListing {
				return t.s.fingerprints(ctx, slices.Collect(maps.Keys(known)))
			}
			names, err := t.s.names(ctx)
			if err != nil {
				return nil, err
			}
			return t.s.fingerprints(ctx, names)
		})
		if err != nil {
			t.fail(ctx, nil, err)
			return
		}
		if isListing {
			t.pending.addAll()
		} else {
			t.pending.add(differences(known, current)...)
		}
		known = current
		wait(ctx, t.s.pollInterval)
	}
}

// fingerprints returns what there is under each name, with a hash in the place of
// the text. A name with nothing is left out.
func (s *Store) fingerprints(ctx context.Context, names []string) (map[string]value, error) {
	prints := make(map[string]value, len(names))
	for names := range slices.Chunk(names, pageSize) {
		values, err := s.values(ctx, names)
		if err != nil {
			return nil, err
		}
		for i, v := range values {
			if v.missing() {
				continue
			}
			if v.text != "" {
				v.text = revision(v.text)
			}
			prints[names[i]] = v
		}
	}
	return prints, nil
}

// differences returns the names of before under which there is something else, or
// nothing.
func differences(before, after map[string]value) []string {
	var names []string
	for name, v := range before {
		if after[name] != v {
			names = append(names, name)
		}
	}
	return names
}
