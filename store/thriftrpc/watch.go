// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package thriftrpc

import (
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"github.com/apache/thrift/lib/go/thrift"

	"github.com/flipper-go/flipper/internal/featureflagstore"
	"github.com/flipper-go/flipper/store"
)

// Watch implements [store.Watcher], with one exception: if the service
// cannot tell of changes, it yields a change with All set, then [ErrNoWatch], and
// ends.
//
// It asks the service to answer when something changes, on a connection of its
// own. See [WithPollTimeout].
func (s *Store) Watch(ctx context.Context) iter.Seq2[store.Change, error] {
	return func(yield func(store.Change, error) bool) {
		sub := subscription{s: s}
		defer sub.stop(false)
		for attempt := 0; ctx.Err() == nil; {
			change, err := sub.next(ctx)
			switch {
			case err == nil:
				if !yield(change, nil) {
					return
				}
				attempt = 0
				continue
			case ctx.Err() != nil:
				return
			case errors.Is(err, store.ErrClosed):
				yield(store.Change{}, store.ErrClosed)
				return
			case errors.Is(err, ErrNoWatch):
				if sub.position != "" || yield(store.Change{All: true}, nil) {
					yield(store.Change{}, err)
				}
				return
			}
			sub.stop(true)
			if !yield(store.Change{}, err) {
				return
			}
			s.pause(ctx, attempt)
			attempt++
		}
	}
}

// A subscription is one loop over Watch.
type subscription struct {
	s        *Store
	c        *connection
	position string // where the service is to continue; empty at the start
	repeated bool   // the last answer told of everything
}

// stop drops the connection, and the position: what happened until there is
// another one is unknown.
func (sub *subscription) stop(lost bool) {
	if sub.c != nil {
		sub.s.pool.drop(sub.c, lost)
	}
	sub.c, sub.position, sub.repeated = nil, "", false
}

// next waits for something to tell.
func (sub *subscription) next(ctx context.Context) (store.Change, error) {
	for {
		begin, began := time.Now(), sub.position != ""
		answer, err := sub.ask(ctx)
		if err != nil {
			return store.Change{}, err
		}
		if answer.GetPosition() == "" {
			return store.Change{}, sub.s.unavailable("Watch", "the service's answer lacks the position")
		}
		sub.position = *answer.Position

		everything := !began || answer.GetEverything()
		names := answer.FeatureNames
		if everything && sub.repeated || !everything && len(names) == 0 && time.Since(begin) < pauseMin {
			// A service that goes on like this must not keep us busy.
			sub.s.pause(ctx, 0)
		}
		sub.repeated = everything
		if everything {
			return store.Change{All: true}, nil
		}
		if len(names) > 0 {
			slices.Sort(names)
			return store.Change{Names: slices.Compact(names)}, nil
		}
	}
}

// ask asks once, and waits for as long as the service may take.
func (sub *subscription) ask(ctx context.Context) (*featureflagstore.FlagChanges, error) {
	p := sub.s.pool
	timeout := p.timeout
	if sub.position != "" {
		timeout += p.pollTimeout
	}
	call := watchCall{sub, exchange{p: p, ctx: ctx, method: "Watch", deadline: time.Now().Add(timeout)}}
	if d, ok := ctx.Deadline(); ok && d.Before(call.deadline) {
		call.deadline = d
	}
	answer, err := featureflagstore.NewFeatureFlagStoreClient(call).Watch(ctx, sub.position, int32(p.pollTimeout/time.Millisecond))
	if exception, ok := errors.AsType[*featureflagstore.FlipperException](err); isUnknownMethod(err) ||
		ok && exception.Code != nil && *exception.Code == featureflagstore.ErrorCode_UNSUPPORTED {
		return nil, call.wrap(ErrNoWatch, "")
	}
	return answer, sub.s.answered("Watch", "", err)
}

// A watchCall is one call on the subscription's connection, which it opens if
// there is none.
type watchCall struct {
	sub *subscription
	exchange
}

func (w watchCall) Call(_ context.Context, _ string, args, result thrift.TStruct) (meta thrift.ResponseMeta, err error) {
	if !w.p.begin() {
		return meta, w.closed()
	}
	defer w.p.calls.Done()
	if w.sub.c == nil {
		if w.sub.c, err = w.dial(); err != nil {
			return meta, err
		}
	}
	reusable, err := w.sub.c.exchange(w.ctx, w.deadline, w.method, args, result)
	if err != nil && !isApplicationException(err) {
		return meta, w.failed(err, hintFor(err))
	}
	if !reusable {
		return meta, w.failed(errOutOfStep, hintExchange)
	}
	return meta, err
}

var errOutOfStep = errors.New("something followed the reply")
