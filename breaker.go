// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipper

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/flipper-go/flipper/store"
)

var (
	// errSuspended says that the store is not asked, because it did not answer before.
	errSuspended = fmt.Errorf("%w: it did not answer, and is being asked in the background until it does", store.ErrUnavailable)

	// errCrowded says that a check does not wait, because many do.
	errCrowded = fmt.Errorf("%w: it answers nobody, and many wait for it already", store.ErrUnavailable)

	// errWaitedEnough says that a request waits no longer.
	errWaitedEnough = fmt.Errorf("%w: this request has waited for it long enough", store.ErrUnavailable)
)

// Pauses between probes of a store that does not answer.
const (
	probePauseMin = 50 * time.Millisecond
	probePauseMax = time.Second
)

// maxFailures is how many questions in a row may fail, if that takes less than a
// time-out, before the store counts as one that does not answer.
const maxFailures = 5

// maxWaiting is how many questions may wait for a store that has answered nobody for a
// quarter of the time-out.
const maxWaiting = 64

// A breaker keeps checks from waiting for a store that does not answer. One time-out
// opens it, and so do failures in a row that are many or take as long together. While it is open, checks answer with the caller's default at once, and a
// check that comes when the last pause is over has a probe started: one question to the
// store, in the background, within the client's time-out. The first answer closes it.
//
// Flags that are held in memory never come here.
type breaker struct {
	open    atomic.Bool
	probing atomic.Bool
	next    atomic.Int64 // when the next probe may start, in nanoseconds since 1970
	pause   atomic.Int64
	told    atomic.Bool // it was logged that the breaker is open

	failures atomic.Int64 // since the last answer
	spent    atomic.Int64 // how long they took, in nanoseconds

	waiting  atomic.Int64 // questions under way
	answered atomic.Int64 // when the last answer came, or the first of them began to wait
}

// isCrowded reports whether many wait for a store that answers nobody. They will open
// the breaker; until then, nobody should join them.
func (b *breaker) isCrowded(timeout time.Duration) bool {
	return b.waiting.Load() >= maxWaiting && time.Now().UnixNano()-b.answered.Load() > int64(timeout/4)
}

// says reports whether an error says something about the flag, or that the store is
// closed: the store has answered.
func says(err error) bool {
	return err == nil || errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrUnreadable) ||
		errors.Is(err, store.ErrInvalid) || errors.Is(err, store.ErrClosed)
}

// A holder is a store that may hold flags which it would rather read again. Without
// being read again they are better than no answer.
type holder interface {
	Held(name string) (f *store.Flag, held bool)
}

// held returns the flag that the store holds, if it does, in the place of the error
// because of which the store is not asked.
func (c *FeatureFlagClient) held(name string, err error) (*store.Flag, error) {
	h, ok := c.store.(holder)
	if !ok {
		return nil, err
	}
	switch f, held := h.Held(name); {
	case !held:
		return nil, err
	case f == nil:
		return nil, store.ErrNotFound
	default:
		return f, nil
	}
}

// ask asks the store for a flag.
func (c *FeatureFlagClient) ask(ctx context.Context, name string) (f *store.Flag, err error) {
	err = c.within(ctx, name, func(ctx context.Context) error {
		f, err = c.store.Get(ctx, name)
		return err
	})
	if err == errSuspended || err == errCrowded || err == errWaitedEnough { //nolint:errorlint // the store was not asked
		return c.held(name, err)
	}
	return f, err
}

// within calls a function that asks the store, for no longer than the client's
// time-out. All that is asked through a context that pins flags, which is to say by one
// request, takes no longer together. The name is that of a flag to probe with.
func (c *FeatureFlagClient) within(ctx context.Context, name string, call func(context.Context) error) error {
	if c.timeout <= 0 {
		return call(ctx)
	}
	if c.breaker.open.Load() {
		c.probe(name)
		return errSuspended
	}
	if c.breaker.isCrowded(c.timeout) {
		return errCrowded
	}
	// Failures in a row share one time-out.
	timeout := max(c.timeout-time.Duration(c.breaker.spent.Load()), c.timeout/10)
	shortened := false
	if pins := scopeOf(ctx).pins; pins != nil {
		left := pins.waiting.begin(c.timeout)
		if left <= 0 {
			return errWaitedEnough
		}
		defer pins.waiting.end()
		timeout, shortened = min(timeout, left), left < timeout
	}
	began := time.Now()
	if c.breaker.waiting.Add(1) == 1 {
		c.breaker.answered.Store(began.UnixNano())
	}
	defer c.breaker.waiting.Add(-1)
	deadline := began.Add(timeout)
	bounded, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	err := call(bounded)
	if says(err) {
		c.breaker.failures.Store(0)
		c.breaker.spent.Store(0)
		c.breaker.answered.Store(time.Now().UnixNano())
		return err
	}
	// A caller who gave up earlier says nothing about the store.
	earlier, ok := ctx.Deadline()
	own := ctx.Err() != nil || ok && !earlier.After(deadline) || shortened
	if own && bounded.Err() != nil {
		return err
	}
	failures, spent := c.breaker.failures.Add(1), c.breaker.spent.Add(int64(time.Since(began)))
	if failures >= maxFailures || spent >= int64(c.timeout) || bounded.Err() != nil {
		c.suspend(name, err)
	}
	return err
}

// suspend opens the breaker.
func (c *FeatureFlagClient) suspend(name string, err error) {
	if !c.breaker.open.CompareAndSwap(false, true) {
		return
	}
	c.breaker.pause.Store(int64(probePauseMin))
	c.breaker.next.Store(0)
	if !c.reports.due(cause{kind: errSuspended}) {
		return
	}
	c.breaker.told.Store(true)
	c.reports.log(context.Background(), slog.LevelWarn, "the store does not answer: flags that are not in memory get the caller's default until it does",
		slog.String("flag", name), slog.Any("error", err))
}

// probe asks a store that did not answer, in the background, unless it was asked just
// now. The goroutine ends within the client's time-out.
func (c *FeatureFlagClient) probe(name string) {
	b := &c.breaker
	if time.Now().UnixNano() < b.next.Load() || !b.probing.CompareAndSwap(false, true) {
		return
	}
	go func() {
		defer b.probing.Store(false)
		ctx, cancel := context.WithTimeout(context.Background(), c.timeout)
		defer cancel()
		_, err := c.store.Get(ctx, name)
		// A store that answers with an old copy has not reached its backend.
		if says(err) && (err != nil || !c.isStale(name)) {
			b.failures.Store(0)
			b.spent.Store(0)
			b.open.Store(false)
			if b.told.Swap(false) {
				c.reports.log(ctx, slog.LevelInfo, "the store answers again")
			}
			return
		}
		pause := b.pause.Load()
		b.next.Store(time.Now().UnixNano() + pause/2 + rand.N(pause/2))
		b.pause.Store(min(2*pause, int64(probePauseMax)))
	}()
}

// A waiting is how long the checks of one request have waited for a store. Checks that
// wait at the same time count once.
type waiting struct {
	mu     sync.Mutex
	active int
	since  time.Time // when active left 0
	waited time.Duration
}

// begin begins to wait. It returns what is left of the time-out; if nothing is, end must
// not be called.
func (w *waiting) begin(timeout time.Duration) (left time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	left = timeout - w.waited
	if w.active > 0 {
		left -= now.Sub(w.since)
	}
	if left <= 0 {
		return 0
	}
	if w.active == 0 {
		w.since = now
	}
	w.active++
	return left
}

func (w *waiting) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.active--; w.active == 0 {
		w.waited += time.Since(w.since)
	}
}
