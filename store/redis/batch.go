// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package redis

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/flipper-go/flipper/store"
)

const (
	// quickTimeout is how long a quick read may take. A caller that reads on its
	// own goroutine cannot leave before, whatever becomes of its context.
	quickTimeout = 100 * time.Millisecond

	// quickEnough is how soon a server has to answer to be read from quickly
	// again. It is much less, because the client's clock for time limits is up to
	// 50 milliseconds late.
	quickEnough = quickTimeout / 4

	// aloneAtOnce is how many callers read each on its own goroutine. Beyond it,
	// to share round trips is worth the change of goroutines.
	aloneAtOnce = 8

	// batchesAtOnce is how many batches are under way. With one, the server and
	// we would take turns; more would be smaller, which costs more for each key.
	batchesAtOnce = 2

	// batchSize is how many keys a batch has at most: enough that more would save
	// little, and few enough for quickTimeout.
	batchSize = 256
)

// A batcher reads from one server for many callers. A few read each on its own
// goroutine. When there are more, they wait while batches are under way, and the
// next batch reads the keys of all who wait, each once, in one round trip. There
// is no timer: nobody waits for callers to come. A caller joins only a batch that
// is still to be sent, so it gets nothing older than its call.
//
// All this is for a server that answers soon. A quick read is made once, with a
// short time limit. If it fails, its callers read slowly, each for itself, and
// then everybody does until the server answers soon again.
type batcher struct {
	s      *Store
	client *redis.Client // the user's client for the server, with short time limits
	alone  int64         // how many may read each on its own goroutine
	slow   atomic.Bool   // the server does not answer soon

	readers atomic.Int64 // those that read each on its own goroutine

	mu      sync.Mutex
	batches int                  // under way, or about to be
	waiting []*question          // for a batch, in the order they came
	byKey   map[string]*question // the same
}

// A question is what there is at a key, for one or more callers.
type question struct {
	key      string
	answered chan struct{} // closed once the others are set
	value    value
	err      error
}

// newBatcher makes a batcher for the server of a client. It shares the client's
// connections.
func newBatcher(s *Store, client *redis.Client) *batcher {
	limit := quickTimeout
	if theirs := client.Options().ReadTimeout; theirs > 0 {
		limit = min(limit, theirs)
	}
	quick := client.WithTimeout(limit)
	if s.addReadHooks != nil {
		s.addReadHooks(quick)
	}
	return &batcher{
		s:      s,
		client: quick,
		alone:  int64(min(aloneAtOnce, client.Options().PoolSize)),
		byKey:  make(map[string]*question),
	}
}

// read returns what there is at a key.
func (b *batcher) read(ctx context.Context, key string) (value, error) {
	if b.slow.Load() {
		return b.readSlowly(ctx, key)
	}
	v, err := b.readQuickly(ctx, key)
	if err == nil || errors.Is(err, store.ErrClosed) || ctx.Err() != nil {
		return v, err
	}
	return b.readSlowly(ctx, key)
}

func (b *batcher) readQuickly(ctx context.Context, key string) (value, error) {
	q, mustJoin := b.join(key, !outlasts(ctx, quickTimeout))
	if !mustJoin {
		return b.readAlone(ctx, key)
	}
	select {
	case <-q.answered:
		return q.value, q.err
	case <-ctx.Done():
		return value{}, ctx.Err()
	case <-b.s.ctx.Done():
		return value{}, store.ErrClosed
	}
}

// outlasts reports whether a context has more time left than d.
func outlasts(ctx context.Context, d time.Duration) bool {
	deadline, ok := ctx.Deadline()
	return !ok || time.Until(deadline) > d
}

// join adds a question to those that wait, if the caller must not read alone.
func (b *batcher) join(key string, must bool) (q *question, joined bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !must && b.batches == 0 && b.readers.Load() < b.alone {
		b.readers.Add(1)
		return nil, false
	}
	if q := b.byKey[key]; q != nil {
		return q, true
	}
	q = &question{key: key, answered: make(chan struct{})}
	b.waiting = append(b.waiting, q)
	b.byKey[key] = q
	if b.batches < batchesAtOnce && b.s.start(b.readWaiting) {
		b.batches++
	}
	return q, true
}

// readAlone reads on the caller's goroutine.
func (b *batcher) readAlone(ctx context.Context, key string) (value, error) {
	defer b.readers.Add(-1)
	cmd := newGetOnce(ctx, key)
	_ = b.client.Process(ctx, cmd) // the error is the command's
	v, err := valueOf(cmd.StringCmd)
	b.note(err)
	return v, err
}

// readWaiting reads for those who wait, until nobody does.
func (b *batcher) readWaiting() {
	for {
		// Those who have just been answered ask again before we look, if they are
		// going to. Without this, batches stay small.
		runtime.Gosched()
		questions := b.take()
		if questions == nil {
			return
		}
		b.readBatch(questions)
	}
}

// take returns the questions of the next batch. If there are none, it takes the
// caller off those that read batches.
func (b *batcher) take() []*question {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := min(len(b.waiting), batchSize)
	if n == 0 {
		b.batches--
		return nil
	}
	questions := b.waiting[:n:n]
	if b.waiting = b.waiting[n:]; len(b.waiting) == 0 {
		b.waiting = nil // so that it does not hold those that are answered
	}
	for _, q := range questions {
		delete(b.byKey, q.key)
	}
	return questions
}

// readBatch answers questions in one round trip. One command for each lets each
// have an error of its own.
func (b *batcher) readBatch(questions []*question) {
	ctx, cancel := context.WithTimeout(b.s.ctx, quickTimeout)
	defer cancel()
	commands := make([]getOnce, len(questions))
	_, _ = b.client.Pipelined(ctx, func(p redis.Pipeliner) error { // each command has its error
		for i, q := range questions {
			commands[i] = newGetOnce(ctx, q.key)
			_ = p.Process(ctx, commands[i])
		}
		return nil
	})
	for i, q := range questions {
		q.value, q.err = valueOf(commands[i].StringCmd)
		b.note(q.err)
		close(q.answered)
	}
}

// note takes how a quick read has ended.
func (b *batcher) note(err error) {
	if err != nil && !isReply(err) && !errors.Is(err, context.Canceled) {
		b.slow.Store(true)
	}
}

// readSlowly reads without quickTimeout, see [Store.readSlowly].
func (b *batcher) readSlowly(ctx context.Context, key string) (value, error) {
	began := time.Now()
	v, err := b.s.readSlowly(ctx, key)
	if err == nil && time.Since(began) < quickEnough {
		b.slow.Store(false)
	}
	return v, err
}

// getOnce is a GET that the client does not send again when its reply is lost: the
// next attempt has other time limits.
type getOnce struct{ *redis.StringCmd }

func newGetOnce(ctx context.Context, key string) getOnce {
	return getOnce{redis.NewStringCmd(ctx, "get", key)}
}

// NoRetry is what the client asks.
func (getOnce) NoRetry() bool { return true }
