// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/flipper-go/flipper/store"
)

const (
	// countInterval is how often the flags are counted though no change was told
	// of.
	countInterval = time.Minute

	// countTimeout bounds one count.
	countTimeout = time.Minute

	// The pause between two counts is countPause at least, and so many times as
	// long as the last count took: counting must not become what a shared store
	// is busy with.
	countPause       = time.Second
	countPauseFactor = 20
)

// A flagCount is how many flags there are.
type flagCount struct {
	enabled, disabled, unreadable int
}

// A census counts the flags when they have changed, so that metrics need not ask
// the store. It is safe for concurrent use.
type census struct {
	store  store.Store
	logger *slog.Logger
	last   atomic.Pointer[flagCount] // nil until there is a count
}

// run counts until ctx ends.
func (c *census) run(ctx context.Context) {
	var watching sync.WaitGroup
	defer watching.Wait()
	changed := make(chan struct{}, 1)
	if w, ok := c.store.(store.Watcher); ok {
		watching.Go(func() { watch(ctx, w, changed) })
	}
	for {
		began := time.Now()
		count, err := c.count(ctx)
		switch {
		case err == nil:
			if c.last.Swap(&count) == nil {
				c.logger.Info("flags are loaded", slog.Int("flags", count.enabled+count.disabled), slog.Int("unreadable", count.unreadable))
			}
		case ctx.Err() == nil:
			c.logger.Debug("the flags could not be counted", slog.Any("error", err))
		}
		pause := countPause
		if err == nil {
			pause = max(pause, countPauseFactor*time.Since(began))
		}
		if !wait(ctx, pause, nil) {
			return
		}
		if err == nil && !wait(ctx, countInterval, changed) {
			return
		}
	}
}

// watch tells changed when flags may have changed. A loss of the connection needs
// no word: when it is back, everything may have changed.
func watch(ctx context.Context, w store.Watcher, changed chan<- struct{}) {
	for _, err := range w.Watch(ctx) {
		if err != nil {
			continue
		}
		select {
		case changed <- struct{}{}:
		default:
		}
	}
}

// wait waits for a time, or for earlier. It reports false if ctx ends.
func wait(ctx context.Context, d time.Duration, earlier <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-earlier:
	case <-timer.C:
	}
	return true
}

func (c *census) count(ctx context.Context) (flagCount, error) {
	ctx, cancel := context.WithTimeout(ctx, countTimeout)
	defer cancel()
	var n flagCount
	for flag, err := range c.store.List(ctx) {
		switch {
		case errors.Is(err, store.ErrUnreadable):
			n.unreadable++
		case err != nil:
			return flagCount{}, err
		case flag.Enabled:
			n.enabled++
		default:
			n.disabled++
		}
	}
	return n, nil
}
