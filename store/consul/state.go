// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package consul

import (
	"bytes"
	"iter"
	"slices"
	"strconv"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/flipper-go/flipper/store"
)

// A state is what one key holds or held. It is immutable.
type state struct {
	index, created uint64 // ModifyIndex and CreateIndex
	value          []byte
	flag           *store.Flag            // nil if it is unreadable, or deleted
	unreadable     *store.UnreadableError // nil if it is readable, or deleted
	deleted        bool                   // then index is one that every later state's is above
}

// newState reads a pair.
func newState(name string, pair *api.KVPair) *state {
	st := &state{index: pair.ModifyIndex, created: pair.CreateIndex, value: pair.Value}
	f, err := store.Decode(name, pair.Value)
	if err != nil {
		st.unreadable = unreadable(name, err)
		return st
	}
	f.Revision = revision(pair.ModifyIndex)
	st.flag = f
	return st
}

// isOf reports whether the pair is this state of its key. Indexes alone do not
// tell: a server that lost its data hands them out anew.
func (st *state) isOf(pair *api.KVPair) bool {
	return st.index == pair.ModifyIndex && st.created == pair.CreateIndex && bytes.Equal(st.value, pair.Value)
}

func (st *state) sameAs(other *state) bool {
	return st.index == other.index && st.deleted == other.deleted && bytes.Equal(st.value, other.value)
}

func (st *state) get() (*store.Flag, error) {
	switch {
	case st.unreadable != nil:
		return nil, st.unreadable
	case st.deleted:
		return nil, store.ErrNotFound
	}
	return st.flag, nil
}

func revision(index uint64) string { return strconv.FormatUint(index, 10) }

// An entry is what the store takes for the state of a key.
type entry struct {
	*state
	// own is the time of Store.clock when a call of ours had this answered, 0
	// if it is from a fetch of all flags.
	own   uint64
	epoch uint64 // of Store.epoch when that was asked for
}

// note takes the answer to one of our own calls, so that the caller reads what
// was written before the server has told of it. Answers may come in another
// order than their questions; the index says which one is newer.
func (s *Store) note(c *call, name string, st *state) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clock++
	if have, ok := s.entries[name]; ok && have.epoch >= c.epoch {
		older := have.index > st.index || have.index == st.index && !st.deleted
		if have.epoch > c.epoch || older {
			return
		}
	}
	s.entries[name] = entry{state: st, own: s.clock, epoch: c.epoch}
	if !s.loaded.Load() {
		return
	}
	s.show(name, st)
	s.notifier.Notify(name)
}

func (s *Store) show(name string, st *state) {
	switch {
	case st.deleted:
		s.flags.Delete(name)
	case st.unreadable != nil:
		s.flags.SetUnreadable(st.unreadable)
	default:
		s.flags.Set(st.flag)
	}
}

// replaceAt is how many changed flags are more work one by one than all anew.
const replaceAt = 100

// merge takes all flags as fetched from at on, at began by Store.clock. Answers to
// our own calls that came after it are newer, unless the index says otherwise:
// unsettled says that there are some, so that another fetch is needed. news says
// whether the fetch has brought something.
func (s *Store) merge(all map[string]*state, began uint64, at time.Time) (news, unsettled bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := make(map[string]entry, len(all))
	var changed []string
	for name, st := range all {
		have, ok := s.entries[name]
		switch {
		case !ok || have.deleted && have.own <= began:
			changed = append(changed, name)
		case have.sameAs(st):
			st = have.state
			news = news || have.own > 0 // our own change, confirmed
		case have.own > began && have.index >= st.index:
			next[name] = have
			unsettled = true
			continue
		default:
			changed = append(changed, name)
		}
		next[name] = entry{state: st, epoch: s.epoch}
	}
	for name, have := range s.entries {
		_, ok := next[name]
		switch {
		case ok:
		case have.own > began:
			next[name] = have
			unsettled = true
		case !have.deleted:
			changed = append(changed, name)
		default:
			news = true // our own deletion, confirmed
		}
	}
	s.entries = next
	wasLoaded := s.loaded.Load()
	if !wasLoaded || len(changed) > replaceAt {
		_ = s.flags.Replace(entryFlags(next)) // only a sequence that fails makes it fail
	} else {
		for _, name := range changed {
			if e, ok := next[name]; ok {
				s.show(name, e.state)
			} else {
				s.flags.Delete(name)
			}
		}
	}
	s.found(changed, at) // before anyone who waits until the flags are there asks how old they are
	if !wasLoaded {
		s.loaded.Store(true)
		s.flags.Show()
		close(s.ready)
	}
	return news || len(changed) > 0, unsettled
}

// entryFlags returns the flags in the form of a list, in no order.
func entryFlags(entries map[string]entry) iter.Seq2[*store.Flag, error] {
	return func(yield func(*store.Flag, error) bool) {
		for _, e := range entries {
			if !e.deleted && !yield(e.get()) {
				return
			}
		}
	}
}

// states makes states of pairs. What is in known already is not read again.
func (s *Store) states(pairs api.KVPairs, known map[string]*state) map[string]*state {
	all := make(map[string]*state, len(pairs))
	for _, pair := range pairs {
		name, ok := s.nameOf(pair.Key)
		if !ok || len(pair.Value) == 0 {
			continue // somebody else's, or a folder
		}
		st := known[name]
		if st == nil || !st.isOf(pair) {
			st = newState(name, pair)
		}
		all[name] = st
	}
	return all
}

// sortedFlags returns the flags in the form of a list.
func sortedFlags(all map[string]*state) iter.Seq2[*store.Flag, error] {
	names := make([]string, 0, len(all))
	for name := range all {
		names = append(names, name)
	}
	slices.Sort(names)
	return func(yield func(*store.Flag, error) bool) {
		for _, name := range names {
			if !yield(all[name].get()) {
				return
			}
		}
	}
}
