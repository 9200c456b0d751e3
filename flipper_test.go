// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipper_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/targeting/carta"
)

// A verb is a change of an existing flag, by client and by handle.
type verb struct {
	name     string
	event    flipper.EventType // before the change
	byClient func(ctx context.Context, c *flipper.FeatureFlagClient, name string) error
	byHandle func(ctx context.Context, f *flipper.FeatureFlag) error
}

var (
	adults = carta.NewCondition(carta.GreaterOrEqual("age", 18))
	pros   = carta.NewCondition(carta.Equal("plan", "pro"))
	half   = carta.NewConsistentHashBucketer(carta.FixedPercentage(0.5), "user_id")
	chance = carta.NewPercentageBucketer(carta.FixedPercentage(0.5))
)

var verbs = []verb{
	{
		"Enable", flipper.PreEnable,
		func(ctx context.Context, c *flipper.FeatureFlagClient, name string) error { return c.Enable(ctx, name) },
		func(ctx context.Context, f *flipper.FeatureFlag) error { return f.Enable(ctx) },
	},
	{
		"Disable", flipper.PreDisable,
		func(ctx context.Context, c *flipper.FeatureFlagClient, name string) error {
			return c.Disable(ctx, name)
		},
		func(ctx context.Context, f *flipper.FeatureFlag) error { return f.Disable(ctx) },
	},
	{
		"AddCondition", flipper.PreAddCondition,
		func(ctx context.Context, c *flipper.FeatureFlagClient, name string) error {
			return c.AddCondition(ctx, name, adults)
		},
		func(ctx context.Context, f *flipper.FeatureFlag) error { return f.AddCondition(ctx, adults) },
	},
	{
		"SetConditions", flipper.PreSetConditions,
		func(ctx context.Context, c *flipper.FeatureFlagClient, name string) error {
			return c.SetConditions(ctx, name, adults, pros)
		},
		func(ctx context.Context, f *flipper.FeatureFlag) error { return f.SetConditions(ctx, adults, pros) },
	},
	{
		"SetBucketer", flipper.PreSetBucketer,
		func(ctx context.Context, c *flipper.FeatureFlagClient, name string) error {
			return c.SetBucketer(ctx, name, half)
		},
		func(ctx context.Context, f *flipper.FeatureFlag) error { return f.SetBucketer(ctx, half) },
	},
	{
		"SetClientData", flipper.PreSetClientData,
		func(ctx context.Context, c *flipper.FeatureFlagClient, name string) error {
			return c.SetClientData(ctx, name, map[string]any{"ttl": 60})
		},
		func(ctx context.Context, f *flipper.FeatureFlag) error {
			return f.SetClientData(ctx, map[string]any{"ttl": 60})
		},
	},
	{
		"Destroy", flipper.PreDestroy,
		func(ctx context.Context, c *flipper.FeatureFlagClient, name string) error {
			return c.Destroy(ctx, name)
		},
		func(ctx context.Context, f *flipper.FeatureFlag) error { return f.Destroy(ctx) },
	},
}

// The client and a handle do the same.
func TestHandleDoesAsTheClient(t *testing.T) {
	for _, v := range verbs {
		t.Run(v.name, func(t *testing.T) {
			one, other := newClient(t), newClient(t)
			for _, c := range []*flipper.FeatureFlagClient{one, other} {
				putStored(t, c.Store(), "flag", `{"feature_name": "flag", "is_enabled": true, "meta": {"created_date": 7, "client_data": {"a": 1}, "later": [1.0]}}`)
			}
			must(t, v.byClient(t.Context(), one, "flag"))
			must(t, v.byHandle(t.Context(), other.Flag("flag")))
			if v.name == "Destroy" {
				for _, c := range []*flipper.FeatureFlagClient{one, other} {
					_, err := c.Get(t.Context(), "flag")
					wantErr(t, err, store.ErrNotFound)
				}
				return
			}
			got, want := stored(t, other.Store(), "flag"), stored(t, one.Store(), "flag")
			if got != want {
				t.Errorf("by handle: %s\nby client: %s", got, want)
			}
			if !strings.Contains(got, `"later": [1.0]`) || !strings.Contains(got, `"created_date": 7`) {
				t.Errorf("the change lost what it does not concern: %s", got)
			}
		})
	}
}

