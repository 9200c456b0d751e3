// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package cached

import (
	"context"
	"hash/maphash"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"

	"github.com/flipper-go/flipper/store"
)

// A Store holds flags of another store. It is safe for concurrent use; reads of
// what it holds do not allocate.
type Store struct {
	options
	inner   store.Store
	made    time.Time
	entries *lru.Cache[string, *entry]
	seed    maphash.Seed
	shards  [shards]shard
	flights singleflight.Group

	trusted  atomic.Bool // the store below tells of every change
	notifier store.Notifier
	heard    chan struct{} // closed when the store below has told something
	hear     func()        // closes it

	ctx        context.Context // ends with the store
	cancel     context.CancelFunc
	mu         sync.Mutex // held to begin work, and to close
	closed     atomic.Bool
	goroutines sync.WaitGroup
}

var (
	_ store.Watcher = (*Store)(nil)
	_ store.Peeker  = (*Store)(nil)
	_ store.Dated   = (*Store)(nil)
)

// New makes a store that holds the flags of another one, which it neither asks
// yet nor ever closes. If that is a [store.Watcher], it is watched until Close.
func New(inner store.Store, opts ...Option) *Store {
	s := &Store{
		options: newOptions(opts),
		inner:   inner,
		made:    time.Now(),
		seed:    maphash.MakeSeed(),
		heard:   make(chan struct{}),
	}
	s.hear = sync.OnceFunc(func() { close(s.heard) })
	s.entries, _ = lru.New[string, *entry](s.size) // fails for sizes that are not positive only
	s.ctx, s.cancel = context.WithCancel(context.Background())
	if w, ok := inner.(store.Watcher); ok {
		s.goroutines.Go(func() { s.follow(w) })
		s.goroutines.Go(s.expire)
	} else {
		s.lost(ErrNoWatch)
	}
	return s
}

// Close ends all watches and waits for what is under way below; other calls fail
// with [store.ErrClosed]. It does not close the store below. It is idempotent and
// returns nil.
func (s *Store) Close() error {
	s.mu.Lock()
	s.closed.Store(true)
	s.mu.Unlock()
	s.cancel()
	s.goroutines.Wait()
	s.notifier.Close()
	s.entries.Purge()
	return nil
}

// begin notes a piece of work that Close is to wait for, unless it is too late.
func (s *Store) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed.Load() {
		return false
	}
	s.goroutines.Add(1)
	return true
}

// check says why a call is to do nothing.
func (s *Store) check(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.closed.Load() {
		return store.ErrClosed
	}
	return nil
}

// Get implements [store.Store]. It reads from the store below if the
// flag is not held, or what is held has expired. If that read fails, takes too long, or
// ctx ends first, Get returns the held flag unless it is too old; see [WithMaxStale].
func (s *Store) Get(ctx context.Context, name string) (*store.Flag, error) {
	if err := s.check(ctx); err != nil {
		return nil, err
	}
	e, ok := s.entries.Get(name)
	if ok && s.isFresh(e) {
		return e.answer()
	}
	return s.reload(ctx, name, e)
}

// Peek implements [store.Peeker]. It knows the flags that are held and have
// not expired.
func (s *Store) Peek(name string) (f *store.Flag, known bool) {
	e, ok := s.entries.Get(name)
	if !ok || !s.isFresh(e) || s.closed.Load() {
		return nil, false
	}
	return e.flag, true
}

// Held returns the flag as it is held, expired or not, or nil if it is known that there
// is none. It never reads from the store below, and returns nothing older than
// [WithMaxStale]. The flag client uses it while the store below does not answer.
func (s *Store) Held(name string) (f *store.Flag, held bool) {
	e, ok := s.entries.Get(name)
	if !ok || s.closed.Load() || !s.isFresh(e) && s.age(e) > s.maxStale {
		return nil, false
	}
	return e.flag, true
}

// Age implements [store.Dated]. The age is 0 while the store below reports
// changes, and for flags that are not held. If the store below is a [store.Dated], its
// own age is added.
func (s *Store) Age(name string) (age time.Duration, stale bool) {
	if e, ok := s.entries.Peek(name); ok {
		age, stale = s.age(e), e.hasFailed()
	}
	if dated, ok := s.inner.(store.Dated); ok {
		below, belowStale := dated.Age(name)
		age, stale = age+below, stale || belowStale
	}
	return age, stale
}

// Put implements [store.Store]. The flag goes to the store below.
func (s *Store) Put(ctx context.Context, f *store.Flag) (*store.Flag, error) {
	if err := s.check(ctx); err != nil {
		return nil, err
	}
	w := s.write(f.Name)
	stored, err := s.inner.Put(ctx, f)
	w.done(stored, err)
	return stored, err
}

// Delete implements [store.Store].
func (s *Store) Delete(ctx context.Context, name string) error {
	if err := s.check(ctx); err != nil {
		return err
	}
	w := s.write(name)
	err := s.inner.Delete(ctx, name)
	w.done(nil, err)
	return err
}

// List implements [store.Store]. It always asks the store below, and does
// not keep what that returns.
func (s *Store) List(ctx context.Context) iter.Seq2[*store.Flag, error] {
	return func(yield func(*store.Flag, error) bool) {
		if err := s.check(ctx); err != nil {
			yield(nil, err)
			return
		}
		s.inner.List(ctx)(yield)
	}
}
