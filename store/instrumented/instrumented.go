// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package instrumented reports the calls of a store to observers, for metrics and traces.
//
//	collector := flipperprometheus.NewCollector()
//	flags := instrumented.New(redisstore, collector)
//	features := flipper.New(flags)
//
// The store that [New] returns can do exactly what the store within can: it is a
// [store.Watcher], a [store.Peeker] or a [store.Dated] if that is one. Reads from memory,
// by Peek, take nanoseconds. They are passed on without being observed, so the flag
// client stays as fast as before.
//
// To see what goes to a server, put it below package cached or mirror, around the
// store that asks the server:
//
//	flags := mirror.New(instrumented.NewWatcher(redisstore, collector))
package instrumented

import (
	"context"
	"errors"
	"iter"
	"slices"

	"github.com/flipper-go/flipper/store"
)

// An Operation is a method of a store.
type Operation string

// The operations that are reported to observers.
const (
	OperationGet    Operation = "get"
	OperationPut    Operation = "put"
	OperationDelete Operation = "delete"
	// OperationList lasts from the beginning of the loop to its end, what the
	// loop's body does included.
	OperationList Operation = "list"
)

// A Call is one call of a store.
type Call struct {
	Operation Operation
	// Name is the flag's. It is empty for [OperationList].
	Name string
}

// An Observer hears of the calls of a store. It must be safe for concurrent use, and
// quick: the caller waits for it.
type Observer interface {
	// Begin is called before a call. The call gets the context that Begin
	// returns, which must be ctx or made of it. end is called once, when the
	// call has ended, with its error. Errors such as [store.ErrNotFound] or
	// [store.ErrConflict] are answers of a store that works.
	//
	// A list that the caller leaves before its end has no error, nor has one
	// with flags that are unreadable.
	Begin(ctx context.Context, call Call) (_ context.Context, end func(err error))
}

// A WatchObserver is an [Observer] that also hears what watches yield.
type WatchObserver interface {
	Observer

	// Watched is called with each change that a watch yields, or with the error
	// that it yields instead, before the reader gets it.
	Watched(ctx context.Context, change store.Change, err error)
}

// New returns a store that passes all calls on to another one, and reports them to
// observers. The first observer hears of the beginning of a call first, and of its end
// last. The store has no Close method, because it never closes the store within. It has a
// method WaitReady(ctx) error, which waits for the store within if that has one too.
func New(inner store.Store, observers ...Observer) store.Store {
	return extended(&calls{inner: inner, observers: observers})
}

// NewWatcher is [New] of a [store.Watcher].
func NewWatcher(inner store.Watcher, observers ...Observer) store.Watcher {
	return New(inner, observers...).(store.Watcher)
}

// calls are the methods that every store has.
type calls struct {
	inner     store.Store
	observers []Observer
}

// begin tells the observers of a call.
func (c *calls) begin(ctx context.Context, operation Operation, name string) (context.Context, func(error)) {
	call := Call{operation, name}
	if len(c.observers) == 1 {
		return c.observers[0].Begin(ctx, call)
	}
	ends := make([]func(error), len(c.observers))
	for i, observer := range c.observers {
		ctx, ends[i] = observer.Begin(ctx, call) //nolint:fatcontext // what one observer adds is for the next
	}
	return ctx, func(err error) {
		for _, end := range slices.Backward(ends) {
			end(err)
		}
	}
}

// WaitReady waits until the store within is ready, if that can tell.
func (c *calls) WaitReady(ctx context.Context) error {
	if waiter, ok := c.inner.(interface{ WaitReady(context.Context) error }); ok {
		return waiter.WaitReady(ctx)
	}
	return nil
}

// Get implements [store.Store].
func (c *calls) Get(ctx context.Context, name string) (*store.Flag, error) {
	ctx, end := c.begin(ctx, OperationGet, name)
	f, err := c.inner.Get(ctx, name)
	end(err)
	return f, err
}

// Put implements [store.Store].
func (c *calls) Put(ctx context.Context, f *store.Flag) (*store.Flag, error) {
	ctx, end := c.begin(ctx, OperationPut, f.Name)
	stored, err := c.inner.Put(ctx, f)
	end(err)
	return stored, err
}

// Delete implements [store.Store].
func (c *calls) Delete(ctx context.Context, name string) error {
	ctx, end := c.begin(ctx, OperationDelete, name)
	err := c.inner.Delete(ctx, name)
	end(err)
	return err
}

// List implements [store.Store].
func (c *calls) List(ctx context.Context) iter.Seq2[*store.Flag, error] {
	return func(yield func(*store.Flag, error) bool) {
		ctx, end := c.begin(ctx, OperationList, "")
		var failed error
		// The body of the caller's loop may panic or end the goroutine.
		defer func() { end(failed) }()
		for f, err := range c.inner.List(ctx) {
			if err != nil && !errors.Is(err, store.ErrUnreadable) {
				failed = err
			}
			if !yield(f, err) {
				return
			}
		}
	}
}
