// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package redis

import (
	"maps"
	"slices"
	"sync"

	"github.com/flipper-go/flipper/store"
)

// maxPendingNames bounds what is remembered for a slow reader; beyond it,
// everything counts as changed.
const maxPendingNames = 1024

// pending is what a loop over Watch has still to be told.
type pending struct {
	wake chan struct{} // capacity 1: a token if there may be something

	mu    sync.Mutex
	begun bool  // all was told, or is to be told; before it, nothing else is
	err   error // comes first
	all   bool
	names map[string]struct{}
}

func newPending() *pending {
	return &pending{wake: make(chan struct{}, 1), names: make(map[string]struct{})}
}

func (p *pending) change(change func()) {
	p.mu.Lock()
	change()
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// addAll notes that any flag may have changed.
func (p *pending) addAll() {
	p.change(func() {
		p.begun, p.all = true, true
		clear(p.names)
	})
}

// add notes flags that may have changed.
func (p *pending) add(names ...string) {
	p.change(func() {
		for _, name := range names {
			if p.all || !p.begun {
				return
			}
			p.names[name] = struct{}{}
			if len(p.names) > maxPendingNames {
				p.all = true
				clear(p.names)
			}
		}
	})
}

// fail notes that changes may go unnoticed, until addAll.
func (p *pending) fail(err error) {
	p.change(func() {
		p.err, p.all = err, false
		clear(p.names)
	})
}

// take returns the next thing to tell, if there is one.
func (p *pending) take() (change store.Change, ok bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.err != nil:
		err, p.err = p.err, nil
	case p.all:
		p.all = false
		change.All = true
	case len(p.names) > 0:
		change.Names = slices.Sorted(maps.Keys(p.names))
		clear(p.names)
	default:
		return change, false, nil
	}
	return change, true, err
}