func TestMissingFlag(t *testing.T) {
	for _, v := range verbs {
		// With and without handlers, because the client looks for the flag
		// before it calls one.
		for _, handled := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/handled=%v", v.name, handled), func(t *testing.T) {
				c := newClient(t)
				if handled {
					c.Events().Subscribe(subscriberFunc(func(_ context.Context, e flipper.Event) error {
						t.Errorf("a handler heard of %s of a flag that does not exist", e.Type)
						return nil
					}))
				}
				for _, err := range []error{v.byClient(t.Context(), c, "nobody"), v.byHandle(t.Context(), c.Flag("nobody"))} {
					wantErr(t, err, store.ErrNotFound)
					if err != nil && !strings.Contains(err.Error(), `"nobody"`) {
						t.Errorf("%v does not name the flag", err)
					}
				}
				if exists, err := c.Exists(t.Context(), "nobody"); exists || err != nil {
					t.Errorf("it exists afterwards: %v, %v", exists, err)
				}
			})
		}
	}
}

func TestMissingFlagReads(t *testing.T) {
	c := newClient(t)
	flag := c.Flag("nobody")
	if flag.Name() != "nobody" {
		t.Errorf("name %q", flag.Name())
	}
	for _, read := range []func() error{
		func() error { _, err := c.Get(t.Context(), "nobody"); return err },
		func() error { _, err := flag.Get(t.Context()); return err },
		func() error { _, err := c.ClientData(t.Context(), "nobody"); return err },
		func() error { _, err := flag.ClientData(t.Context()); return err },
		func() error { _, err := c.Meta(t.Context(), "nobody"); return err },
		func() error { _, err := flag.Meta(t.Context()); return err },
		func() error { return flag.Evaluate(t.Context()).Err },
	} {
		wantErr(t, read(), store.ErrNotFound)
	}
	if exists, err := flag.Exists(t.Context()); exists || err != nil {
		t.Errorf("Exists: %v, %v", exists, err)
	}
	if flag.IsEnabled(t.Context()) || !flag.IsEnabledOr(t.Context(), true) {
		t.Error("a missing flag does not answer with the default")
	}
}

func TestGetAsksNoStore(t *testing.T) {
	s := newFaultyStore()
	s.fail(errDown)
	if flag := flipper.New(s).Flag("flag"); flag.Name() != "flag" || s.gets.Load() != 0 {
		t.Errorf("name %q after %d calls", flag.Name(), s.gets.Load())
	}
}

func TestLifeCycle(t *testing.T) {
	c := newClient(t)
	flag := mustCreate(t, c, "flag")
	check := func(when string, exists, enabled bool) {
		t.Helper()
		if got, err := flag.Exists(t.Context()); got != exists || err != nil {
			t.Errorf("%s: exists %v, %v", when, got, err)
		}
		if got := flag.IsEnabled(t.Context()); got != enabled {
			t.Errorf("%s: enabled %v", when, got)
		}
	}
	check("created", true, false)
	must(t, flag.Enable(t.Context()))
	check("enabled", true, true)
	must(t, flag.Enable(t.Context()))
	check("enabled again", true, true)
	must(t, flag.Disable(t.Context()))
	check("disabled", true, false)
	must(t, flag.Enable(t.Context()))
	must(t, flag.Destroy(t.Context()))
	check("destroyed", false, false)
	wantErr(t, flag.Enable(t.Context()), store.ErrNotFound)
	mustCreate(t, c, "flag")
	check("created anew", true, false)
}

