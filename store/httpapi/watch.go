// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/flipper-go/flipper/internal/storedapi"
	"github.com/flipper-go/flipper/store"
)

// The pauses before a server that failed is asked again. They stay short: a switch that
// was thrown in between is to be seen soon after the server is back.
const (
	pauseMin = 50 * time.Millisecond
	pauseMax = time.Second
)

// Watch implements [store.Watcher]. It asks the server to answer when something changes.
// See [WithPollTimeout].
func (s *Store) Watch(ctx context.Context) iter.Seq2[store.Change, error] {
	return func(yield func(store.Change, error) bool) {
		// A loop that ends leaves nothing behind, not even its connection.
		defer s.client.CloseIdleConnections()
		w := watch{store: s}
		for attempt := 0; ctx.Err() == nil; {
			change, err := w.next(ctx)
			switch {
			case err == nil:
				if !yield(change, nil) {
					return
				}
				attempt = 0
			case ctx.Err() != nil:
				return
			case errors.Is(err, store.ErrClosed):
				yield(store.Change{}, store.ErrClosed)
				return
			default:
				w.position = "" // what happens until the next answer is unknown
				if !yield(store.Change{}, err) {
					return
				}
				s.pause(ctx, attempt)
				attempt++
			}
		}
	}
}

// A watch is one loop over Watch.
type watch struct {
	store    *Store
	position string // where the server is to go on; empty at the start
	repeated bool   // the last answer was about everything
}

// next waits for a change.
func (w *watch) next(ctx context.Context) (store.Change, error) {
	for {
		began, start := w.position != "", time.Now()
		changes, err := w.ask(ctx)
		if err != nil {
			return store.Change{}, err
		}
		w.position = changes.Position
		everything := !began || changes.Everything
		if everything && w.repeated || !everything && len(changes.Names) == 0 && time.Since(start) < pauseMin {
			w.store.pause(ctx, 0) // a server that goes on like this must not keep us busy
		}
		w.repeated = everything
		if everything {
			return store.Change{All: true}, nil
		}
		if len(changes.Names) > 0 {
			slices.Sort(changes.Names)
			return store.Change{Names: slices.Compact(changes.Names)}, nil
		}
	}
}

func (w *watch) ask(ctx context.Context) (*storedapi.Changes, error) {
	s := w.store
	wait := s.opts.pollTimeout
	query := url.Values{
		storedapi.Position: {w.position},
		storedapi.Wait:     {strconv.Itoa(int(wait / time.Second))},
	}
	answer, err := s.callWithin(ctx, s.opts.timeout+wait, "", request{method: http.MethodGet, path: storedapi.ChangesPath, query: query})
	if err != nil {
		return nil, err
	}
	var changes storedapi.Changes
	if err := json.Unmarshal(answer.body, &changes); err != nil {
		return nil, s.unavailable("the server's answer is no list of changes: %w", err)
	}
	if changes.Position == "" {
		return nil, s.unavailable("the server's answer lacks the position")
	}
	return &changes, nil
}

// pause waits, longer with each attempt and never quite alike, so that many clients do
// not come back at once.
func (s *Store) pause(ctx context.Context, attempt int) {
	longest := min(pauseMin<<min(attempt, 16), pauseMax)
	timer := time.NewTimer(longest/2 + rand.N(longest/2))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-s.life.Done():
	case <-timer.C:
	}
}
