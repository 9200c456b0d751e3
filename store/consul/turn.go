// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package consul

import "context"

// A turn is what the writers of one flag take one after another. The server would
// refuse all but one of those that write at the same time, each after a round of
// consensus in the cluster; here, those that lose are told without asking.
type turn struct {
	taken   chan struct{} // holds a token while somebody has the turn
	waiting int           // those who have it or want it; Store.mu
}

// takeTurn waits for the turn to write a flag, or for ctx to end.
func (s *Store) takeTurn(ctx context.Context, name string) (release func(), err error) {
	s.mu.Lock()
	t, ok := s.turns[name]
	if !ok {
		t = &turn{taken: make(chan struct{}, 1)}
		s.turns[name] = t
	}
	t.waiting++
	s.mu.Unlock()
	leave := func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if t.waiting--; t.waiting == 0 {
			delete(s.turns, name)
		}
	}
	select {
	case t.taken <- struct{}{}:
		return func() {
			<-t.taken
			leave()
		}, nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}

// overtaken returns what the server has answered to another call of ours about a
// flag since a time of Store.clock; ok is false if there was none.
func (s *Store) overtaken(name string, since uint64) (st *state, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	have := s.entries[name]
	return have.state, have.own > since
}