func TestCreate(t *testing.T) {
	c := newClient(t)
	before := time.Now().Truncate(time.Second)
	plain := mustGet(t, c, mustCreate(t, c, "plain").Name())
	if plain.Enabled || len(plain.Conditions) != 0 || !plain.Bucketer.IsNoOp() {
		t.Errorf("a plain flag is %+v", plain)
	}
	if plain.Created.Before(before) || plain.Created.After(time.Now()) || plain.Created.Nanosecond() != 0 {
		t.Errorf("created %v, want whole seconds, now", plain.Created)
	}
	if data, err := c.ClientData(t.Context(), "plain"); len(data) != 0 || data == nil || err != nil {
		t.Errorf("client data %v, %v", data, err)
	}
	mustCreate(t, c, "full", flipper.WithEnabled(true), flipper.WithClientData(map[string]any{"ttl": 3600, "owner": "core"}),
		flipper.WithConditions(adults, pros), flipper.WithBucketer(half))
	full := mustGet(t, c, "full")
	want := `{"client_data": {"owner": "core", "ttl": 3600}, "created_date": ` + fmt.Sprint(full.Created.Unix()) +
		`, "conditions": [{"age": [{"variable": "age", "value": 18, "operator": "gte"}]}, {"plan": [{"variable": "plan", "value": "pro", "operator": null}]}]` +
		`, "bucketer": {"type": "ConsistentHashPercentageBucketer", "percentage": {"type": "Percentage", "value": 0.5}, "key_whitelist": ["user_id"]}}`
	meta, err := c.Flag("full").Meta(t.Context())
	must(t, err)
	if !full.Enabled || string(meta) != want {
		t.Errorf("enabled %v, meta\n%s\nwant\n%s", full.Enabled, meta, want)
	}
}

func TestCreateRefusesTakenName(t *testing.T) {
	for _, handled := range []bool{false, true} {
		c := newClient(t)
		mustCreate(t, c, "flag", flipper.WithEnabled(true), flipper.WithConditions(adults), flipper.WithClientData(map[string]any{"a": 1}))
		before := stored(t, c.Store(), "flag")
		if handled {
			c.Events().On(flipper.PreCreate, func(context.Context, flipper.Event) error {
				t.Error("a handler heard of a flag that cannot be made")
				return nil
			})
		}
		flag, err := c.Create(t.Context(), "flag", flipper.WithClientData(map[string]any{"b": 2}))
		wantErr(t, err, store.ErrExists)
		if flag != nil {
			t.Error("a handle, although there is an error")
		}
		if after := stored(t, c.Store(), "flag"); after != before {
			t.Errorf("the flag became %s, it was %s", after, before)
		}
	}
}

func TestCreateRefusesUnreadableName(t *testing.T) {
	s := newFaultyStore()
	c := flipper.New(s, quiet())
	mustCreate(t, c, "flag")
	s.unreadable.Store(new("flag"))
	c.Events().On(flipper.PreCreate, func(context.Context, flipper.Event) error { return errStop })
	_, err := c.Create(t.Context(), "flag")
	wantErr(t, err, store.ErrExists)
	if exists, err := c.Exists(t.Context(), "flag"); !exists || err != nil {
		t.Errorf("an unreadable flag exists: %v, %v", exists, err)
	}
	// It can be deleted, and then made anew.
	must(t, c.Destroy(t.Context(), "flag"))
}

