// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package thriftrpc_test

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/bolt"
	"github.com/flipper-go/flipper/store/storetest"
	"github.com/flipper-go/flipper/store/thriftrpc"
)

// A fleet is the flag services of a run of the suite: one for each store.
type fleet struct {
	newStore func(t *testing.T) store.Store
	opts     []thriftrpc.Option
	services sync.Map // of store to *server
}

func (f *fleet) dial(t *testing.T, server *server) store.Store {
	s := dial(t, server.address, f.opts...)
	f.services.Store(s, server)
	return s
}

func (f *fleet) service(t *testing.T, s store.Store) *server {
	t.Helper()
	service, ok := f.services.Load(s)
	if !ok {
		t.Fatal("no service of that store")
	}
	return service.(*server)
}

func (f *fleet) harness() storetest.Harness {
	return storetest.Harness{
		New:    func(t *testing.T) store.Store { return f.dial(t, serve(t, f.newStore(t))) },
		Second: func(t *testing.T, s store.Store) store.Store { return f.dial(t, f.service(t, s)) },
		Break: func(t *testing.T, s store.Store) (heal func()) {
			service := f.service(t, s)
			service.stop()
			return service.start
		},
		// Sixteen writers of one flag, each with two messages to send for a try:
		// on a busy machine one of them may be out of luck for a while.
		Patience: 3 * patience,
	}
}

func TestStoreOverMemory(t *testing.T) {
	t.Parallel() // it mostly waits for its turn to change one flag
	f := &fleet{
		newStore: func(t *testing.T) store.Store { return memoryStore(t) },
		opts:     []thriftrpc.Option{thriftrpc.WithFramed(), thriftrpc.WithCompact(), thriftrpc.WithMaxConnections(2)},
	}
	storetest.Run(t, f.harness())
}

func TestStoreOverBolt(t *testing.T) {
	t.Parallel() // it mostly waits for its turn to change one flag
	f := &fleet{newStore: func(t *testing.T) store.Store {
		s, err := bolt.Open(filepath.Join(t.TempDir(), "flags.db"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	}}
	storetest.Run(t, f.harness())
}

// What other clients wrote and we do not know survives, and what cannot be read
// is told.
func TestStoreOverStoredForms(t *testing.T) {
	t.Parallel() // it mostly waits for its turn to change one flag
	f := &fleet{newStore: func(t *testing.T) store.Store { return newStoredForms(t) }}
	h := f.harness()
	h.Corrupt = func(t *testing.T, s store.Store, name string, raw []byte) {
		f.service(t, s).store.(*storedForms).corrupt(name, raw)
	}
	storetest.Run(t, h)
}

// storedForms is a store that keeps what it is given as bytes, as Redis does, so
// that a test can put other bytes there.
type storedForms struct {
	store.Notifier
	mu       sync.Mutex
	revision int
	forms    map[string]storedForm
}

type storedForm struct {
	revision string
	text     []byte
}

func newStoredForms(t *testing.T) *storedForms {
	s := &storedForms{forms: map[string]storedForm{}}
	t.Cleanup(s.Notifier.Close)
	return s
}

func (s *storedForms) corrupt(name string, text []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.set(name, text)
}

func (s *storedForms) set(name string, text []byte) {
	s.revision++
	s.forms[name] = storedForm{strconv.Itoa(s.revision), text}
	s.Notify(name)
}

func (s *storedForms) Get(ctx context.Context, name string) (*store.Flag, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.get(ctx, name)
}

func (s *storedForms) get(ctx context.Context, name string) (*store.Flag, error) {
	form, ok := s.forms[name]
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case !ok:
		return nil, store.ErrNotFound
	}
	f, err := store.Decode(name, form.text)
	if err != nil {
		return nil, err
	}
	f.Revision = form.revision
	return f, nil
}

func (s *storedForms) Put(ctx context.Context, f *store.Flag) (*store.Flag, error) {
	text, err := store.Encode(f)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch current, ok := s.forms[f.Name]; {
	case f.Revision == "" && ok:
		return nil, store.ErrExists
	case f.Revision != current.revision:
		return nil, fmt.Errorf("put %q: %w", f.Name, store.ErrConflict)
	}
	s.set(f.Name, text)
	return s.get(ctx, f.Name)
}

func (s *storedForms) Delete(_ context.Context, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.forms[name]; !ok {
		return store.ErrNotFound
	}
	delete(s.forms, name)
	s.Notify(name)
	return nil
}

func (s *storedForms) List(ctx context.Context) iter.Seq2[*store.Flag, error] {
	return func(yield func(*store.Flag, error) bool) {
		s.mu.Lock()
		names := slices.Sorted(maps.Keys(s.forms))
		s.mu.Unlock()
		for _, name := range names {
			if !yield(s.Get(ctx, name)) {
				return
			}
		}
	}
}
