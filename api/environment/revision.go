// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package environment

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"iter"
	"math"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/flipper-go/flipper/internal/snapshot"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting/rules"
)

// A Revision identifies what all flags of an environment serve. While it stays the
// same, so do the answers to a question, but for those that are drawn at random.
type Revision struct {
	// ID is the same wherever the same flags are served: it is made of what is stored.
	// It also becomes another when time changes answers: when a period of a condition
	// begins or ends, and every minute while a ramp runs.
	ID string
	// Since is when the answers became what they are, as far as this process knows.
	Since time.Time
}

// rampStep is how often a running ramp makes a new revision.
const rampStep = time.Minute

// Revision returns the present revision. Whoever asks for it before evaluating has one
// that is at most too old, never one that promises later answers. If the flags cannot
// be read, the error is the store's.
func (e *Environment) Revision(ctx context.Context) (Revision, error) {
	s, err := e.revisions.state(ctx, e.client.Store())
	if err != nil {
		return Revision{}, err
	}
	return s.at(time.Now()), nil
}

// revisions remembers what was found out about the present state of a store.
type revisions struct {
	last    atomic.Pointer[state]
	finding sync.Mutex // held by the one who finds out more

	mu        sync.Mutex
	following *following // nil if nobody follows
}

// A state is what a revision is made of.
type state struct {
	version uint64 // of the store's snapshot
	flags   map[string]flagState
	digest  string
	since   time.Time
	moments []time.Time // when answers change, sorted
	ramps   []rules.Period
}

// A flagState is what one flag adds to a state. It is kept for as long as the flag is
// the same.
type flagState struct {
	flag    *store.Flag
	digest  [sha256.Size]byte
	moments []time.Time
	ramps   []rules.Period
}

// state returns the present state of a store. If the store has a snapshot, it costs no
// more than a look at its version while nothing changes.
func (r *revisions) state(ctx context.Context, s store.Store) (*state, error) {
	var version uint64
	list := s.List
	if flags := snapshot.Of(s); flags != nil {
		view := flags.Load()
		if version = view.Version(); version == math.MaxUint64 { // it knows nothing yet
			version = 0
		} else {
			list = view.List
		}
	}
	if last := r.last.Load(); last != nil && version != 0 && last.version == version {
		return last, nil
	}
	r.finding.Lock()
	defer r.finding.Unlock()
	last := r.last.Load()
	if last != nil && version != 0 && last.version == version {
		return last, nil
	}
	next, err := newState(version, list(ctx), last)
	if err != nil {
		return nil, err
	}
	r.last.Store(next)
	return next, nil
}

func newState(version uint64, flags iter.Seq2[*store.Flag, error], last *state) (*state, error) {
	if last == nil {
		last = &state{}
	}
	s := &state{version: version, flags: make(map[string]flagState, len(last.flags)), since: last.since}
	all := sha256.New()
	for f, err := range flags {
		var one flagState
		unreadable, isUnreadable := errors.AsType[*store.UnreadableError](err)
		switch {
		case isUnreadable:
			one.digest = sha256.Sum256([]byte("unreadable\x00" + unreadable.Name + "\x00" + unreadable.Err.Error()))
		case err != nil:
			return nil, err
		default:
			if one = last.flags[f.Name]; one.flag != f {
				one = newFlagState(f)
			}
			s.flags[f.Name] = one
			s.moments = append(s.moments, one.moments...)
			s.ramps = append(s.ramps, one.ramps...)
		}
		all.Write(one.digest[:])
	}
	slices.SortFunc(s.moments, time.Time.Compare)
	s.digest = base64.RawURLEncoding.EncodeToString(all.Sum(nil)[:16])
	if s.digest != last.digest {
		s.since = time.Now()
	}
	return s, nil
}

func newFlagState(f *store.Flag) flagState {
	s := flagState{flag: f}
	// The stored form, and not the store's revision of it: that of flags in memory
	// begins anew with each process.
	text, err := store.Encode(f)
	if err != nil { // what comes from a store can be stored
		text = []byte(err.Error())
	}
	h := sha256.New()
	h.Write([]byte(f.Name + "\x00"))
	h.Write(text)
	h.Sum(s.digest[:0])
	for period := range f.Rules().Periods() {
		s.moments = appendBounds(s.moments, period)
	}
	for ramp := range f.Rules().Ramps() {
		s.ramps = append(s.ramps, rules.Period{From: ramp.Start, Until: ramp.End})
	}
	if ramp, ok := f.Bucketer.Percentage().Ramp(); ok && f.Rules().IsZero() {
		period := rules.Period{From: ramp.Start, Until: ramp.End}
		if ramp.Final < ramp.Initial {
			period.Until = time.Time{} // in Carta's model such a ramp falls for ever
		}
		s.ramps = append(s.ramps, period)
	}
	for _, ramp := range s.ramps {
		s.moments = appendBounds(s.moments, ramp)
	}
	return s
}

