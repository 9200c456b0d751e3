// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"errors"
	"sync"
	"testing"

	"github.com/flipper-go/flipper/store"
)

func (s *suite) testClose(t *testing.T) {
	t.Run("Calls", func(t *testing.T) {
		st := s.New(t)
		f := mustPut(t, st, content("A", "A1"))
		s.within(t, "close", func() {
			for range 2 {
				if err := st.(closer).Close(); err != nil {
					t.Errorf("close: %v", err)
				}
			}
		})
		_, err := st.Get(t.Context(), "A")
		wantError(t, "get", nil, err, store.ErrClosed)
		_, err = st.Get(t.Context(), "MISSING")
		wantError(t, "get missing", nil, err, store.ErrClosed)
		_, err = st.Put(t.Context(), content("B", "B1"))
		wantError(t, "create", nil, err, store.ErrClosed)
		_, err = st.Put(t.Context(), f)
		wantError(t, "put", nil, err, store.ErrClosed)
		wantError(t, "delete", nil, st.Delete(t.Context(), "A"), store.ErrClosed)
		n := 0
		for _, err := range st.List(t.Context()) {
			n++
			wantError(t, "list", nil, err, store.ErrClosed)
		}
		if n != 1 {
			t.Errorf("list yields %d times, want one error", n)
		}
		if p, ok := st.(store.Peeker); ok {
			p.Peek("A")
		}
		if w, ok := st.(store.Watcher); ok {
			s.within(t, "watch after close", func() { s.wantClosed(t, w) })
		}
	})
	t.Run("UnderWay", func(t *testing.T) {
		st := s.New(t)
		mustPut(t, st, content("A", "A1"))
		var wg, started sync.WaitGroup
		for range 4 {
			started.Add(1)
			wg.Go(func() {
				for i := 0; ; i++ {
					_, err := st.Get(t.Context(), "A")
					if err == nil {
						_, err = s.update(t, st, "A", func(f *store.Flag) error {
							f.Enabled = !f.Enabled
							return nil
						})
					}
					if i == 0 {
						started.Done()
					}
					if err != nil {
						wantError(t, "call under way", nil, err, store.ErrClosed)
						return
					}
				}
			})
		}
		started.Wait()
		for range 2 {
			wg.Go(func() {
				if err := st.(closer).Close(); err != nil {
					t.Errorf("close: %v", err)
				}
			})
		}
		s.within(t, "close with calls under way", wg.Wait)
	})
	sample := s.New(t)
	if _, ok := sample.(store.Watcher); !ok {
		return
	}
	t.Run("WatchUnderWay", func(t *testing.T) {
		st := s.New(t)
		watching := make(chan struct{})
		stands := sync.OnceFunc(func() { close(watching) }) // a store may tell of All twice
		done := make(chan struct{})
		var last error
		go func() {
			defer close(done)
			for change, err := range st.(store.Watcher).Watch(t.Context()) {
				if change.All {
					stands()
				}
				last = err
			}
		}()
		s.await(t, "watch", watching)
		s.within(t, "close", func() { _ = st.(closer).Close() })
		s.await(t, "watch ends when the store is closed", done)
		if !errors.Is(last, store.ErrClosed) {
			t.Errorf("the last that watch yields is %v, want ErrClosed", last)
		}
	})
}

// wantClosed watches a closed store.
func (s *suite) wantClosed(t *testing.T, w store.Watcher) {
	n := 0
	for change, err := range w.Watch(t.Context()) {
		if n++; !errors.Is(err, store.ErrClosed) {
			t.Errorf("watch yields %v, %v, want ErrClosed", change, err)
		}
	}
	if n != 1 {
		t.Errorf("watch yields %d times, want one error", n)
	}
}
