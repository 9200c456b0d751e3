// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipper_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/targeting/carta"
)

var (
	errDown = fmt.Errorf("%w: pulled the plug", store.ErrUnavailable)
	errStop = errors.New("not today")
)

// newClient returns a client whose store is empty and whose reports are dropped.
func newClient(tb testing.TB, opts ...flipper.Option) *flipper.FeatureFlagClient {
	tb.Helper()
	return flipper.New(memory.New(), append([]flipper.Option{quiet()}, opts...)...)
}

func quiet() flipper.Option { return flipper.WithLogger(slog.New(slog.DiscardHandler)) }

func mustCreate(tb testing.TB, c *flipper.FeatureFlagClient, name string, opts ...flipper.CreateOption) *flipper.FeatureFlag {
	tb.Helper()
	flag, err := c.Create(tb.Context(), name, opts...)
	must(tb, err)
	return flag
}

func mustGet(tb testing.TB, c *flipper.FeatureFlagClient, name string) *store.Flag {
	tb.Helper()
	f, err := c.Get(tb.Context(), name)
	must(tb, err)
	return f
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func wantErr(tb testing.TB, err error, targets ...error) {
	tb.Helper()
	for _, target := range targets {
		if !errors.Is(err, target) {
			tb.Errorf("error %v, want one that matches %v", err, target)
		}
	}
}

// putStored stores a flag in a form that another client may have written.
func putStored(tb testing.TB, s store.Store, name, text string) {
	tb.Helper()
	f, err := store.Decode(name, []byte(text))
	must(tb, err)
	_, err = s.Put(tb.Context(), f)
	must(tb, err)
}

// stored returns what a store has, in the stored form.
func stored(tb testing.TB, s store.Store, name string) string {
	tb.Helper()
	f, err := s.Get(tb.Context(), name)
	must(tb, err)
	text, err := store.Encode(f)
	must(tb, err)
	return string(text)
}

// A faultyStore is a store whose calls fail or block on demand. It answers
// nothing from memory, so that evaluations have to call it.
type faultyStore struct {
	store.Store
	err        atomic.Pointer[error]  // if set, what every call returns
	hanging    atomic.Bool            // every call blocks until its context ends
	unreadable atomic.Pointer[string] // the name of a flag that cannot be read
	gets, puts atomic.Int64           // calls
	onGet      func(name string)      // called before Get asks the store
	entered    chan struct{}          // if set, told of every call that blocks
	once       sync.Once
}

func newFaultyStore() *faultyStore { return &faultyStore{Store: memory.New()} }

func (s *faultyStore) fail(err error) { s.err.Store(&err) }

func (s *faultyStore) heal() { s.err.Store(nil) }

func (s *faultyStore) before(ctx context.Context) error {
	if err := s.err.Load(); err != nil {
		return *err
	}
	if s.hanging.Load() {
		if s.entered != nil {
			s.once.Do(func() { close(s.entered) })
		}
		<-ctx.Done()
		return fmt.Errorf("%w: %w", store.ErrUnavailable, context.Cause(ctx))
	}
	return nil
}

func (s *faultyStore) Get(ctx context.Context, name string) (*store.Flag, error) {
	s.gets.Add(1)
	if err := s.before(ctx); err != nil {
		return nil, err
	}
	if s.onGet != nil {
		s.onGet(name)
	}
	if bad := s.unreadable.Load(); bad != nil && *bad == name {
		return nil, &store.UnreadableError{Name: name, Err: store.ErrInvalid}
	}
	return s.Store.Get(ctx, name)
}

func (s *faultyStore) Put(ctx context.Context, f *store.Flag) (*store.Flag, error) {
	s.puts.Add(1)
	if err := s.before(ctx); err != nil {
		return nil, err
	}
	return s.Store.Put(ctx, f)
}

func (s *faultyStore) Delete(ctx context.Context, name string) error {
	if err := s.before(ctx); err != nil {
		return err
	}
	return s.Store.Delete(ctx, name)
}

func (s *faultyStore) List(ctx context.Context) iter.Seq2[*store.Flag, error] {
	return func(yield func(*store.Flag, error) bool) {
		if err := s.before(ctx); err != nil {
			yield(nil, err)
			return
		}
		for f, err := range s.Store.List(ctx) {
			if bad := s.unreadable.Load(); f != nil && bad != nil && *bad == f.Name {
				f, err = nil, &store.UnreadableError{Name: f.Name, Err: store.ErrInvalid}
			}
			if !yield(f, err) {
				return
			}
		}
	}
}

// badCondition cannot be stored; its error names "shoe__size".
func badCondition() carta.Condition {
	return carta.NewCondition(carta.Equal("shoe__size", 42))
}

// badBucketer cannot be stored.
func badBucketer() carta.Bucketer {
	return carta.NewPercentageBucketer(carta.FixedPercentage(50))
}
