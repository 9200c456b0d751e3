// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package redis

import (
	"context"
	"errors"
	"fmt"

	"github.com/flipper-go/flipper/store"
)

// check says why a call is to do nothing.
func (s *Store) check(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.ctx.Err() != nil {
		return store.ErrClosed
	}
	return nil
}

// An answer is what a question to the server has come to.
type answer[T any] struct {
	value T
	err   error
}

// ask runs a question to the server, and returns when it has answered, ctx has
// ended, or the store is closed.
func ask[T any](ctx context.Context, s *Store, question func(context.Context) (T, error)) (T, error) {
	return await(ctx, s, begin(ctx, question))
}

// begin runs a question to the server on a goroutine of its own, because the
// client, once it has sent a command, does not mind that ctx is canceled, nor, as
// a rule, its deadline. A question that is left goes on until the client's own
// limits, in one of the client's connections at most.
func begin[T any](ctx context.Context, question func(context.Context) (T, error)) <-chan answer[T] {
	answered := make(chan answer[T], 1)
	go func() {
		value, err := question(ctx)
		answered <- answer[T]{value, err}
	}()
	return answered
}

// await waits for an answer, until ctx ends or the store is closed.
func await[T any](ctx context.Context, s *Store, answered <-chan answer[T]) (T, error) {
	var none T
	select {
	case a := <-answered:
		return a.value, a.err
	case <-ctx.Done():
		return none, ctx.Err()
	case <-s.ctx.Done():
		return none, store.ErrClosed
	}
}

// failed makes the error of a call that did not get its answer.
func (s *Store) failed(ctx context.Context, what string, err error) error {
	if errors.Is(err, store.ErrClosed) {
		return store.ErrClosed
	}
	if ctxErr := ctx.Err(); ctxErr != nil {
		if errors.Is(ctxErr, context.Canceled) || err == nil {
			return ctxErr
		}
		// The time was up, and the server is why.
		if !errors.Is(err, ctxErr) {
			err = fmt.Errorf("%w: %w", ctxErr, err)
		}
	}
	if s.cluster != nil {
		// A node that is gone may have been replaced. By itself, the client
		// looks every ten seconds.
		s.cluster.ReloadState(ctx)
	}
	return fmt.Errorf("flags in Redis: %s: %w: %w", what, store.ErrUnavailable, err)
}
