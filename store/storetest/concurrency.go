// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
)

const (
	writers  = 16
	creators = 32
)

// changesEach is how often each concurrent writer changes the flag.
func changesEach() int {
	if testing.Short() {
		return 20
	}
	return 200
}

// handles returns the store, and another handle on it if there can be one: what
// races within a process, races between two as well.
func (s *suite) handles(t *testing.T) []store.Store {
	t.Helper()
	st := s.New(t)
	if s.Second == nil {
		return []store.Store{st}
	}
	return []store.Store{st, s.Second(t, st)}
}

func (s *suite) testConcurrency(t *testing.T) {
	t.Run("LostUpdates", s.testLostUpdates)
	t.Run("CreateRace", s.testCreateRace)
	t.Run("KillSwitch", s.testKillSwitch)
	t.Run("ManyFlags", s.testManyFlags)
}

// counter reads the number that concurrent writers raise.
func counter(f *store.Flag) int64 {
	data, err := store.ParseClientData(f.ClientData)
	if err != nil {
		return -1
	}
	for _, m := range data.Members() {
		if n, ok := m.Value.Any().(int64); ok && m.Key == "counter" {
			return n
		}
	}
	return -1
}

func counted(n int64) targeting.JSON {
	return targeting.JSON(fmt.Sprintf(`{"counter": %d}`, n))
}

// testLostUpdates has many writers raise one number.
func (s *suite) testLostUpdates(t *testing.T) {
	handles := s.handles(t)
	f := content("A", "A1")
	f.ClientData = counted(0)
	mustPut(t, handles[0], f)
	s.seenByAll(t, handles, "A")

	each := changesEach()
	outcomes := make([][]int64, writers)
	var wg sync.WaitGroup
	for w := range writers {
		st := handles[w%len(handles)]
		wg.Go(func() {
			for range each {
				f, err := s.update(t, st, "A", func(f *store.Flag) error {
					f.ClientData = counted(counter(f) + 1)
					return nil
				})
				if err != nil {
					t.Errorf("writer %d: %v", w, err)
					return
				}
				outcomes[w] = append(outcomes[w], counter(f))
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	// Each outcome from 1 on was made once, and by nobody else.
	all := slices.Sorted(slices.Values(slices.Concat(outcomes...)))
	for i, n := range all {
		if n != int64(i+1) {
			t.Fatalf("%d writers, %d changes each: outcome %d was made twice or not at all", writers, each, i+1)
		}
	}
	for _, st := range handles {
		s.eventually(t, "the last change is read", func() error {
			f, err := st.Get(t.Context(), "A")
			if err == nil && counter(f) != int64(writers*each) {
				err = fmt.Errorf("the number is %d after %d changes", counter(f), writers*each)
			}
			return err
		})
	}
}

// seenByAll waits until all handles can read a flag.
func (s *suite) seenByAll(t *testing.T, handles []store.Store, name string) {
	t.Helper()
	for _, st := range handles {
		s.eventually(t, "a new flag is read", func() error {
			_, err := st.Get(t.Context(), name)
			return err
		})
	}
}

// testCreateRace has many create one flag: one wins.
func (s *suite) testCreateRace(t *testing.T) {
	handles := s.handles(t)
	for round := range 10 {
		name := fmt.Sprintf("RACE%d", round)
		created := make([]*store.Flag, creators)
		start := make(chan struct{})
		var wg sync.WaitGroup
		for c := range creators {
			st := handles[c%len(handles)]
			wg.Go(func() {
				<-start
				f, err := st.Put(t.Context(), content(name, fmt.Sprint("by ", c)))
				if err != nil {
					wantError(t, "create", f, err, store.ErrExists)
				}
				created[c] = f
			})
		}
		close(start)
		wg.Wait()
		winners := slices.DeleteFunc(created, func(f *store.Flag) bool { return f == nil })
		if len(winners) != 1 {
			t.Fatalf("%d of %d creators of one flag won", len(winners), creators)
		}
		for _, st := range handles {
			s.eventually(t, "the winner's flag is read", func() error {
				_, err := st.Get(t.Context(), name)
				return err
			})
			sameFlag(t, "get", mustGet(t, st, name), winners[0])
		}
	}
}

// testKillSwitch disables a flag while others edit its metadata.
func (s *suite) testKillSwitch(t *testing.T) {
	handles := s.handles(t)
	for round := range 20 {
		name := fmt.Sprintf("KILL%d", round)
		f := content(name, "K1")
		f.Enabled = true
		f.ClientData = counted(0)
		mustPut(t, handles[0], f)
		s.seenByAll(t, handles, name)
		var wg sync.WaitGroup
		for e := range 4 {
			st := handles[e%len(handles)]
			wg.Go(func() {
				for range 5 {
					_, err := s.update(t, st, name, func(f *store.Flag) error {
						f.ClientData = counted(counter(f) + 1)
						return nil
					})
					wantError(t, "edit", nil, err, nil)
				}
			})
		}
		wg.Go(func() {
			_, err := s.update(t, handles[0], name, func(f *store.Flag) error {
				f.Enabled = false
				return nil
			})
			wantError(t, "disable", nil, err, nil)
			if f, err := handles[0].Get(t.Context(), name); err != nil || f.Enabled {
				t.Errorf("right after it was disabled: %v, %v", f, err)
			}
		})
		wg.Wait()
		s.eventually(t, "all changes are read", func() error {
			f, err := handles[0].Get(t.Context(), name)
			if err == nil && (f.Enabled || counter(f) != 20) {
				err = fmt.Errorf("enabled is %t, with %d edits; want false, with 20", f.Enabled, counter(f))
			}
			return err
		})
	}
}

// testManyFlags has each writer make, change and delete flags of its own.
func (s *suite) testManyFlags(t *testing.T) {
	handles := s.handles(t)
	var wg sync.WaitGroup
	for w := range writers {
		st := handles[w%len(handles)]
		wg.Go(func() {
			for i := range 10 {
				name := fmt.Sprintf("W%02d/%02d", w, i)
				f, err := st.Put(t.Context(), content(name, "first"))
				if err == nil {
					next := f.Clone()
					next.ClientData = content(name, "second").ClientData
					_, err = st.Put(t.Context(), next)
				}
				if err == nil && i%2 == 0 {
					err = st.Delete(t.Context(), name)
				}
				if err != nil {
					t.Errorf("%q: %v", name, err)
					return
				}
				switch f, err := st.Get(t.Context(), name); {
				case i%2 == 0 && !errors.Is(err, store.ErrNotFound):
					t.Errorf("%q is there after it was deleted: %v, %v", name, f, err)
				case i%2 == 1 && (err != nil || f.ClientData != content(name, "second").ClientData):
					t.Errorf("%q is not what was just stored: %v, %v", name, f, err)
				}
			}
		})
	}
	wg.Wait()
	var want []string
	for w := range writers {
		for i := 1; i < 10; i += 2 {
			want = append(want, fmt.Sprintf("W%02d/%02d", w, i))
		}
	}
	for _, st := range handles {
		s.eventually(t, "all flags are listed", func() error {
			if got := listNames(t, st); !slices.Equal(got, want) {
				return fmt.Errorf("list gives %q\nwant %q", got, want)
			}
			return nil
		})
	}
}
