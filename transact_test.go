// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipper_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/targeting/rules"
)

// single is a store that makes one write at a time.
type single struct{ store.Store }

func TestTransact(t *testing.T) {
	ctx := t.Context()
	features := flipper.New(memory.New())
	mustCreate(t, features, "OLD")
	mustCreate(t, features, "GONE")

	changes, err := features.Transact(ctx, func(draft *flipper.FeatureFlagClient) error {
		if err := errors.Join(draft.Enable(ctx, "OLD"), draft.Destroy(ctx, "GONE")); err != nil {
			return err
		}
		if _, err := draft.CreateSegment(ctx, "staff", rules.All(rules.Is("role", "staff"))...); err != nil {
			return err
		}
		// The rule needs the segment, which only the draft has so far.
		if err := draft.AddRule(ctx, "OLD", rules.Rule{If: rules.All(rules.InSegment("staff")), Serve: "on"}); err != nil {
			return err
		}
		var names []string
		for f, err := range draft.List(ctx) {
			if err != nil {
				return err
			}
			names = append(names, f.Name)
		}
		if want := []string{"OLD", "segment:staff"}; !slices.Equal(names, want) {
			t.Errorf("the draft lists %q, want %q", names, want)
		}
		if f, err := features.Get(ctx, "OLD"); err != nil || f.Enabled {
			t.Errorf("others see the draft: %v, %v", f, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range changes {
		got = append(got, c.String())
	}
	if len(changes) != 3 || changes[0].After != nil || changes[1].Before.Enabled || !changes[1].After.Enabled || changes[2].Before != nil {
		t.Errorf("changes: %q", got)
	}
	if !features.IsEnabled(ctx, "OLD", flipper.String("role", "staff")) || features.IsEnabled(ctx, "OLD", flipper.String("role", "guest")) {
		t.Error("the rule is not stored")
	}
}

func TestTransactNothing(t *testing.T) {
	ctx := t.Context()
	refused := errors.New("refused")
	for name, test := range map[string]struct {
		store  store.Store
		change func(draft *flipper.FeatureFlagClient) error
		want   error
	}{
		"Refused": {memory.New(), func(draft *flipper.FeatureFlagClient) error {
			return errors.Join(draft.Enable(ctx, "A"), refused)
		}, refused},
		"Missing": {memory.New(), func(draft *flipper.FeatureFlagClient) error {
			return errors.Join(draft.Enable(ctx, "A"), draft.Enable(ctx, "MISSING"))
		}, store.ErrNotFound},
		"Exists": {memory.New(), func(draft *flipper.FeatureFlagClient) error {
			_, err := draft.Create(ctx, "B")
			return errors.Join(draft.Enable(ctx, "A"), err)
		}, store.ErrExists},
		"Destroyed": {memory.New(), func(draft *flipper.FeatureFlagClient) error {
			return errors.Join(draft.Destroy(ctx, "A"), draft.Enable(ctx, "A"))
		}, store.ErrNotFound},
		"Single": {single{memory.New()}, func(draft *flipper.FeatureFlagClient) error {
			return errors.Join(draft.Enable(ctx, "A"), draft.Enable(ctx, "B"))
		}, errors.ErrUnsupported},
	} {
		t.Run(name, func(t *testing.T) {
			features := flipper.New(test.store)
			mustCreate(t, features, "A")
			mustCreate(t, features, "B")
			if changes, err := features.Transact(ctx, test.change); !errors.Is(err, test.want) || changes != nil {
				t.Errorf("got %v, %v, want %v", changes, err, test.want)
			}
			for _, name := range []string{"A", "B"} {
				if f, err := features.Get(ctx, name); err != nil || f.Enabled {
					t.Errorf("%s was changed: %v, %v", name, f, err)
				}
			}
		})
	}
}

// TestTransactSingle makes changes of one flag, on a store that makes one write at a
// time.
func TestTransactSingle(t *testing.T) {
	ctx := t.Context()
	features := flipper.New(single{memory.New()})
	mustCreate(t, features, "A")
	f, err := features.Get(ctx, "A")
	if err != nil {
		t.Fatal(err)
	}
	changes, err := features.Transact(ctx, func(draft *flipper.FeatureFlagClient) error { return draft.Disable(ctx, "A") })
	if err != nil || len(changes) != 0 {
		t.Errorf("a flag that is as it was: %v, %v", changes, err)
	}
	if after, err := features.Get(ctx, "A"); err != nil || after.Revision != f.Revision {
		t.Errorf("it was written: %v, %v", after, err)
	}
	for _, change := range []func(draft *flipper.FeatureFlagClient) error{
		func(draft *flipper.FeatureFlagClient) error {
			return errors.Join(draft.Enable(ctx, "A"), draft.SetClientData(ctx, "A", map[string]any{"owner": "search"}))
		},
		func(draft *flipper.FeatureFlagClient) error { return draft.Destroy(ctx, "A") },
	} {
		if changes, err := features.Transact(ctx, change); err != nil || len(changes) != 1 {
			t.Errorf("got %v, %v", changes, err)
		}
	}
}

// TestTransactRaces has many who each count in two flags.
func TestTransactRaces(t *testing.T) {
	ctx := t.Context()
	features := flipper.New(memory.New())
	names := []string{"A", "B"}
	for _, name := range names {
		mustCreate(t, features, name)
	}
	const writers, rounds = 4, 10
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for i := range rounds {
				_, err := features.Transact(ctx, func(draft *flipper.FeatureFlagClient) error {
					for _, name := range names {
						if err := draft.SetClientData(ctx, name, map[string]any{fmt.Sprintf("%d %d", w, i): true}); err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	for _, name := range names {
		if data, err := features.ClientData(ctx, name); err != nil || len(data) != writers*rounds {
			t.Errorf("%s: %d of %d writes are left: %v", name, len(data), writers*rounds, err)
		}
	}
}

func TestTransactEvents(t *testing.T) {
	ctx := t.Context()
	flags := memory.New()
	features := flipper.New(flags)
	mustCreate(t, features, "A")
	var told []flipper.EventType
	stop := errors.New("stopped")
	features.Events().Subscribe(subscriberFunc(func(_ context.Context, e flipper.Event) error {
		told = append(told, e.Type)
		if e.Type == flipper.PreDestroy {
			return stop
		}
		if e.Type == flipper.PostEnable {
			if f, err := features.Get(ctx, "A"); err != nil || !f.Enabled {
				t.Errorf("a post event is told before the change is stored: %v, %v", f, err)
			}
		}
		return nil
	}))
	if _, err := features.Transact(ctx, func(draft *flipper.FeatureFlagClient) error {
		return errors.Join(draft.Enable(ctx, "A"), draft.SetClientData(ctx, "A", map[string]any{"owner": "search"}))
	}); err != nil {
		t.Fatal(err)
	}
	if want := []flipper.EventType{flipper.PreEnable, flipper.PreSetClientData, flipper.PostEnable, flipper.PostSetClientData}; !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
	told = nil
	if _, err := features.Transact(ctx, func(draft *flipper.FeatureFlagClient) error {
		return errors.Join(draft.Disable(ctx, "A"), draft.Destroy(ctx, "A"))
	}); !errors.Is(err, stop) {
		t.Errorf("a handler that refuses: %v", err)
	}
	if want := []flipper.EventType{flipper.PreDisable, flipper.PreDestroy}; !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
	if f, err := features.Get(ctx, "A"); err != nil || !f.Enabled {
		t.Errorf("the flag was changed: %v, %v", f, err)
	}
}