func TestRefusedBeforeAnythingChanges(t *testing.T) {
	long := strings.Repeat("n", store.MaxNameSize+1)
	big := strings.Repeat("x", store.MaxFlagSize)
	for _, test := range []struct {
		what  string
		do    func(ctx context.Context, c *flipper.FeatureFlagClient) error
		names []string // what the message must name
	}{
		{"empty name", create(""), []string{"name", "empty"}},
		{"long name", create(long), []string{"name", "1024"}},
		{"name that is no UTF-8", create("a\xffb"), []string{"name", "UTF-8"}},
		{"large flag", create("new", flipper.WithClientData(map[string]any{"k": big})), []string{"new", "bytes"}},
		{"client data of a channel", create("new", flipper.WithClientData(map[string]any{"pipe": make(chan int)})), []string{"client_data", "pipe", "chan int"}},
		{"condition of a new flag", create("new", flipper.WithConditions(adults, badCondition())), []string{"conditions", "element 1", "shoe__size", "__"}},
		{"bucketer of a new flag", create("new", flipper.WithBucketer(badBucketer())), []string{"bucketer", "percentage", "0.5"}},
		{"added condition", func(ctx context.Context, c *flipper.FeatureFlagClient) error {
			return c.AddCondition(ctx, "flag", badCondition())
		}, []string{"flag", "condition", "shoe__size", "__"}},
		{"set conditions", func(ctx context.Context, c *flipper.FeatureFlagClient) error {
			return c.SetConditions(ctx, "flag", adults, badCondition())
		}, []string{"flag", "condition 1", "shoe__size", "__"}},
		{"bucketer", func(ctx context.Context, c *flipper.FeatureFlagClient) error {
			return c.SetBucketer(ctx, "flag", badBucketer())
		}, []string{"flag", "bucketer", "percentage", "0 to 1"}},
		{"client data", func(ctx context.Context, c *flipper.FeatureFlagClient) error {
			return c.SetClientData(ctx, "flag", map[string]any{"fine": 1, "pipe": make(chan int)})
		}, []string{"flag", "client_data", "pipe", "chan int"}},
		{"large client data", func(ctx context.Context, c *flipper.FeatureFlagClient) error {
			return c.SetClientData(ctx, "flag", map[string]any{"k": big})
		}, []string{"flag", "bytes"}},
	} {
		t.Run(test.what, func(t *testing.T) {
			s := newFaultyStore()
			c := flipper.New(s, quiet())
			mustCreate(t, c, "flag", flipper.WithConditions(adults), flipper.WithClientData(map[string]any{"a": 1}))
			before, puts := stored(t, s, "flag"), s.puts.Load()
			c.Events().Subscribe(subscriberFunc(func(_ context.Context, e flipper.Event) error {
				if test.what != "large client data" { // its size shows only once it is merged
					t.Errorf("a handler heard of %s", e.Type)
				}
				return nil
			}))
			err := test.do(t.Context(), c)
			wantErr(t, err, store.ErrInvalid)
			for _, name := range test.names {
				if err != nil && !strings.Contains(err.Error(), name) {
					t.Errorf("%q does not say %q", err, name)
				}
			}
			if after := stored(t, s, "flag"); after != before {
				t.Errorf("the flag became %s", after)
			}
			if exists, err := c.Exists(t.Context(), "new"); exists || err != nil {
				t.Errorf("the flag was made: %v, %v", exists, err)
			}
			if test.what == "large client data" {
				return
			}
			if s.puts.Load() != puts {
				t.Error("the store was asked to write")
			}
			// It is wrong whatever the store has, so nobody needs to ask it.
			s.fail(errDown)
			wantErr(t, test.do(t.Context(), c), store.ErrInvalid)
		})
	}
}

func create(name string, opts ...flipper.CreateOption) func(context.Context, *flipper.FeatureFlagClient) error {
	return func(ctx context.Context, c *flipper.FeatureFlagClient) error {
		_, err := c.Create(ctx, name, opts...)
		return err
	}
}

func TestOddNames(t *testing.T) {
	c := newClient(t)
	for _, name := range []string{"a/b", " ", "..", "Ünïcode", "*", "line\nbreak", "nul\x00", strings.Repeat("n", store.MaxNameSize)} {
		flag := mustCreate(t, c, name, flipper.WithEnabled(true))
		if !flag.IsEnabled(t.Context()) || mustGet(t, c, name).Name != name {
			t.Errorf("%q is not what it was made as", name)
		}
		must(t, flag.Destroy(t.Context()))
	}
	// Names are not normalised and case counts.
	mustCreate(t, c, "flag", flipper.WithEnabled(true))
	if c.IsEnabled(t.Context(), "FLAG") {
		t.Error("case does not count")
	}
}

func TestConditions(t *testing.T) {
	c := newClient(t)
	flag := mustCreate(t, c, "flag", flipper.WithEnabled(true))
	must(t, flag.AddCondition(t.Context(), adults))
	must(t, flag.AddCondition(t.Context(), pros))
	texts := func() (all []string) {
		for _, condition := range mustGet(t, c, "flag").Conditions {
			all = append(all, condition.String())
		}
		return all
	}
	if got, want := texts(), []string{adults.String(), pros.String()}; !slices.Equal(got, want) {
		t.Errorf("after adding two: %v", got)
	}
	if flag.IsEnabled(t.Context(), flipper.Int("age", 20), flipper.String("plan", "free")) {
		t.Error("one condition of two is enough")
	}
	must(t, flag.SetConditions(t.Context(), pros))
	if got := texts(); !slices.Equal(got, []string{pros.String()}) {
		t.Errorf("after setting one: %v", got)
	}
	must(t, flag.SetConditions(t.Context()))
	if got := texts(); len(got) != 0 {
		t.Errorf("after setting none: %v", got)
	}
}

