// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package store defines the contract between the flag client and the places where flags
// are kept.
//
// A [Store] has four methods. Its primitive is compare-and-set: [Store.Put] replaces a
// flag only if nobody else has changed it. Everything above that (enable, disable, merge
// client data, ...) is written once, with [Update]. A store that reports changes is a
// [Watcher]; a store that answers reads from memory is a [Peeker].
//
// # Writing a store
//
// Store the bytes that [Encode] returns, and return what [Decode] makes of them. That
// keeps flags readable for every other Flipper client, and preserves what another client
// wrote and this module does not know. Then run the conformance suite of package
// storetest, which is this contract in executable form.
package store

import (
	"context"
	"iter"
	"time"
)

// A Store keeps flags by name.
//
// All methods are safe for concurrent use, and return soon after ctx ends, with
// an error that matches the context's; with a ctx that has ended before the
// call, they do nothing but that. Flags that a store returns are shared:
// nobody may modify them. Use [Flag.Clone] or [Update] to change one.
//
// A name is any valid UTF-8 text up to [MaxNameSize] bytes; names are case
// sensitive and not normalised. A store refuses a name that it cannot hold with
// an error that matches [ErrInvalidName], and MUST NOT store it under another.
//
// Constructors of stores neither dial nor block, unless their name says so. A
// store that owns a goroutine, a connection or a file has a Close method, which
// is idempotent and waits; methods called after it fail with [ErrClosed].
type Store interface {
	// Get returns the flag. If there is none, the error matches [ErrNotFound]; if
	// what is stored cannot be read, it is an [*UnreadableError].
	Get(ctx context.Context, name string) (*Flag, error)

	// Put stores f if f.Revision is the revision of what is stored, or, if it is
	// empty, if there is no flag of that name. It returns the flag as stored,
	// with its new revision; f itself is neither modified nor kept.
	//
	// With an empty revision and a flag there, readable or not, the error
	// matches [ErrExists]. With a revision that is not the stored one, which
	// includes that the flag is gone, it matches [ErrConflict]. A flag that
	// cannot be stored is refused with [ErrInvalid] before anything changes. On
	// any other error the flag may or may not have been stored.
	Put(ctx context.Context, f *Flag) (*Flag, error)

	// Delete removes the flag, readable or not. If there is none, the error
	// matches [ErrNotFound].
	Delete(ctx context.Context, name string) error

	// List returns all flags, sorted by name (in byte order), each once. A flag
	// that is created or deleted during the loop may or may not be in it; every
	// other flag is. The loop body may call the store, also to change it.
	//
	// An error that matches [ErrUnreadable] is an [*UnreadableError] about one
	// flag, comes in that flag's place in the order, and the loop goes on after
	// it. Any other error is the last thing that the sequence yields. With an
	// error, the flag is nil.
	//
	//	for f, err := range s.List(ctx) {
	//		if errors.Is(err, store.ErrUnreadable) {
	//			log.Print(err)
	//			continue
	//		}
	//		if err != nil {
	//			return err
	//		}
	//		fmt.Println(f.Name)
	//	}
	List(ctx context.Context) iter.Seq2[*Flag, error]
}

// A Watcher is a [Store] that tells when flags may have changed, whoever changed
// them.
type Watcher interface {
	Store

	// Watch yields what may have changed, from when the loop begins until ctx
	// ends; then the sequence ends, without an error.
	//
	// The first thing that it yields, once it would see every later change, is
	// a change with All set. So a reader that reads flags only after it has
	// been told of them never misses the last state of one.
	//
	// It is level triggered: several changes may come as one, a change may be
	// told more than once, and only reading the flag tells what it is now, or
	// that it is gone. A slow reader delays nobody.
	//
	// When the connection to the server is lost, the sequence yields an error
	// that matches [ErrUnavailable], tries again with growing, jittered pauses,
	// and yields a change with All set when it is connected again. It does not
	// end before ctx does, or before the store is closed: then it yields
	// [ErrClosed] and ends.
	Watch(ctx context.Context) iter.Seq2[Change, error]
}

// A Change says which flags may have changed.
type Change struct {
	// All says that any flag may have changed. Names is nil then.
	All bool

	// Names are the flags that may have changed, been created or deleted. It is
	// sorted and without duplicates. The reader owns it.
	Names []string
}

// A Peeker is a [Store] that answers some or all reads from memory. The flag
// client prefers Peek to Get on the evaluation path.
type Peeker interface {
	Store

	// Peek returns the flag as the store holds it in memory, or nil if the store
	// knows that there is none. If known is false, only Get can tell. Peek
	// neither blocks nor allocates.
	Peek(name string) (f *Flag, known bool)
}

// A Dated is a [Store] that answers from copies, which may be out of date. The flag
// client reports their age in its evaluations.
type Dated interface {
	Store

	// Age returns how long ago the store last knew that what Get and Peek return for
	// the flag is current: 0 if it would have heard of every change. stale reports
	// whether the store has tried to refresh the flag, and failed.
	Age(name string) (age time.Duration, stale bool)
}
