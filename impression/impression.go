// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package impression delivers, in the background, what a flag client has decided, for
// whom and why.
//
//	recorder := impression.New(send, impression.WithAttributes("plan", "country"))
//	defer recorder.Close(ctx)
//
//	features := flipper.New(flags, flipper.WithImpressions(recorder, 0.01))
//
// The caller of an evaluation never waits: impressions go into a queue of bounded
// size, from which one goroutine hands them to the handler in batches. What does
// not fit is dropped and counted; see [Recorder.Dropped].
//
// # Personal data
//
// Attributes say who asked. By default none are kept: name those that you need
// with [WithAttributes]. The others are removed before an impression gets into the
// queue.
package impression

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/flipper-go/flipper"
)

// A Handler takes a batch of impressions, in the order in which they were recorded. It
// owns the batch. It is called from one goroutine, one batch after the other. Its
// context ends after the time of [WithTimeout], or when [Recorder.Close] gives up.
//
// The Recorder logs its error, and does not deliver the batch again: a handler that
// wants to retry does so itself, while its context lasts.
type Handler func(ctx context.Context, batch []flipper.Impression) error

// ErrIncomplete says that [Recorder.Close] could not deliver all impressions in time.
var ErrIncomplete = errors.New("impressions were not handed on in time")

// A Recorder is a [flipper.Recorder] with a queue. It is safe for concurrent use.
type Recorder struct {
	options
	handler Handler

	mu     sync.Mutex // held for moments only
	queue  []flipper.Impression
	closed bool

	wake    chan struct{} // capacity 1: a token when there is something to look at
	dropped atomic.Uint64
	failed  atomic.Uint64
	quiet   time.Time // no failure is logged before

	ctx    context.Context // of the handler; ends when Close gives up
	cancel context.CancelFunc
	done   chan struct{} // closed when the goroutine has ended
}

var _ flipper.Recorder = (*Recorder)(nil)

// New makes a Recorder. It starts a goroutine, which [Recorder.Close] ends.
func New(handler Handler, opts ...Option) *Recorder {
	r := &Recorder{
		options: newOptions(opts),
		handler: handler,
		wake:    make(chan struct{}, 1),
		done:    make(chan struct{}),
	}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	go r.run()
	return r
}

// Record puts an impression into the queue, without the attributes that are not to
// be kept. If the queue is full, or the Recorder is closed, the impression is
// dropped. Record does not block.
func (r *Recorder) Record(_ context.Context, i flipper.Impression) {
	i.Attrs = r.keep(i.Attrs)
	r.mu.Lock()
	if r.closed || len(r.queue) >= r.queueSize {
		r.mu.Unlock()
		r.dropped.Add(1)
		return
	}
	r.queue = append(r.queue, i)
	n := len(r.queue)
	r.mu.Unlock()
	if n == 1 || n >= r.maxBatch {
		r.signal()
	}
}

// Dropped returns the number of impressions that were dropped so far, because the
// queue was full, or the Recorder was closed, or could not be emptied by
// [Recorder.Close] in time.
func (r *Recorder) Dropped() uint64 { return r.dropped.Load() }

// Failed returns the number of impressions in batches for which the handler returned
// an error or panicked so far.
func (r *Recorder) Failed() uint64 { return r.failed.Load() }

// Close hands on what is in the queue, and ends the Recorder. It waits for that
// until ctx ends; then it ends the handler's context, drops what is left, and
// returns an error that matches [ErrIncomplete] and ctx's error, without waiting
// for a handler that does not return. It is idempotent.
func (r *Recorder) Close(ctx context.Context) error {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.signal()
	select {
	case <-r.done:
		return nil
	default:
	}
	select {
	case <-r.done:
		return nil
	case <-ctx.Done():
		r.cancel()
		r.drop()
		return fmt.Errorf("close impression recorder: %w: %w", ErrIncomplete, ctx.Err())
	}
}

// drop closes and empties the queue.
func (r *Recorder) drop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	r.dropped.Add(uint64(len(r.queue)))
	r.queue = nil
}

func (r *Recorder) signal() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// run hands on batches until the Recorder is closed.
func (r *Recorder) run() {
	defer close(r.done)
	defer r.cancel()
	defer r.drop()           // if the handler has ended the goroutine, by runtime.Goexit
	var due <-chan time.Time // when what is in the queue is handed on at the latest
	for {
		flush := false
		select {
		case <-r.wake:
		case <-due:
			flush = true
		}
		n, closed := r.queued()
		for n >= r.maxBatch || n > 0 && (flush || closed) {
			r.handOn()
			n, closed = r.queued()
		}
		switch {
		case closed:
			return
		case n == 0:
			due = nil
		default:
			due = time.After(r.maxWait)
		}
	}
}

func (r *Recorder) queued() (n int, closed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.queue), r.closed
}

// handOn hands the oldest impressions to the handler.
func (r *Recorder) handOn() {
	r.mu.Lock()
	n := min(len(r.queue), r.maxBatch)
	// The queue goes on behind the batch, so the handler can have it as it is.
	batch := r.queue[:n:n]
	r.queue = r.queue[n:]
	r.mu.Unlock()
	if n == 0 {
		return // Close has given up
	}
	if err := r.handle(batch); err != nil {
		r.failed.Add(uint64(n))
		r.report(err, n)
	}
}

// handle calls the handler. A panic there is its error: it must not end a program
// that only wants to ask for flags.
func (r *Recorder) handle(batch []flipper.Impression) (err error) {
	ctx := r.ctx
	if r.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, r.timeout)
		defer cancel()
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the handler panicked: %v", p)
		}
	}()
	return r.handler(ctx, batch)
}

// report logs that impressions are lost, at most once a minute.
func (r *Recorder) report(err error, n int) {
	now := time.Now()
	if now.Before(r.quiet) {
		return
	}
	r.quiet = now.Add(time.Minute)
	r.logger.LogAttrs(r.ctx, slog.LevelWarn, "flag impressions could not be handed on",
		slog.Any("error", err), slog.Int("impressions", n), slog.Uint64("failed_in_total", r.failed.Load()))
}
