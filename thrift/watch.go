// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package thrift

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/flipper-go/flipper/internal/featureflagstore"
	"github.com/flipper-go/flipper/store"
)

// maxWatchTimeout is the longest that a long poll waits.
const maxWatchTimeout = 60 * time.Second

// A changeWatch watches a store, on one goroutine, for all long polls together.
// It begins with the first long poll.
type changeWatch struct {
	store  store.Watcher
	failed func(error)
	ctx    context.Context
	cancel context.CancelFunc
	done   sync.WaitGroup

	mu      sync.Mutex
	started bool
	closed  bool
	news    chan struct{} // closed when anything below changes
	stands  bool          // whether the store tells of every change
	err     error         // why it does not
	log     *changeLog
}

func newChangeWatch(s store.Watcher, failed func(error)) *changeWatch {
	ctx, cancel := context.WithCancel(context.Background())
	return &changeWatch{store: s, failed: failed, ctx: ctx, cancel: cancel, news: make(chan struct{}), log: newChangeLog()}
}

func (w *changeWatch) start() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.started && !w.closed {
		w.started = true
		w.done.Go(w.run)
	}
}

func (w *changeWatch) close() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.cancel()
	w.done.Wait()
}

func (w *changeWatch) run() {
	last := errors.New("the store ended its watch")
	for change, err := range w.store.Watch(w.ctx) {
		if err != nil {
			last = err
			w.lost(err)
			continue
		}
		w.told(change)
	}
	if w.ctx.Err() == nil {
		w.lost(last)
	}
}

func (w *changeWatch) told(c store.Change) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c.All {
		w.stands, w.err = true, nil
		w.log.addAll()
	} else {
		w.log.add(c.Names)
	}
	w.wake()
}

func (w *changeWatch) lost(err error) {
	w.failed(err)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stands, w.err = false, err
	w.wake()
}

func (w *changeWatch) wake() {
	close(w.news)
	w.news = make(chan struct{})
}

// A watchState is what a long poll sees at one moment.
type watchState struct {
	stands   bool
	err      error
	names    []string
	all      bool
	position string
	news     <-chan struct{}
}

func (w *changeWatch) state(position string) watchState {
	w.mu.Lock()
	defer w.mu.Unlock()
	state := watchState{stands: w.stands, err: w.err, position: w.log.end(), news: w.news}
	if w.stands {
		state.names, state.all = w.log.since(position)
	}
	return state
}

func (s *Service) watchFailed(err error) {
	s.report("the store's watch failed", err)
}

// Watch waits until a flag may have changed since a position, but no longer than
// the timeout (at most 60 s; 0 does not wait), and tells which, and the position
// from which the next call goes on. Without a position, and with one that is
// unknown or too old, it answers everything, as soon as it would see every later
// change; so does every position from before the store's own watch had a gap.
//
// While the store cannot tell of changes the answer is UNAVAILABLE, at once. It
// is UNSUPPORTED if the store cannot watch at all.
func (s *Service) Watch(ctx context.Context, position string, timeoutMillis int32) (*featureflagstore.FlagChanges, error) {
	return s.waitForChange(ctx, nil, position, timeoutMillis)
}

// waitForChange is Watch, for a server that ends it when it is stopping.
func (s *Service) waitForChange(ctx context.Context, stopping <-chan struct{}, position string, timeoutMillis int32) (*featureflagstore.FlagChanges, error) {
	if s.watch == nil {
		return nil, errUnsupported()
	}
	s.watch.start()
	timeout := min(time.Duration(max(timeoutMillis, 0))*time.Millisecond, maxWatchTimeout)
	changeTimer := time.NewTimer(timeout)
	defer changeTimer.Stop()
	// That the store's watch begins is not what the timeout is about.
	beginTimer := time.NewTimer(s.storeTimeout)
	defer beginTimer.Stop()
	for {
		if s.isClosed() {
			return nil, errStopping()
		}
		state := s.watch.state(position)
		switch {
		case errors.Is(state.err, errors.ErrUnsupported):
			return nil, errUnsupported()
		case state.err != nil:
			return nil, exception(featureflagstore.ErrorCode_UNAVAILABLE, "the flag store does not tell of changes at present; the server's log says why")
		case state.stands && (state.all || len(state.names) > 0 || timeout == 0):
			return changes(state), nil
		}
		timer := changeTimer.C
		if !state.stands {
			timer = beginTimer.C
		}
		select {
		case <-state.news:
		case <-timer:
			if !state.stands {
				return nil, exception(featureflagstore.ErrorCode_UNAVAILABLE, "the flag store did not begin to tell of changes in time")
			}
			return changes(state), nil
		case <-stopping:
			return nil, errStopping()
		case <-s.closed:
			return nil, errStopping()
		case <-ctx.Done():
			return nil, errStopping()
		}
	}
}

func errUnsupported() error {
	return exception(featureflagstore.ErrorCode_UNSUPPORTED, "the flag store of this service cannot tell of changes")
}

func changes(state watchState) *featureflagstore.FlagChanges {
	c := &featureflagstore.FlagChanges{Position: &state.position, FeatureNames: state.names}
	if state.all {
		c.Everything = &state.all
	}
	return c
}
