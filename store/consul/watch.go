// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package consul

import (
	"context"
	"iter"

	"github.com/flipper-go/flipper/store"
)

// Watch implements [store.Watcher]. Any number of loops share the store's
// one question to the server. While the server cannot be asked, it yields one
// error.
func (s *Store) Watch(ctx context.Context) iter.Seq2[store.Change, error] {
	return func(yield func(store.Change, error) bool) {
		if ctx.Err() == nil {
			s.start()
		}
		st := s.status.Load()
		told := st.losses // the last loss that need not be told of
		if !st.current && told > 0 {
			told--
		}
		all := true
		for change, err := range s.notifier.Watch(ctx) {
			if err != nil {
				yield(change, err)
				return
			}
			st := s.status.Load()
			if st.losses > told {
				told = st.losses
				all = true
				if !yield(store.Change{}, st.err) {
					return
				}
			}
			if !st.current {
				all = true // what else there is will be told when we are back
				continue
			}
			if all {
				all = false
				change = store.Change{All: true}
			}
			if !yield(change, nil) {
				return
			}
		}
	}
}