func TestSetBucketer(t *testing.T) {
	c := newClient(t)
	flag := mustCreate(t, c, "flag", flipper.WithEnabled(true))
	must(t, flag.SetBucketer(t.Context(), half))
	// The specification's known buckets: 48 and 94.
	if !flag.IsEnabled(t.Context(), flipper.Int("user_id", 1)) || flag.IsEnabled(t.Context(), flipper.Int("user_id", 2)) {
		t.Error("users 1 and 2 are in and out of half the traffic")
	}
	must(t, flag.SetBucketer(t.Context(), carta.NoBucketer()))
	if !flag.IsEnabled(t.Context(), flipper.Int("user_id", 2)) {
		t.Error("the bucketer is still there")
	}
}

// The caller's slices and maps are not kept.
func TestArgumentsAreNotKept(t *testing.T) {
	c := newClient(t)
	conditions := []carta.Condition{adults}
	data := map[string]any{"list": []int{1}}
	mustCreate(t, c, "made", flipper.WithConditions(conditions...), flipper.WithClientData(data))
	mustCreate(t, c, "set")
	must(t, c.SetConditions(t.Context(), "set", conditions...))
	must(t, c.SetClientData(t.Context(), "set", data))
	conditions[0] = pros
	data["list"].([]int)[0] = 2
	for _, name := range []string{"made", "set"} {
		f := mustGet(t, c, name)
		if f.Conditions[0].String() != adults.String() || f.ClientData != `{"list": [1]}` {
			t.Errorf("%s: %v, %v", name, f.Conditions, f.ClientData)
		}
	}
}

func TestList(t *testing.T) {
	s := newFaultyStore()
	c := flipper.New(s, quiet())
	if flags := list(t, c); len(flags) != 0 {
		t.Errorf("an empty store lists %v", flags)
	}
	for _, name := range []string{"d", "b", "a", "c", "Z"} {
		mustCreate(t, c, name)
	}
	for _, test := range []struct {
		opts []flipper.ListOption
		want string
	}{
		{nil, "Z a b c d"},
		{[]flipper.ListOption{flipper.WithLimit(0)}, ""},
		{[]flipper.ListOption{flipper.WithLimit(2)}, "Z a"},
		{[]flipper.ListOption{flipper.WithLimit(5)}, "Z a b c d"},
		{[]flipper.ListOption{flipper.WithLimit(99)}, "Z a b c d"},
		{[]flipper.ListOption{flipper.WithOffset(0)}, "Z a b c d"},
		{[]flipper.ListOption{flipper.WithOffset(3)}, "c d"},
		{[]flipper.ListOption{flipper.WithOffset(5)}, ""},
		{[]flipper.ListOption{flipper.WithOffset(99)}, ""},
		{[]flipper.ListOption{flipper.WithLimit(2), flipper.WithOffset(2)}, "b c"},
		{[]flipper.ListOption{flipper.WithOffset(4), flipper.WithLimit(2)}, "d"},
		{[]flipper.ListOption{flipper.WithLimit(0), flipper.WithOffset(1)}, ""},
	} {
		if got := strings.Join(list(t, c, test.opts...), " "); got != test.want {
			t.Errorf("limit and offset %v: %q, want %q", test.opts, got, test.want)
		}
	}

	// An unreadable flag has its place, and counts.
	s.unreadable.Store(new("b"))
	if got := strings.Join(list(t, c, flipper.WithOffset(1), flipper.WithLimit(3)), " "); got != "a !b c" {
		t.Errorf("with an unreadable flag: %q", got)
	}
	if got := strings.Join(list(t, c, flipper.WithOffset(3)), " "); got != "c d" {
		t.Errorf("behind an unreadable flag: %q", got)
	}
}

