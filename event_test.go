// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipper_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/memory"
)

type subscriberFunc func(ctx context.Context, event flipper.Event) error

func (f subscriberFunc) HandleEvent(ctx context.Context, event flipper.Event) error {
	return f(ctx, event)
}

// describe returns an event as text, to compare it.
func describe(e flipper.Event) string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s %s enabled=%v data=%v", e.Type, e.Name, e.Enabled, e.ClientData)
	for _, condition := range e.Conditions {
		fmt.Fprint(&text, " ", condition)
	}
	if !e.Bucketer.IsNoOp() {
		fmt.Fprint(&text, " ", e.Bucketer.Type())
	}
	return text.String()
}

func TestEvents(t *testing.T) {
	c := newClient(t)
	var got []string
	c.Events().Subscribe(subscriberFunc(func(ctx context.Context, e flipper.Event) error {
		// A pre event comes before the write, a post event after it.
		f, err := c.Get(ctx, e.Name)
		state := "absent"
		if err == nil {
			state = fmt.Sprintf("%v/%d/%s", f.Enabled, len(f.Conditions), f.Bucketer.Type()[:4])
		}
		got = append(got, describe(e)+" | "+state)
		return nil
	}))
	flag := mustCreate(t, c, "f", flipper.WithClientData(map[string]any{"a": 1}))
	must(t, flag.Enable(t.Context()))
	must(t, flag.Enable(t.Context()))
	must(t, flag.AddCondition(t.Context(), adults))
	must(t, flag.SetConditions(t.Context(), pros, adults))
	must(t, flag.SetBucketer(t.Context(), chance))
	must(t, flag.SetClientData(t.Context(), map[string]any{"b": 2}))
	must(t, flag.Disable(t.Context()))
	must(t, flag.Destroy(t.Context()))
	mustCreate(t, c, "g", flipper.WithEnabled(true), flipper.WithConditions(adults), flipper.WithBucketer(half))

	want := []string{
		"pre_create f enabled=false data=map[a:1] | absent",
		"post_create f enabled=false data=map[a:1] | false/0/NoOp",
		"pre_enable f enabled=true data=map[] | false/0/NoOp",
		"post_enable f enabled=true data=map[] | true/0/NoOp",
		"pre_enable f enabled=true data=map[] | true/0/NoOp",
		"post_enable f enabled=true data=map[] | true/0/NoOp",
		"pre_add_condition f enabled=false data=map[] " + adults.String() + " | true/0/NoOp",
		"post_add_condition f enabled=false data=map[] " + adults.String() + " | true/1/NoOp",
		"pre_set_conditions f enabled=false data=map[] " + pros.String() + " " + adults.String() + " | true/1/NoOp",
		"post_set_conditions f enabled=false data=map[] " + pros.String() + " " + adults.String() + " | true/2/NoOp",
		"pre_set_bucketer f enabled=false data=map[] PercentageBucketer | true/2/NoOp",
		"post_set_bucketer f enabled=false data=map[] PercentageBucketer | true/2/Perc",
		"pre_set_client_data f enabled=false data=map[a:1 b:2] | true/2/Perc",
		"post_set_client_data f enabled=false data=map[a:1 b:2] | true/2/Perc",
		"pre_disable f enabled=false data=map[] | true/2/Perc",
		"post_disable f enabled=false data=map[] | false/2/Perc",
		"pre_destroy f enabled=false data=map[] | false/2/Perc",
		"post_destroy f enabled=false data=map[] | absent",
		"pre_create g enabled=true data=map[] " + adults.String() + " ConsistentHashPercentageBucketer | absent",
		"post_create g enabled=true data=map[] " + adults.String() + " ConsistentHashPercentageBucketer | true/1/Cons",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestReadsHaveNoEvents(t *testing.T) {
	c := newClient(t)
	flag := mustCreate(t, c, "flag")
	c.Events().Subscribe(subscriberFunc(func(_ context.Context, e flipper.Event) error {
		t.Errorf("event %s", e.Type)
		return nil
	}))
	flag.IsEnabled(t.Context())
	flag.Evaluate(t.Context())
	_, err := flag.Exists(t.Context())
	must(t, err)
	_, err = flag.ClientData(t.Context())
	must(t, err)
	_, err = flag.Meta(t.Context())
	must(t, err)
	list(t, c)
}

func TestHandlersRunInOrder(t *testing.T) {
	c := newClient(t)
	var got []string
	note := func(what string) flipper.Handler {
		return func(_ context.Context, e flipper.Event) error {
			got = append(got, what+" "+string(e.Type))
			return nil
		}
	}
	c.Events().On(flipper.PreEnable, note("1"))
	c.Events().Subscribe(subscriberFunc(note("2")))
	c.Events().On(flipper.PostEnable, note("3"))
	c.Events().On(flipper.PreEnable, note("4"))
	flag := mustCreate(t, c, "flag")
	got = nil
	must(t, flag.Enable(t.Context()))
	if want := []string{"1 pre_enable", "2 pre_enable", "4 pre_enable", "2 post_enable", "3 post_enable"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestPreHandlerStopsTheChange(t *testing.T) {
	for _, v := range verbs {
		t.Run(v.name, func(t *testing.T) {
			c := newClient(t)
			mustCreate(t, c, "flag")
			before := stored(t, c.Store(), "flag")
			c.Events().On(v.event, func(context.Context, flipper.Event) error { return errStop })
			c.Events().Subscribe(subscriberFunc(func(_ context.Context, e flipper.Event) error {
				t.Errorf("%s came after a handler that failed", e.Type)
				return nil
			}))
			err := v.byClient(t.Context(), c, "flag")
			wantErr(t, err, errStop)
			if strings.Count(fmt.Sprint(err), string(v.event)) != 1 {
				t.Errorf("%v does not say which event", err)
			}
			if after := stored(t, c.Store(), "flag"); after != before {
				t.Errorf("the flag became %s", after)
			}
		})
	}
	c := newClient(t)
	c.Events().On(flipper.PreCreate, func(context.Context, flipper.Event) error { return errStop })
	flag, err := c.Create(t.Context(), "flag")
	wantErr(t, err, errStop)
	if exists, err := c.Exists(t.Context(), "flag"); exists || flag != nil || err != nil {
		t.Errorf("it was created: %v, %v, %v", exists, flag, err)
	}
}

func TestPostHandlerFails(t *testing.T) {
	for _, v := range verbs {
		t.Run(v.name, func(t *testing.T) {
			c, reference := newClient(t), newClient(t)
			for _, c := range []*flipper.FeatureFlagClient{c, reference} {
				putStored(t, c.Store(), "flag", `{"feature_name": "flag", "is_enabled": false, "meta": {"created_date": 7}}`)
			}
			post := flipper.EventType(strings.Replace(string(v.event), "pre_", "post_", 1))
			c.Events().On(post, func(context.Context, flipper.Event) error { return errStop })
			wantErr(t, v.byClient(t.Context(), c, "flag"), errStop, flipper.ErrAfterChange)
			must(t, v.byClient(t.Context(), reference, "flag"))
			if v.name == "Destroy" {
				_, err := c.Get(t.Context(), "flag")
				wantErr(t, err, store.ErrNotFound)
				return
			}
			if got, want := stored(t, c.Store(), "flag"), stored(t, reference.Store(), "flag"); got != want {
				t.Errorf("the flag is %s, want the change made: %s", got, want)
			}
		})
	}
	c := newClient(t)
	c.Events().On(flipper.PostCreate, func(context.Context, flipper.Event) error { return errStop })
	_, err := c.Create(t.Context(), "flag")
	wantErr(t, err, errStop, flipper.ErrAfterChange)
	mustGet(t, c, "flag")
}

// A handler's error before the change does not match ErrAfterChange.
func TestErrAfterChangeIsOnlyAfterTheChange(t *testing.T) {
	c := newClient(t)
	mustCreate(t, c, "flag")
	c.Events().On(flipper.PreEnable, func(context.Context, flipper.Event) error { return errStop })
	if err := c.Enable(t.Context(), "flag"); err == nil || strings.Contains(err.Error(), flipper.ErrAfterChange.Error()) {
		t.Errorf("error %v", err)
	}
}

func TestRemoveHandler(t *testing.T) {
	c := newClient(t)
	flag := mustCreate(t, c, "flag")
	var calls []string
	handler := func(context.Context, flipper.Event) error { calls = append(calls, "on"); return nil }
	removeFirst := c.Events().On(flipper.PreEnable, handler)
	removeSecond := c.Events().On(flipper.PreEnable, handler)
	removeSubscriber := c.Events().Subscribe(subscriberFunc(func(_ context.Context, e flipper.Event) error {
		calls = append(calls, string(e.Type))
		return nil
	}))
	for _, test := range []struct {
		remove func()
		want   string
	}{
		{func() {}, "on on pre_enable post_enable"},
		{removeFirst, "on pre_enable post_enable"},
		{removeFirst, "on pre_enable post_enable"}, // again: nothing
		{removeSubscriber, "on"},
		{removeSecond, ""},
	} {
		test.remove()
		calls = nil
		must(t, flag.Enable(t.Context()))
		if got := strings.Join(calls, " "); got != test.want {
			t.Errorf("%q, want %q", got, test.want)
		}
	}
}

// A handler may register and remove handlers, itself too, and change flags.
func TestHandlerUsesTheClient(t *testing.T) {
	c := newClient(t)
	flag := mustCreate(t, c, "flag")
	mustCreate(t, c, "follower")
	var remove func()
	calls := 0
	remove = c.Events().On(flipper.PostEnable, func(ctx context.Context, e flipper.Event) error {
		calls++
		remove()
		c.Events().On(flipper.PostEnable, func(context.Context, flipper.Event) error { return nil })
		return c.Enable(ctx, "follower")
	})
	must(t, flag.Enable(t.Context()))
	must(t, flag.Enable(t.Context()))
	if calls != 1 || !c.IsEnabled(t.Context(), "follower") {
		t.Errorf("%d calls", calls)
	}
}

func TestSharedEvents(t *testing.T) {
	var events flipper.Events // the zero value is ready
	var names []string
	events.On(flipper.PostCreate, func(_ context.Context, e flipper.Event) error {
		names = append(names, e.Name)
		return nil
	})
	one := flipper.New(memory.New(), flipper.WithEvents(&events))
	other := flipper.New(memory.New(), flipper.WithEvents(&events))
	apart := flipper.New(memory.New())
	for name, c := range map[string]*flipper.FeatureFlagClient{"one": one, "other": other, "apart": apart} {
		mustCreate(t, c, name)
	}
	slices.Sort(names)
	if !slices.Equal(names, []string{"one", "other"}) || one.Events() != &events {
		t.Errorf("heard of %v", names)
	}
}

// The change of a client's own set_client_data event is what ends up stored, even
// if somebody else changes the flag between the event and the write.
func TestPostEventTellsWhatWasStored(t *testing.T) {
	c := newClient(t)
	mustCreate(t, c, "flag")
	c.Events().On(flipper.PreSetClientData, func(ctx context.Context, e flipper.Event) error {
		return flipper.New(c.Store()).SetClientData(ctx, "flag", map[string]any{"other": 1})
	})
	var got map[string]any
	c.Events().On(flipper.PostSetClientData, func(_ context.Context, e flipper.Event) error {
		got = e.ClientData
		return nil
	})
	must(t, c.SetClientData(t.Context(), "flag", map[string]any{"mine": 2}))
	if diff := cmp.Diff(map[string]any{"mine": int64(2), "other": int64(1)}, got); diff != "" {
		t.Errorf("client data (-want +got):\n%s", diff)
	}
}

func TestConcurrentRegistration(t *testing.T) {
	c := newClient(t)
	flag := mustCreate(t, c, "flag")
	var kept atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				c.Events().On(flipper.PreEnable, func(context.Context, flipper.Event) error { kept.Add(1); return nil })
				remove := c.Events().Subscribe(subscriberFunc(func(context.Context, flipper.Event) error { return nil }))
				if err := flag.Disable(t.Context()); err != nil {
					t.Error(err)
				}
				remove()
			}
		})
	}
	wg.Wait()
	must(t, flag.Enable(t.Context()))
	if kept.Load() != 8*50 {
		t.Errorf("%d handlers are left of %d", kept.Load(), 8*50)
	}
}

func TestEventTypes(t *testing.T) {
	// The values are part of the format: the Python client's.
	want := map[flipper.EventType]string{
		flipper.PreCreate: "pre_create", flipper.PostCreate: "post_create",
		flipper.PreEnable: "pre_enable", flipper.PostEnable: "post_enable",
		flipper.PreDisable: "pre_disable", flipper.PostDisable: "post_disable",
		flipper.PreDestroy: "pre_destroy", flipper.PostDestroy: "post_destroy",
		flipper.PreAddCondition: "pre_add_condition", flipper.PostAddCondition: "post_add_condition",
		flipper.PreSetConditions: "pre_set_conditions", flipper.PostSetConditions: "post_set_conditions",
		flipper.PreSetClientData: "pre_set_client_data", flipper.PostSetClientData: "post_set_client_data",
		flipper.PreSetBucketer: "pre_set_bucketer", flipper.PostSetBucketer: "post_set_bucketer",
	}
	if len(want) != 16 {
		t.Errorf("%d types", len(want))
	}
	for event, text := range want {
		if string(event) != text {
			t.Errorf("%q, want %q", event, text)
		}
	}
}
