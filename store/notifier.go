// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync"
)

// maxPendingNames bounds what a Notifier remembers for a slow reader; beyond it,
// everything counts as changed.
const maxPendingNames = 1024

// A Notifier tells any number of watchers which flags may have changed. A store
// that is the only one to change its flags embeds one to be a [Watcher]. The
// zero value is ready to use. Notifier is safe for concurrent use.
type Notifier struct {
	mu       sync.Mutex
	watchers map[*watcher]struct{}
	lost     error // told by NotifyError, and not over yet
	closed   bool
}

// A watcher is one loop over Watch: what it has still to be told.
type watcher struct {
	wake  chan struct{} // capacity 1: a token if there is something to be told
	all   bool
	names map[string]struct{}
	lost  error // comes after the others
}

// Notify tells the watchers that a flag may have changed. It never blocks. Call
// it after the change can be read.
func (n *Notifier) Notify(name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for w := range n.watchers {
		switch {
		case w.all:
		case len(w.names) >= maxPendingNames:
			w.all = true
			w.names = nil
		default:
			if w.names == nil {
				w.names = make(map[string]struct{})
			}
			w.names[name] = struct{}{}
		}
		w.signal()
	}
}

// NotifyAll tells the watchers that any flag may have changed, and that what
// NotifyError told is over. It never blocks.
func (n *Notifier) NotifyAll() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lost = nil
	for w := range n.watchers {
		w.all, w.names, w.lost = true, nil, nil
		w.signal()
	}
}

// NotifyError tells the watchers, present and future, that changes may happen
// which they are not told of: err says why, and matches [ErrUnavailable]. That
// goes on until NotifyAll. It never blocks.
func (n *Notifier) NotifyError(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lost = err
	for w := range n.watchers {
		w.lost = err
		w.signal()
	}
}

// Close ends all watches with [ErrClosed], present and future. It is idempotent.
func (n *Notifier) Close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closed = true
	for w := range n.watchers {
		w.signal()
	}
}

// Watch implements [Watcher].
func (n *Notifier) Watch(ctx context.Context) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		w := &watcher{wake: make(chan struct{}, 1), all: true}
		w.signal()
		n.add(w)
		defer n.remove(w)
		for ctx.Err() == nil {
			select {
			case <-ctx.Done():
				return
			case <-w.wake:
			}
			change, err := n.take(w)
			if !yield(change, err) || errors.Is(err, ErrClosed) {
				return
			}
		}
	}
}

func (w *watcher) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (n *Notifier) add(w *watcher) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.watchers == nil {
		n.watchers = make(map[*watcher]struct{})
	}
	w.lost = n.lost
	n.watchers[w] = struct{}{}
}

func (n *Notifier) remove(w *watcher) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.watchers, w)
}

func (n *Notifier) take(w *watcher) (Change, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	// A token that came after the wake-up is for what is taken here: left, it
	// would bring a change of nothing.
	select {
	case <-w.wake:
	default:
	}
	if n.closed {
		return Change{}, ErrClosed
	}
	if w.lost != nil && (w.all || len(w.names) > 0) {
		w.signal()
	}
	if w.all {
		w.all = false
		return Change{All: true}, nil
	}
	if err := w.lost; err != nil && len(w.names) == 0 {
		w.lost = nil
		return Change{}, err
	}
	names := make([]string, 0, len(w.names))
	for name := range w.names {
		names = append(names, name)
	}
	slices.Sort(names)
	clear(w.names)
	return Change{Names: names}, nil
}
