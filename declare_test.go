// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipper_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/targeting"
)

const web flipper.Namespace = "web"

type searchFlags struct{ Fuzzy, Typo *flipper.Declaration }

var declared = struct {
	NewUI  *flipper.Declaration
	Search searchFlags
	More   *searchFlags
	Count  int
	hidden *flipper.Declaration
}{
	NewUI: web.Declare("new_ui", flipper.EnabledByDefault(), flipper.Description("The new user interface"), flipper.Owner("team-web"), flipper.Expires(2000, time.January, 31)),
	Search: searchFlags{
		Fuzzy: flipper.Declare("fuzzy"),
		Typo:  flipper.Namespace("").Declare("typo", flipper.Owner("team-search")),
	},
	More: &searchFlags{Fuzzy: flipper.Declare("more.fuzzy"), Typo: flipper.Declare("more.typo")},
}

func declarations(t *testing.T) []flipper.Declared {
	t.Helper()
	all, err := flipper.Declarations(&declared)
	must(t, err)
	return all
}

// declare declares a flag with a default.
func declare(name string, otherwise bool) *flipper.Declaration {
	if otherwise {
		return flipper.Declare(name, flipper.EnabledByDefault())
	}
	return flipper.Declare(name)
}

func TestDeclarations(t *testing.T) {
	var names []string
	for _, d := range declarations(t) {
		names = append(names, d.Name())
	}
	if want := []string{"web.new_ui", "fuzzy", "typo", "more.fuzzy", "more.typo"}; !slices.Equal(names, want) {
		t.Errorf("%q, want %q", names, want)
	}
	d := declared.NewUI
	day, ok := d.Expires()
	if !d.Default() || d.Description() != "The new user interface" || d.Owner() != "team-web" || !ok || !day.Equal(time.Date(2000, time.January, 31, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("%+v", d)
	}
	if _, ok := declared.Search.Fuzzy.Expires(); ok {
		t.Error("it expires")
	}
	for _, group := range []any{nil, 1, "x", struct{}{}, struct{ X int }{}, (*searchFlags)(nil), searchFlags{}, struct{ D searchFlags }{}} {
		_, err := flipper.Declarations(group)
		wantErr(t, err, store.ErrInvalid)
	}
}

func TestDeclaredDefault(t *testing.T) {
	c := newClient(t)
	if !declared.NewUI.IsEnabled(t.Context(), c) || declared.Search.Fuzzy.IsEnabled(t.Context(), c) {
		t.Error("the default is not answered")
	}
	mustCreate(t, c, "web.new_ui", flipper.WithConditions(pros))
	if declared.NewUI.IsEnabled(t.Context(), c) {
		t.Error("the default wins over what is stored")
	}
	must(t, declared.NewUI.Flag(c).Enable(t.Context()))
	if !declared.NewUI.IsEnabled(t.Context(), c, flipper.String("plan", "pro")) || declared.NewUI.IsEnabled(t.Context(), c, flipper.String("plan", "free")) {
		t.Error("the attributes do not count")
	}
}

// The handle of a declaration answers its default, and hooks hear of that answer.
func TestDeclaredDefaultOfHandle(t *testing.T) {
	var heard journal
	c := newClient(t, flipper.WithHook(&heard))
	flag := declared.NewUI.Flag(c)
	e := flag.Evaluate(t.Context())
	if !flag.Default() || !flag.IsEnabled(t.Context()) || !e.Enabled || e.Err == nil {
		t.Errorf("%+v", e)
	}
	if e := flag.EvaluateOr(t.Context(), false); e.Enabled || flag.IsEnabledOr(t.Context(), false) {
		t.Errorf("the caller's own default does not win: %+v", e)
	}
	if c.Flag(flag.Name()).Default() || c.Flag(flag.Name()).IsEnabled(t.Context()) || c.Evaluate(t.Context(), flag.Name()).Enabled {
		t.Error("a handle that is not of the declaration has its default")
	}
	var enabled []bool
	for _, i := range heard.take() {
		enabled = append(enabled, i.Enabled)
	}
	if want := []bool{true, true, false, false, false, false}; !slices.Equal(enabled, want) {
		t.Errorf("the hook heard %t, want %t", enabled, want)
	}
	mustCreate(t, c, "web.new_ui")
	if flag.IsEnabled(t.Context()) || flag.Evaluate(t.Context()).Enabled {
		t.Error("the default wins over what is stored")
	}
}

// A client that knows the declarations answers their defaults, whoever asks and how,
// unless the call brings its own.
func TestWithDeclarations(t *testing.T) {
	fuzzy := flipper.Declare("fuzzy", flipper.EnabledByDefault())
	list := flipper.WithDeclarations(append(declarations(t), nil, flipper.Declare("twice", flipper.EnabledByDefault()), flipper.Declare("twice"))...)
	s := newFaultyStore()
	c := flipper.New(s, quiet(), list, list)
	for _, ctx := range []context.Context{t.Context(), flipper.WithPinnedFlags(t.Context())} {
		names := []string{"web.new_ui", "fuzzy", "nobody's", "twice"}
		all, err := c.EvaluateAll(ctx)
		must(t, err)
		for i, e := range c.EvaluateNames(ctx, names) {
			name, want := names[i], names[i] == "web.new_ui"
			wantErr(t, e.Err, store.ErrNotFound)
			if e.Enabled != want || c.Evaluate(ctx, name).Enabled != want || c.IsEnabled(ctx, name) != want ||
				c.Flag(name).IsEnabled(ctx) != want || c.Flag(name).Evaluate(ctx).Enabled != want || c.Flag(name).Default() != want {
				t.Errorf("%s is not %t for all: %v", name, want, e)
			}
			if on, ok := e.Value.AsBool(); on != want || !ok {
				t.Errorf("%s has the value %s", name, e.Value)
			}
			other, ok := all[name]
			if ok == (name == "nobody's") || other.Enabled != want {
				t.Errorf("all have %t, %v for %s", ok, other, name)
			}
			if c.IsEnabledOr(ctx, name, true) == c.IsEnabledOr(ctx, name, false) || c.EvaluateOr(ctx, name, !want).Enabled == want {
				t.Errorf("%s: the caller's own default does not win", name)
			}
			if got := c.StringOr(ctx, name, "x"); got != "x" {
				t.Errorf("%s is %s", name, got)
			}
		}
	}
	if !fuzzy.IsEnabled(t.Context(), c) {
		t.Error("the client's declaration wins over the one that asks")
	}
	wantErr(t, c.Register(t.Context()), store.ErrInvalid) // one is nil

	// What is stored wins. All that is known is registered, and audited.
	c = flipper.New(s, quiet(), flipper.WithDeclarations(declarations(t)...))
	audit, err := c.Audit(t.Context())
	must(t, err)
	if len(audit.Missing) != 5 {
		t.Errorf("%+v", audit)
	}
	must(t, c.Register(t.Context()))
	must(t, c.Disable(t.Context(), "web.new_ui"))
	all, err := c.EvaluateAll(t.Context())
	must(t, err)
	if e := all["web.new_ui"]; e.Enabled || e.Err != nil || len(all) != 5 || c.IsEnabled(t.Context(), "web.new_ui") {
		t.Errorf("%v", all)
	}
	if audit, err := c.Audit(t.Context(), fuzzy); err != nil || len(audit.Undeclared) != 4 {
		t.Errorf("%+v, %v", audit, err)
	}

	// The store fails: the list has nothing, and names have their defaults.
	s.fail(errDown)
	_, err = c.EvaluateAll(t.Context())
	wantErr(t, err, store.ErrUnavailable)
	if e := c.EvaluateNames(t.Context(), []string{"web.new_ui"})[0]; !e.Enabled || !c.IsEnabled(t.Context(), "web.new_ui") {
		t.Errorf("%v", e)
	}
}

func TestNamespace(t *testing.T) {
	for name, want := range map[string]bool{"web.new_ui": true, "web.a.b": true, "web": false, "webbed.x": false, "other": false, "": false} {
		if got := web.Contains(name); got != want {
			t.Errorf("%q: %t", name, got)
		}
		if !flipper.Namespace("").Contains(name) {
			t.Errorf("%q is not in the empty namespace", name)
		}
	}
}

func TestRegister(t *testing.T) {
	s := memory.New()
	c := flipper.New(s, quiet())
	mustCreate(t, c, "fuzzy", on(), flipper.WithClientData(map[string]any{"owner": "somebody else"}))
	putStored(t, s, "typo", `{"feature_name": "typo", "is_enabled": false, "meta": {"created_date": 1, "odd": true}}`)
	fuzzy, typo := stored(t, s, "fuzzy"), stored(t, s, "typo")

	var several sync.WaitGroup
	for range 8 {
		several.Go(func() {
			if err := c.Register(t.Context(), declarations(t)...); err != nil {
				t.Error(err)
			}
		})
	}
	several.Wait()

	if stored(t, s, "fuzzy") != fuzzy {
		t.Error("a stored flag was changed, and nothing is declared of it")
	}
	if got, want := stored(t, s, "typo"), strings.Replace(typo, `"odd": true`, `"odd": true, "client_data": {"owner": "team-search"}, "conditions": [], "bucketer": {"type": "NoOpBucketer"}`, 1); got != want {
		t.Errorf("stored is %s, want %s", got, want)
	}
	if f := mustGet(t, c, "web.new_ui"); !f.Enabled {
		t.Error("the default is not stored")
	}
	data, err := c.ClientData(t.Context(), "web.new_ui")
	must(t, err)
	if diff := cmp.Diff(map[string]any{"description": "The new user interface", "owner": "team-web", "expires": "2000-01-31"}, data); diff != "" {
		t.Errorf("client data (-want +got):\n%s", diff)
	}
	if f := mustGet(t, c, "more.typo"); f.Enabled || f.ClientData != "" {
		t.Errorf("%+v", f)
	}
}

// Register refreshes what is declared of a flag, and nothing else.
func TestRegisterRefreshes(t *testing.T) {
	s := newFaultyStore()
	c := flipper.New(s, quiet())
	d := flipper.Declare("flag", flipper.EnabledByDefault(),
		flipper.Description("new"), flipper.Owner("team-web"), flipper.Expires(2030, time.June, 1))
	const rules = `"$rules": {"version": 1, "off": "off", "default": "on"}`
	putStored(t, s, "flag", `{"feature_name": "flag", "is_enabled": false, "meta": {"created_date": 1, "odd": true, "client_data": `+
		`{"owner": "team-old", "ticket": 1, "description": 7, `+rules+`}, "conditions": [], "bucketer": {"type": "NoOpBucketer"}}}`)
	before := mustGet(t, c, "flag")

	var events []string
	c.Events().On(flipper.PreSetClientData, func(_ context.Context, e flipper.Event) error {
		events = append(events, "pre "+e.ClientData["owner"].(string))
		return nil
	})
	c.Events().On(flipper.PostSetClientData, func(_ context.Context, e flipper.Event) error {
		events = append(events, "post "+e.ClientData["owner"].(string))
		return nil
	})
	must(t, c.Register(t.Context(), d))
	if got, want := mustGet(t, c, "flag").ClientData, targeting.JSON(`{"owner": "team-web", "ticket": 1, "description": "new", `+rules+`, "expires": "2030-06-01"}`); got != want {
		t.Errorf("client data %s, want %s", got, want)
	}
	after := mustGet(t, c, "flag").Clone()
	after.ClientData, after.Revision = before.ClientData, before.Revision
	if text, was := encoded(t, after), encoded(t, before); text != was {
		t.Errorf("it was %s, and is %s", was, text)
	}
	if want := []string{"pre team-web", "post team-web"}; !slices.Equal(events, want) {
		t.Errorf("events %q, want %q", events, want)
	}

	// Nothing differs any more, or is declared: nothing is written.
	puts := s.puts.Load()
	must(t, c.Register(t.Context(), d))
	must(t, c.Register(t.Context(), flipper.Declare("flag")))
	if s.puts.Load() != puts || len(events) != 2 {
		t.Errorf("%d writes and %q for nothing", s.puts.Load()-puts, events)
	}

	// A handler may refuse.
	refused := errors.New("refused")
	remove := c.Events().On(flipper.PreSetClientData, func(context.Context, flipper.Event) error { return refused })
	err := c.Register(t.Context(), flipper.Declare("flag", flipper.Owner("team-other")))
	wantErr(t, err, refused)
	if !strings.Contains(err.Error(), `register flag "flag"`) || s.puts.Load() != puts {
		t.Error(err)
	}
	remove()

	// Somebody else changes the flag between the look and the write: both count.
	other := flipper.New(s, quiet())
	change := sync.OnceFunc(func() {
		must(t, other.Enable(t.Context(), "flag"))
		must(t, other.SetClientData(t.Context(), "flag", map[string]any{"owner": "team-new"}))
	})
	c.Events().On(flipper.PreSetClientData, func(context.Context, flipper.Event) error { change(); return nil })
	puts = s.puts.Load()
	must(t, c.Register(t.Context(), flipper.Declare("flag", flipper.Owner("team-new"))))
	if f := mustGet(t, c, "flag"); !f.Enabled || s.puts.Load() != puts+2 {
		t.Errorf("%+v after %d writes", f, s.puts.Load()-puts)
	}

	// What cannot be read, or has other client data than an object, is left alone.
	broken := "flag"
	s.unreadable.Store(&broken)
	must(t, c.Register(t.Context(), d))
	s.unreadable.Store(nil)
	putStored(t, s, "list", `{"feature_name": "list", "is_enabled": false, "meta": {"created_date": 1, "client_data": [1]}}`)
	wantErr(t, c.Register(t.Context(), flipper.Declare("list", flipper.Owner("x"))), store.ErrInvalid)
	must(t, c.Register(t.Context(), flipper.Declare("list")))
}

func encoded(t *testing.T, f *store.Flag) string {
	t.Helper()
	text, err := store.Encode(f)
	must(t, err)
	return string(text)
}

func TestRegisterRefuses(t *testing.T) {
	s := memory.New()
	c := flipper.New(s, quiet())
	good := flipper.Declare("good")
	for _, bad := range [][]flipper.Declared{
		{good, flipper.Declare("twice"), flipper.Declare("twice")},
		{good, flipper.Declare("")},
		{good, nil},
	} {
		wantErr(t, c.Register(t.Context(), bad...), store.ErrInvalid)
		_, err := c.Audit(t.Context(), bad...)
		wantErr(t, err, store.ErrInvalid)
	}
	if exists, err := c.Exists(t.Context(), "good"); exists || err != nil {
		t.Errorf("a flag was created, %v", err)
	}

	// What can be registered is.
	must(t, c.Register(t.Context(), good))
	wantErr(t, c.Register(t.Context(), flipper.Declare("\xff"), flipper.Declare("also good")), store.ErrInvalidName)
	mustGet(t, c, "also good")

	down := newFaultyStore()
	down.fail(errDown)
	wantErr(t, flipper.New(down).Register(t.Context(), good), store.ErrUnavailable)
	_, err := flipper.New(down).Audit(t.Context(), good)
	wantErr(t, err, store.ErrUnavailable)
}

func TestAudit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFaultyStore()
		c := flipper.New(s, quiet())
		for _, name := range []string{"b", "old z", "old a", "unreadable"} {
			mustCreate(t, c, name)
		}
		broken := "unreadable"
		s.unreadable.Store(&broken)
		today := time.Now().UTC() // the bubble's: midnight
		soon := flipper.Declare("soon", flipper.Expires(today.Year(), today.Month(), today.Day()))
		audit := func(want flipper.Audit) {
			t.Helper()
			got, err := c.Audit(context.Background(), flipper.Declare("c"), flipper.Declare("b"), soon, flipper.Declare("unreadable"))
			must(t, err)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		}
		audit(flipper.Audit{Missing: []string{"c", "soon"}, Undeclared: []string{"old a", "old z"}})
		time.Sleep(24*time.Hour - time.Nanosecond) // it is still the last day
		audit(flipper.Audit{Missing: []string{"c", "soon"}, Undeclared: []string{"old a", "old z"}})
		time.Sleep(time.Nanosecond)
		audit(flipper.Audit{Missing: []string{"c", "soon"}, Undeclared: []string{"old a", "old z"}, Expired: []string{"soon"}})
	})
}
