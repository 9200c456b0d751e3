// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package thrift

import (
	"cmp"
	"slices"
	"sync/atomic"
)

// The states of a connection. It goes from one to the next by compare-and-swap, so
// that no call that has begun is cut to make room. None of that takes a lock: that
// would be one for all calls of all clients.
const (
	stateIdle      int32 = iota // no part of a request is there
	stateReceiving              // a part is there
	stateAnswering              // a call is under way, or its reply
	stateEnding                 // whoever came first ends it
)

// activity is what a connection does at present.
type activity struct {
	state atomic.Int32
	// lastReply is when the last reply was sent, in nanoseconds since the server
	// was made.
	lastReply atomic.Int64
}

func (a *activity) become(from, to int32) bool { return a.state.CompareAndSwap(from, to) }

// end claims a connection that has no call, in order to close it.
func (a *activity) end() bool {
	return a.become(stateIdle, stateEnding) || a.become(stateReceiving, stateEnding)
}

// maxCandidates is how many connections are found at a time that may be evicted.
const maxCandidates = 256

// A candidate is a connection that was idle since its last reply.
type candidate struct {
	connection *connection
	lastReply  int64
}

// idleLongest are the connections with calls in the past and none at present, the
// one idle longest last. It is sought only when there is no room, and holds for
// several times: who was used meanwhile is no candidate any more, and comes after
// all others the next time.
type idleLongest struct{ candidates []candidate }

// next claims the connection that is idle longest, of all there are, or returns nil.
func (l *idleLongest) next(connections map[*connection]struct{}) *connection {
	for len(l.candidates) > 0 || l.seek(connections) {
		last := len(l.candidates) - 1
		c := l.candidates[last]
		l.candidates[last] = candidate{}
		l.candidates = l.candidates[:last]
		_, isThere := connections[c.connection]
		if isThere && c.connection.lastReply.Load() == c.lastReply && c.connection.end() {
			return c.connection
		}
	}
	return nil
}

// seek reports whether it found candidates.
func (l *idleLongest) seek(connections map[*connection]struct{}) bool {
	var all []candidate
	for c := range connections {
		if state := c.state.Load(); c.place == nil && (state == stateIdle || state == stateReceiving) {
			all = append(all, candidate{c, c.lastReply.Load()})
		}
	}
	slices.SortFunc(all, func(a, b candidate) int { return cmp.Compare(b.lastReply, a.lastReply) })
	l.candidates = slices.Clone(all[max(0, len(all)-maxCandidates):])
	return len(l.candidates) > 0
}