func appendBounds(moments []time.Time, p rules.Period) []time.Time {
	for _, bound := range []time.Time{p.From, p.Until} {
		if !bound.IsZero() {
			moments = append(moments, bound)
		}
	}
	return moments
}

// at returns the revision at a time.
func (s *state) at(now time.Time) Revision {
	r := Revision{ID: s.digest, Since: s.since}
	passed, _ := slices.BinarySearchFunc(s.moments, now, func(moment, now time.Time) int {
		if moment.After(now) {
			return 1
		}
		return -1
	})
	var moment time.Time
	if passed > 0 {
		moment = s.moments[passed-1]
	}
	for _, ramp := range s.ramps {
		if !ramp.From.After(now) && (ramp.Until.IsZero() || ramp.Until.After(now)) {
			if step := now.Truncate(rampStep); step.After(moment) {
				moment = step
			}
			break
		}
	}
	if moment.IsZero() {
		return r
	}
	r.ID += "." + strconv.FormatInt(moment.UnixNano(), 36)
	if moment.After(r.Since) {
		r.Since = moment
	}
	return r
}

// next returns the next moment at which a condition's period, or a ramp, begins or
// ends.
func (s *state) next(now time.Time) (moment time.Time, ok bool) {
	for _, moment := range s.moments {
		if moment.After(now) {
			return moment, true
		}
	}
	return time.Time{}, false
}

// Follow returns a channel that has a token whenever there may be another revision
// than when the last token was taken, and one at the beginning. It is closed when the
// environment is. The caller calls stop when done. ok is false if the store tells
// nobody of changes; then there is nothing to stop.
//
// However many follow, the changes are read once.
func (e *Environment) Follow() (changed <-chan struct{}, stop func(), ok bool) {
	if !e.CanFollow() {
		return nil, nil, false
	}
	r := &e.revisions
	wake := make(chan struct{}, 1)
	wake <- struct{}{}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.following == nil {
		r.following = e.startFollowing()
	}
	f := r.following
	f.followers[wake] = struct{}{}
	return wake, func() { f.remove(r, wake) }, true
}

// CanFollow reports whether the store tells of changes.
func (e *Environment) CanFollow() bool {
	_, ok := e.client.Store().(store.Watcher)
	return ok
}

// following is what reads changes for as long as anybody follows.
type following struct {
	cancel     context.CancelFunc
	goroutines sync.WaitGroup
	followers  map[chan struct{}]struct{} // guarded by revisions.mu
}

func (e *Environment) startFollowing() *following {
	ctx, cancel := context.WithCancel(context.Background())
	f := &following{cancel: cancel, followers: make(map[chan struct{}]struct{})}
	changed := make(chan struct{}, 1)
	f.goroutines.Go(func() {
		defer close(changed)
		var at Position
		for {
			var err error
			if _, at, _, err = e.feed.Next(ctx, at); err != nil {
				return
			}
			signal(changed)
		}
	})
	f.goroutines.Go(func() { f.tell(ctx, e, changed) })
	return f
}

// remove takes back a follower. The last one ends the reading, and waits for that.
func (f *following) remove(r *revisions, wake chan struct{}) {
	r.mu.Lock()
	delete(f.followers, wake)
	last := len(f.followers) == 0 && r.following == f
	if last {
		r.following = nil
	}
	r.mu.Unlock()
	if last {
		f.cancel()
		f.goroutines.Wait()
	}
}

// maxSleep bounds how long is waited for a moment, since clocks are set.
const maxSleep = time.Hour

// tell wakes the followers when there are changes, and when time changes answers.
func (f *following) tell(ctx context.Context, e *Environment, changed <-chan struct{}) {
	r := &e.revisions
	timer := time.NewTimer(maxSleep)
	defer timer.Stop()
	for {
		sleep := maxSleep
		if state, err := r.state(ctx, e.client.Store()); err == nil {
			now := time.Now()
			if moment, ok := state.next(now); ok {
				sleep = min(sleep, moment.Sub(now))
			}
		}
		timer.Reset(sleep)
		open := true
		select {
		case <-ctx.Done():
			return
		case _, open = <-changed:
		case <-timer.C:
		}
		r.mu.Lock()
		for wake := range f.followers {
			if open {
				signal(wake)
			} else {
				close(wake)
			}
		}
		if !open && r.following == f {
			r.following = nil
		}
		r.mu.Unlock()
		if !open {
			f.cancel()
			return
		}
	}
}

func signal(wake chan<- struct{}) {
	select {
	case wake <- struct{}{}:
	default:
	}
}