// list returns the names, those of unreadable flags with a mark.
func list(tb testing.TB, c *flipper.FeatureFlagClient, opts ...flipper.ListOption) (names []string) {
	tb.Helper()
	for f, err := range c.List(tb.Context(), opts...) {
		if unreadable := (*store.UnreadableError)(nil); errors.As(err, &unreadable) {
			names = append(names, "!"+unreadable.Name)
			continue
		}
		must(tb, err)
		names = append(names, f.Name)
	}
	return names
}

func TestListNegative(t *testing.T) {
	c := newClient(t)
	mustCreate(t, c, "flag")
	for _, opt := range []flipper.ListOption{flipper.WithLimit(-1), flipper.WithOffset(-1)} {
		yields := 0
		for f, err := range c.List(t.Context(), opt) {
			wantErr(t, err, store.ErrInvalid)
			if yields++; f != nil || yields > 1 {
				t.Error("more than an error")
			}
		}
		if yields != 1 {
			t.Error("no error")
		}
	}
}

func TestListErrorsAndChanges(t *testing.T) {
	s := newFaultyStore()
	c := flipper.New(s, quiet())
	for _, name := range []string{"a", "b", "c"} {
		mustCreate(t, c, name)
	}
	// The loop may change the store, and end early.
	var seen []string
	for f, err := range c.List(t.Context()) {
		must(t, err)
		must(t, c.Enable(t.Context(), f.Name))
		if seen = append(seen, f.Name); len(seen) == 2 {
			break
		}
	}
	if !slices.Equal(seen, []string{"a", "b"}) || !c.IsEnabled(t.Context(), "b") || c.IsEnabled(t.Context(), "c") {
		t.Errorf("saw %v", seen)
	}
	s.fail(errDown)
	yields := 0
	for f, err := range c.List(t.Context()) {
		wantErr(t, err, store.ErrUnavailable)
		if yields++; f != nil || yields > 1 {
			t.Error("more than an error")
		}
	}
	if yields != 1 {
		t.Error("no error")
	}
}

// No verb hides what the store says, or makes of a failure that a flag is gone.
func TestStoreFailureReachesTheCaller(t *testing.T) {
	s := newFaultyStore()
	c := flipper.New(s, quiet())
	mustCreate(t, c, "flag")
	before := stored(t, s, "flag")
	for _, handled := range []bool{false, true} {
		s.fail(errDown)
		for _, v := range verbs {
			if err := v.byClient(t.Context(), c, "flag"); !errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrNotFound) {
				t.Errorf("%s: %v", v.name, err)
			}
		}
		_, err := c.Create(t.Context(), "other")
		wantErr(t, err, store.ErrUnavailable)
		if exists, err := c.Exists(t.Context(), "flag"); exists || !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("Exists: %v, %v", exists, err)
		}
		s.heal()
		if after := stored(t, s, "flag"); after != before {
			t.Errorf("the flag became %s", after)
		}
		c.Events().Subscribe(subscriberFunc(func(_ context.Context, e flipper.Event) error {
			if !handled && e.Type != flipper.PreCreate {
				return nil
			}
			if e.Type != flipper.PreCreate {
				t.Errorf("%s was announced, although the store is down", e.Type)
			}
			return nil
		}))
	}
}

func TestCancelledContext(t *testing.T) {
	c := newClient(t)
	mustCreate(t, c, "flag")
	before := stored(t, c.Store(), "flag")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, v := range verbs {
		wantErr(t, v.byClient(ctx, c, "flag"), context.Canceled)
	}
	_, err := c.Create(ctx, "other")
	wantErr(t, err, context.Canceled)
	if after := stored(t, c.Store(), "flag"); after != before {
		t.Errorf("the flag became %s", after)
	}
}

func TestNewNeitherDialsNorBlocks(t *testing.T) {
	s := newFaultyStore()
	s.hanging.Store(true)
	c := flipper.New(s)
	if c.Store() != store.Store(s) || c.Events() == nil || s.gets.Load() != 0 {
		t.Error("New asked the store, or lost it")
	}
}

var _ store.Peeker = memory.New()
