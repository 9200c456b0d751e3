// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package redis

import (
	"context"
	"iter"

	"github.com/flipper-go/flipper/store"
)

const (
	pageSize = 500 // flags

	// pagesAtOnce is how many pages of a listing are read at once, so that some
	// are fetched while others are decoded. It bounds the memory and the
	// connections that a listing uses.
	pagesAtOnce = 4
)

// An entry is a place in a listing.
type entry struct {
	flag *store.Flag
	err  error
}

// pages reads the flags of these names, a page at a time. An error is the last
// thing that it yields.
func (s *Store) pages(ctx context.Context, names []string) iter.Seq2[[]entry, error] {
	return func(yield func([]entry, error) bool) {
		reading, cancel := context.WithCancel(ctx)
		defer cancel() // of pages that the loop does not come to
		var begun []<-chan answer[[]entry]
		for len(names) > 0 || len(begun) > 0 {
			for len(names) > 0 && len(begun) < pagesAtOnce {
				page := names[:min(pageSize, len(names))]
				names = names[len(page):]
				begun = append(begun, begin(reading, func(ctx context.Context) ([]entry, error) { return s.page(ctx, page) }))
			}
			entries, err := await(ctx, s, begun[0])
			begun = begun[1:]
			if !yield(entries, err) || err != nil {
				return
			}
		}
	}
}

// page reads the flags of these names.
func (s *Store) page(ctx context.Context, names []string) ([]entry, error) {
	values, err := s.values(ctx, names)
	if err != nil {
		return nil, err
	}
	entries := make([]entry, len(names))
	for i, name := range names {
		entries[i].flag, entries[i].err = values[i].flag(name)
	}
	return entries, nil
}
