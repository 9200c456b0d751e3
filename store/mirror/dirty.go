// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package mirror

import "sync"

// dirty is what may have changed and has to be read again.
type dirty struct {
	wake chan struct{} // capacity 1: a token if something is there

	mu    sync.Mutex
	all   bool
	names map[string]struct{}
}

func (d *dirty) init() {
	d.wake = make(chan struct{}, 1)
	d.names = make(map[string]struct{})
}

func (d *dirty) add(names ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, name := range names {
		d.names[name] = struct{}{}
	}
	d.signal()
}

func (d *dirty) addAll() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all = true
	clear(d.names)
	d.signal()
}

func (d *dirty) signal() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// take returns all that is there, and leaves nothing.
func (d *dirty) take() (all bool, names []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	all, d.all = d.all, false
	for name := range d.names {
		names = append(names, name)
	}
	clear(d.names)
	return all, names
}
