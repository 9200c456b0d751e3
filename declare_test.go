// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipper_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/memory"
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
	NewUI: web.Declare("new_ui", flipper.Default(true), flipper.Description("The new user interface"), flipper.Owner("team-web"), flipper.Expires(2000, time.January, 31)),
	Search: searchFlags{
		Fuzzy: flipper.Declare("fuzzy"),
		Typo:  flipper.Namespace("").Declare("typo", flipper.Owner("team-search")),
	},
	More: &searchFlags{Fuzzy: flipper.Declare("more.fuzzy"), Typo: flipper.Declare("more.typo")},
}

func declarations(t *testing.T) []*flipper.Declaration {
	t.Helper()
	all, err := flipper.Declarations(&declared)
	must(t, err)
	return all
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

	if stored(t, s, "fuzzy") != fuzzy || stored(t, s, "typo") != typo {
		t.Error("a stored flag was changed")
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

func TestRegisterRefuses(t *testing.T) {
	s := memory.New()
	c := flipper.New(s, quiet())
	good := flipper.Declare("good")
	for _, bad := range [][]*flipper.Declaration{
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
