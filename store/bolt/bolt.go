// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package bolt keeps flags in one file on disk, without a server.
//
//	flags, err := bolt.Open("flags.db")
//	if err != nil {
//		log.Fatal(err)
//	}
//	defer flags.Close()
//	features := flipper.New(flags)
//
// A write returns when it is on the disk, and survives that the process is killed
// or the power fails. Reads come from memory, where all flags are held, and cost
// the same as with package memory.
//
// # One process
//
// The file belongs to the process that has opened it; another one that tries gets
// [ErrLocked]. Processes that share flags need a server between them: Redis,
// Consul, or `flipper serve`, which keeps its flags with this package.
//
// # The file
//
// It is a bbolt database with three buckets: "flipper" says whose it is,
// "features" has the flags, and "checksums" has a checksum of each. A flag's key is
// a slash and its name; its value is its revision in decimal, a line break, and the
// JSON that [store.Encode] returns. The checksum, under the same key, is the CRC-64
// of key and value. To make a backup, copy the file while no process has it open.
//
// # Damage
//
// bbolt has no checksums of its pages, so a bit that turns on the disk could turn
// into another flag. A flag that does not match its checksum, is missing, or has
// none, is unreadable ([store.ErrUnreadable]), and the others are served: every
// answer is what was stored, or an error. Restore the file from a backup, or delete
// the flag and create it again.
//
// A file that is damaged elsewhere, or is another program's, is refused
// ([ErrCorrupt], [ErrForeign]) and left as it is.
//
// What no checksum can tell: if the last page that was written is lost as a whole,
// the file looks as if a power failure had cut off that write, and is read as it
// was before.
//
// # Earlier versions
//
// Files of the first format, which have no checksums, are read as they are. The
// first write adds checksums of all flags, and makes the file one of the second
// format. Versions of this package that do not know checksums refuse that, for what
// they wrote would not match: to go back to one, export the flags with this version
// (`flipper export`) and import them into a new file with the other.
//
// The file does not shrink when flags are deleted; the room is used again.
package bolt

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"

	"github.com/flipper-go/flipper/internal/snapshot"
	"github.com/flipper-go/flipper/store"
)

// Why [Open] refuses a file. Match them with [errors.Is].
var (
	// ErrLocked says that another process has the file open.
	ErrLocked = errors.New("file is locked")

	// ErrForeign says that the file is something else than a file of flags.
	ErrForeign = errors.New("not a file of flags")

	// ErrCorrupt says that the file is damaged.
	ErrCorrupt = errors.New("file is damaged")
)

// A Store keeps flags in a file. It is a [store.Watcher] and a [store.Peeker].
// Store is safe for concurrent use. Make one with [Open].
type Store struct {
	path     string
	db       *bbolt.DB
	flags    snapshot.Map
	notifier store.Notifier

	writes    chan *write // to the writer
	closing   chan struct{}
	closed    atomic.Bool
	closeOnce sync.Once
	closeErr  error
	writer    sync.WaitGroup
	lost      error  // why the file cannot be used any more; the writer's
	highest   uint64 // the highest revision given; the writer's
}

var (
	_ store.Watcher   = (*Store)(nil)
	_ store.Peeker    = (*Store)(nil)
	_ store.Batcher   = (*Store)(nil)
	_ snapshot.Source = (*Store)(nil)
)

type options struct {
	lockTimeout time.Duration
	noSync      bool // for tests of what does not rest on the disk
}

// An Option is a choice for [Open].
type Option func(*options)

// WithLockTimeout sets how long [Open] waits for another process to close the
// file. The default is one second; the least is 100 ms.
func WithLockTimeout(d time.Duration) Option {
	return func(o *options) { o.lockTimeout = max(d, 100*time.Millisecond) }
}

// Open opens a file of flags, and makes it if it does not exist or is empty; the
// folder has to exist. It reads all flags. The file is readable and writable for
// its owner only.
//
// It fails with [ErrLocked], [ErrForeign] or [ErrCorrupt], or with an error of
// the operating system.
func Open(path string, opts ...Option) (*Store, error) {
	o := options{lockTimeout: time.Second}
	for _, opt := range opts {
		opt(&o)
	}
	db, err := open(path, o)
	if err != nil {
		return nil, fmt.Errorf("open flags: %w", err)
	}
	s := &Store{
		path:    path,
		db:      db,
		writes:  make(chan *write),
		closing: make(chan struct{}),
	}
	if err := s.load(); err != nil {
		return nil, fmt.Errorf("open flags: %w", abandon(db, err))
	}
	s.writer.Go(s.write)
	return s, nil
}

