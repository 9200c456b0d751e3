// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package snapshot

import "github.com/flipper-go/flipper/store"

// A Source is a store whose Peek is that of a Map: at any time it says what
// Load().Peek does.
type Source interface {
	store.Peeker

	// Snapshots returns the Map if asked is the store itself. It returns nil if asked
	// is another store that has the method by embedding this one, and whose own
	// Get and Peek must not be passed by.
	Snapshots(asked store.Store) *Map
}

// Of returns the Map that a store answers from, to be read and never written to, or
// nil if the store is not a [Source].
func Of(s store.Store) *Map {
	if source, ok := s.(Source); ok {
		return source.Snapshots(s)
	}
	return nil
}
