// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package instrumented

import (
	"context"
	"iter"
	"time"

	"github.com/flipper-go/flipper/internal/snapshot"
	"github.com/flipper-go/flipper/store"
)

// extended returns the calls with the further methods that the store within has.
// Whether a store is a Watcher, a Peeker or a Dated is asked of its type, so there
// is one type for each combination.
func extended(c *calls) (s store.Store) {
	watcher, watches := c.inner.(store.Watcher)
	w := &watching{inner: watcher, observers: watchObservers(c.observers)}
	peeker, peeks := c.inner.(store.Peeker)
	p := &peeking{inner: peeker}
	d, dates := c.inner.(store.Dated)

	switch {
	case watches && peeks && dates:
		s = &struct {
			*calls
			*watching
			*peeking
			dated
		}{c, w, p, d}
	case watches && peeks:
		s = &struct {
			*calls
			*watching
			*peeking
		}{c, w, p}
	case watches && dates:
		s = &struct {
			*calls
			*watching
			dated
		}{c, w, d}
	case peeks && dates:
		s = &struct {
			*calls
			*peeking
			dated
		}{c, p, d}
	case watches:
		s = &struct {
			*calls
			*watching
		}{c, w}
	case peeks:
		s = &struct {
			*calls
			*peeking
		}{c, p}
	case dates:
		s = &struct {
			*calls
			dated
		}{c, d}
	default:
		s = c
	}
	p.self = s
	return s
}

// watching is what a [store.Watcher] has besides the calls.
type watching struct {
	inner     store.Watcher
	observers []WatchObserver
}

func watchObservers(observers []Observer) (watch []WatchObserver) {
	for _, observer := range observers {
		if w, ok := observer.(WatchObserver); ok {
			watch = append(watch, w)
		}
	}
	return watch
}

// Watch implements [store.Watcher].
func (w *watching) Watch(ctx context.Context) iter.Seq2[store.Change, error] {
	if len(w.observers) == 0 {
		return w.inner.Watch(ctx)
	}
	return func(yield func(store.Change, error) bool) {
		for change, err := range w.inner.Watch(ctx) {
			for _, observer := range w.observers {
				observer.Watched(ctx, change, err)
			}
			if !yield(change, err) {
				return
			}
		}
	}
}

// peeking is what a [store.Peeker] has besides the calls.
type peeking struct {
	inner store.Peeker
	self  store.Store // what New gives
}

// Peek implements [store.Peeker].
func (p *peeking) Peek(name string) (f *store.Flag, known bool) { return p.inner.Peek(name) }

// Held returns the flag that the store within holds, if it is one of package cached.
func (p *peeking) Held(name string) (f *store.Flag, held bool) {
	if holder, ok := p.inner.(interface {
		Held(name string) (*store.Flag, bool)
	}); ok {
		return holder.Held(name)
	}
	return nil, false
}

// Snapshots lets the flag client read without a call in between, if it can do so
// with the store within. Only the client may use it, and it must not change
// the Map.
func (p *peeking) Snapshots(asked store.Store) *snapshot.Map {
	if asked != p.self {
		return nil // a store around this one
	}
	return snapshot.Of(p.inner)
}

// dated is what a [store.Dated] has besides the calls.
type dated interface {
	Age(name string) (age time.Duration, stale bool)
}