// Close ends all watches, waits for the write under way, and closes the file. It
// is idempotent. Other calls fail with [store.ErrClosed] from then on.
func (s *Store) Close() error {
	s.closeOnce.Do(func() {
		s.closed.Store(true)
		s.flags.Hide()
		close(s.closing)
		s.writer.Wait()
		s.notifier.Close()
		if err := abandon(s.db, s.lost); err != nil {
			s.closeErr = fmt.Errorf("close %s: %w", s.path, err)
		}
	})
	return s.closeErr
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

// Get implements [store.Store]. It reads from memory and does not
// allocate.
func (s *Store) Get(ctx context.Context, name string) (*store.Flag, error) {
	if err := s.check(ctx); err != nil {
		return nil, err
	}
	return s.flags.Held().Get(name)
}

// Peek implements [store.Peeker]. It knows every flag but those that are
// unreadable, until the store is closed.
func (s *Store) Peek(name string) (f *store.Flag, known bool) { return s.flags.Load().Peek(name) }

// Snapshots lets the flag client read without a call in between. Only the
// client may use it, and it must not change the Map.
func (s *Store) Snapshots(asked store.Store) *snapshot.Map {
	if asked != store.Store(s) {
		return nil // a store around this one
	}
	return &s.flags
}

// Put implements [store.Store]. It returns when the flag is on the disk.
func (s *Store) Put(ctx context.Context, f *store.Flag) (*store.Flag, error) {
	if err := s.check(ctx); err != nil {
		return nil, err
	}
	w, err := newPut(f)
	if err != nil {
		return nil, err
	}
	w.ctx = ctx
	if err := s.do(w); err != nil {
		return nil, err
	}
	return w.flag, nil
}

func newPut(f *store.Flag) (*write, error) {
	stored, err := store.Normalize(f)
	if err != nil {
		return nil, err
	}
	text, err := store.Encode(stored)
	if err != nil {
		return nil, err
	}
	return &write{name: f.Name, over: f.Revision, flag: stored, text: text}, nil
}

// Batch implements [store.Batcher]. It returns when the disk has all writes.
func (s *Store) Batch(ctx context.Context, writes []store.Write) ([]*store.Flag, error) {
	if err := s.check(ctx); err != nil || len(writes) == 0 {
		return nil, err
	}
	all := make([]*write, len(writes))
	for i, w := range writes {
		all[i] = &write{name: w.Name, over: w.Revision}
		if w.Flag == nil {
			continue
		}
		var err error
		if all[i], err = newPut(w.Flag); err != nil {
			return nil, fmt.Errorf("put %q: %w", w.Name, err)
		}
		all[i].over = w.Revision
	}
	first := all[0]
	first.ctx, first.with = ctx, all[1:]
	if err := s.do(first); err != nil {
		return nil, err
	}
	after := make([]*store.Flag, len(all))
	for i, w := range all {
		after[i] = w.flag
	}
	return after, nil
}

// Delete implements [store.Store]. It returns when the disk has it.
func (s *Store) Delete(ctx context.Context, name string) error {
	if err := s.check(ctx); err != nil {
		return err
	}
	return s.do(&write{ctx: ctx, name: name})
}

// List implements [store.Store]. It returns the flags as they are when the
// loop begins, from memory.
func (s *Store) List(ctx context.Context) iter.Seq2[*store.Flag, error] {
	return func(yield func(*store.Flag, error) bool) {
		if err := s.check(ctx); err != nil {
			yield(nil, err)
			return
		}
		s.flags.Held().List(ctx)(yield)
	}
}

// Watch implements [store.Watcher]. Changes are told at once.
func (s *Store) Watch(ctx context.Context) iter.Seq2[store.Change, error] {
	return s.notifier.Watch(ctx)
}
