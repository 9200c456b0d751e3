// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipper_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting/carta"
)

// Writers that change different parts of one flag lose nothing.
func TestConcurrentChanges(t *testing.T) {
	c := newClient(t)
	flag := mustCreate(t, c, "flag")
	const writers, rounds = 16, 20
	var wg sync.WaitGroup
	for w := range writers {
		other := flipper.New(c.Store()) // as another process would
		wg.Go(func() {
			for i := range rounds {
				id := fmt.Sprintf("%d-%d", w, i)
				var err error
				switch w % 4 {
				case 0:
					err = other.AddCondition(t.Context(), "flag", carta.NewCondition(carta.NotEqual("v"+id, 1)))
				case 1:
					err = other.Enable(t.Context(), "flag")
				case 2:
					err = other.SetBucketer(t.Context(), "flag", half)
				default:
					err = other.SetClientData(t.Context(), "flag", map[string]any{id: i})
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	f := mustGet(t, c, "flag")
	data, err := flag.ClientData(t.Context())
	must(t, err)
	if len(f.Conditions) != writers/4*rounds || len(data) != writers/4*rounds || !f.Enabled || f.Bucketer.JSON() != half.JSON() {
		t.Errorf("%d conditions, %d keys, enabled %v, bucketer %v", len(f.Conditions), len(data), f.Enabled, f.Bucketer)
	}
}

// However late an edit of something else is written, a flag that somebody
// disabled stays disabled.
func TestEditNeverUndoesDisable(t *testing.T) {
	for _, v := range verbs {
		if v.name == "Enable" || v.name == "Disable" || v.name == "Destroy" {
			continue
		}
		t.Run(v.name, func(t *testing.T) {
			s := newFaultyStore()
			c, killer := flipper.New(s, quiet()), flipper.New(s.Store)
			mustCreate(t, c, "flag", on())
			// The switch is thrown between the edit's read and its write.
			var raced atomic.Bool
			slow := &betweenStore{Store: s, between: func() {
				if raced.CompareAndSwap(false, true) {
					must(t, killer.Disable(t.Context(), "flag"))
				}
			}}
			must(t, v.byClient(t.Context(), flipper.New(slow), "flag"))
			f := mustGet(t, c, "flag")
			if !raced.Load() || f.Enabled {
				t.Errorf("enabled %v after the race %v", f.Enabled, raced.Load())
			}
			if text := stored(t, s, "flag"); v.name != "SetClientData" && len(f.Conditions) == 0 && f.Bucketer.IsNoOp() {
				t.Errorf("the edit is lost: %s", text)
			}
		})
	}
}

// A betweenStore calls a function before each Put.
type betweenStore struct {
	store.Store
	between func()
}

func (s *betweenStore) Put(ctx context.Context, f *store.Flag) (*store.Flag, error) {
	s.between()
	return s.Store.Put(ctx, f)
}

// Of those that create a flag at once, one wins, and its flag stays.
func TestConcurrentCreate(t *testing.T) {
	c := newClient(t)
	for round := range 20 {
		name := fmt.Sprintf("flag-%d", round)
		var winner atomic.Int64
		var wins atomic.Int64
		var wg sync.WaitGroup
		for w := range 16 {
			wg.Go(func() {
				_, err := c.Create(t.Context(), name, flipper.WithClientData(map[string]any{"by": w}))
				switch {
				case err == nil:
					wins.Add(1)
					winner.Store(int64(w))
				case !errors.Is(err, store.ErrExists):
					t.Error(err)
				}
			})
		}
		wg.Wait()
		data, err := c.ClientData(t.Context(), name)
		must(t, err)
		if wins.Load() != 1 || data["by"] != winner.Load() {
			t.Errorf("%d winners, the last of them %d, and the flag is by %v", wins.Load(), winner.Load(), data["by"])
		}
	}
}

// Readers never see half a change.
func TestConcurrentEvaluation(t *testing.T) {
	c := newClient(t)
	flag := mustCreate(t, c, "flag", on())
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if got := flag.Evaluate(t.Context(), flipper.String("plan", "pro")); !got.Enabled || got.Err != nil {
					t.Errorf("%+v", got)
					return
				}
			}
		})
	}
	for range 200 {
		must(t, flag.SetConditions(t.Context(), pros))
		must(t, flag.SetConditions(t.Context()))
	}
	close(stop)
	wg.Wait()
}
