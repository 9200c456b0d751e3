// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package redis

import (
	"context"
	"crypto/sha1" //nolint:gosec // what Redis' scripts have, to tell states apart
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"github.com/redis/go-redis/v9"

	"github.com/flipper-go/flipper/store"
)

// A Store keeps flags in Redis. It is a [store.Watcher]. Store is safe for
// concurrent use. Make one with [New].
type Store struct {
	client  redis.UniversalClient
	single  *redis.Client        // the client, if it is of one server or of a Sentinel's
	cluster *redis.ClusterClient // the client, if it is of a cluster
	options
	prefix string // of all keys

	batchers    batchers
	decoded     decodedFlags
	noScripts   atomic.Bool // the user may not run scripts
	pollingTold sync.Once

	ctx     context.Context // ends when the store is closed
	cancel  context.CancelFunc
	mu      sync.Mutex     // held to start a goroutine, and to close
	running sync.WaitGroup // watches and batches
}

var _ store.Watcher = (*Store)(nil)

// New makes a store of the flags that a client can reach: a [*redis.Client] or a
// [*redis.ClusterClient]. It does not dial. The client stays the caller's, who
// closes it after the store.
//
// It fails if the client is nil, closed, or of a kind that cannot keep flags: a
// [*redis.Ring], one that reads from replicas, which lag behind, or one with
// a client-side cache of its own, which does too.
func New(client redis.UniversalClient, opts ...Option) (*Store, error) {
	s := &Store{client: client, options: newOptions(opts)}
	s.prefix = s.baseKey + "/"
	if err := s.checkOptions(); err != nil {
		return nil, fmt.Errorf("flags in Redis: %w", err)
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s, nil
}

var (
	errNilClient    = errors.New("the client is nil")
	errReadsReplica = errors.New("the client reads from replicas, which lag behind (ReadOnly, RouteByLatency, RouteRandomly): give one that reads from masters")
	errCachesItself = errors.New("the client has a client-side cache, which lags behind the changes that Watch tells of: give one without")
)

func (s *Store) checkOptions() error {
	switch {
	case s.baseKey == "":
		return errors.New("the base key is empty")
	case len(s.baseKey) > store.MaxNameSize:
		return fmt.Errorf("the base key has %d bytes, at most %d are allowed", len(s.baseKey), store.MaxNameSize)
	case !utf8.ValidString(s.baseKey):
		return fmt.Errorf("the base key %q is not valid UTF-8", s.baseKey)
	case s.client == nil || reflect.ValueOf(s.client).Kind() == reflect.Pointer && reflect.ValueOf(s.client).IsNil():
		return errNilClient
	}
	switch c := s.client.(type) {
	case *redis.Client:
		s.single = c
		if o := c.Options(); o.ClientSideCache != nil || o.ClientSideCacheConfig != nil {
			return errCachesItself
		}
	case *redis.ClusterClient:
		s.cluster = c
		if o := c.Options(); o.ReadOnly || o.RouteByLatency || o.RouteRandomly {
			return errReadsReplica
		}
	default:
		return fmt.Errorf("a %T cannot keep flags: give a *redis.Client or a *redis.ClusterClient", c)
	}
	if isClosed(s.client) {
		return redis.ErrClosed
	}
	return nil
}

// Close ends all watches and waits for them, and for the reads that callers
// share. It is idempotent. Other calls fail with [store.ErrClosed] from then on. It
// does not close the client.
func (s *Store) Close() error {
	s.mu.Lock()
	s.cancel()
	s.mu.Unlock()
	s.running.Wait()
	return nil
}

// start runs f on a goroutine that Close waits for. It does not if the store is
// closed.
func (s *Store) start(f func()) (started bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		return false
	}
	s.running.Go(f)
	return true
}

// Get implements [store.Store]. It takes one round trip, which concurrent
// callers share when there are many.
func (s *Store) Get(ctx context.Context, name string) (*store.Flag, error) {
	if err := s.check(ctx); err != nil {
		return nil, err
	}
	v, err := s.read(ctx, s.key(name))
	if err != nil {
		return nil, s.failed(ctx, "get", err)
	}
	return s.decoded.flag(name, v)
}

// Put implements [store.Store]. It takes one round trip.
func (s *Store) Put(ctx context.Context, f *store.Flag) (*store.Flag, error) {
	if err := s.check(ctx); err != nil {
		return nil, err
	}
	text, err := store.Encode(f)
	if err != nil {
		return nil, err
	}
	stored, err := value{text: string(text)}.flag(f.Name)
	if err != nil {
		return nil, err
	}
	done, err := s.write(ctx, write{key: s.key(f.Name), over: f.Revision, text: string(text)})
	switch {
	case err != nil:
		return nil, s.failed(ctx, "put", err)
	case done:
		return stored, nil
	case f.Revision == "":
		return nil, store.ErrExists
	}
	return nil, store.ErrConflict
}

// Delete implements [store.Store].
func (s *Store) Delete(ctx context.Context, name string) error {
	if err := s.check(ctx); err != nil {
		return err
	}
	done, err := s.write(ctx, write{key: s.key(name), any: true})
	if err != nil {
		return s.failed(ctx, "delete", err)
	}
	if !done {
		return store.ErrNotFound
	}
	return nil
}

func (s *Store) key(name string) string { return s.prefix + name }

// revision returns the revision of a stored form, which scripts compute as well.
func revision(text string) string {
	var space [1 << 10]byte                     // most flags are smaller, and need no copy on the heap
	sum := sha1.Sum(append(space[:0], text...)) //nolint:gosec // see the import
	var digits [2 * sha1.Size]byte
	hex.Encode(digits[:], sum[:])
	return string(digits[:])
}
