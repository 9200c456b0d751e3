// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package thrift

import (
	"errors"
	"strings"
	"testing"

	"github.com/flipper-go/flipper/internal/featureflagstore"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/targeting"
)

const (
	rulesOff     = `{"$rules": {"version": 1, "off": "off", "default": "on"}, "team":"web"}`
	rulesOn      = `{"$rules":{"python":"on","version":1,"off":"off","default":"on"}}`
	rulesBad     = `{"$rules": {"version": 1, "off": "off", "rules": [{"serve": "on"}, {"serve": "on"}, {"if": [{"attribute": "age", "op": "gt", "values": ["18"]}], "serve": "on"}], "default": "off"}}`
	rulesLater   = `{"$rules": {"version": 2, "not": [1.0, 1e2, NaN]}, "team": "web"}`
	shadowOff    = `{"type": "PercentageBucketer", "percentage": {"type": "Percentage", "value": 0`
	shadowOn     = `{"type": "NoOpBucketer"}`
	rulesBadPath = "rules[2].if[0].values"
)

func data(text string) *featureflagstore.JSON { return new(featureflagstore.JSON(text)) }

// putUnreadable stores a flag whose rules only a later version can read.
func putUnreadable(t *testing.T, flags store.Store, name string) *store.Flag {
	t.Helper()
	f, err := flags.Put(t.Context(), &store.Flag{Name: name, Enabled: true, ClientData: rulesLater})
	if err != nil || f.Rules().Err() == nil {
		t.Fatalf("%v, %v, want a flag with unreadable rules", f, err)
	}
	return f
}

// Clients that know no rules must not take a flag for on because of them.
func TestRulesAreShown(t *testing.T) {
	flags := memory.New()
	service := newService(t, flags, newRecorder())
	ctx := t.Context()
	shown := func(what, wantBucketer string) *featureflagstore.FeatureFlagStoreMeta {
		t.Helper()
		item, err := service.Get(ctx, "x")
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if got := string(*item.Meta.Bucketer); !strings.HasPrefix(got, wantBucketer) || len(item.Meta.Conditions) != 0 {
			t.Errorf("%s: %v with bucketer %s, want %s", what, item.Meta.Conditions, got, wantBucketer)
		}
		return item.Meta
	}
	for text, want := range map[string]string{rulesOff: shadowOff, rulesOn: shadowOn} {
		item, err := service.Create(ctx, "x", true, featureflagstore.JSON(text))
		if err != nil || string(*item.Meta.ClientData) != text || !strings.HasPrefix(string(*item.Meta.Bucketer), want) {
			t.Errorf("create with %s: %v, %v", text, item, err)
		}
		shown("create", want)
		mustCreate(t, service, "x")
		meta := &featureflagstore.FeatureFlagStoreMeta{
			ClientData: data(text),
			Conditions: []featureflagstore.Condition{{"plan": {check("plan", `"pro"`, nil)}}},
			Bucketer:   data(`{"type": "PercentageBucketer"}`),
		}
		if err := service.SetMeta(ctx, "x", meta); err != nil {
			t.Fatal(err)
		}
		meta = shown("new rules", want)

		// What a client writes beside rules that stay is its own business: it is kept.
		meta.ClientData = data(strings.Replace(text, "{", `{ "more" : 1, `, 1))
		meta.Bucketer = data(`{"type": "PercentageBucketer"}`)
		if err := service.SetMeta(ctx, "x", meta); err != nil {
			t.Fatal(err)
		}
		shown("the client's own bucketer", string(*meta.Bucketer))
		f, err := flags.Get(ctx, "x")
		if err != nil || f.ClientData != targeting.JSON(*meta.ClientData) || f.Rules().IsZero() || f.Rules().Err() != nil {
			t.Errorf("after the client's write: %v, %v", f, err)
		}
	}
}

// What cannot be read is refused before anything is changed.
func TestRulesAreRefused(t *testing.T) {
	flags := memory.New()
	service := newService(t, flags, newRecorder())
	ctx := t.Context()
	mustCreate(t, service, "x")
	before, err := flags.Get(ctx, "x")
	if err != nil {
		t.Fatal(err)
	}
	later := putUnreadable(t, flags, "later")
	bad := featureflagstore.JSON(`{"feature_name": "x", "is_enabled": true, "meta": {"created_date": 1, "client_data": ` + rulesBad + `}}`)
	set := func(name, text string) error {
		return service.SetMeta(ctx, name, &featureflagstore.FeatureFlagStoreMeta{ClientData: data(text)})
	}
	compareAndSet := func(name, revision string) error {
		_, err := service.CompareAndSet(ctx, name, bad, revision)
		return err
	}
	_, create := service.Create(ctx, "x", true, rulesBad)
	_, createNew := service.Create(ctx, "new", true, rulesBad)
	for what, err := range map[string]error{
		"create over":                 create,
		"create":                      createNew,
		"set meta":                    set("x", rulesBad),
		"set meta of unreadable":      set("later", rulesBad),
		"compare and set":             compareAndSet("x", before.Revision),
		"compare and set, new":        compareAndSet("new", ""),
		"compare and set, unreadable": compareAndSet("later", later.Revision),
	} {
		if e := wantCode(t, err, featureflagstore.ErrorCode_INVALID); !strings.Contains(e.Message, rulesBadPath) {
			t.Errorf("%s: %s, want the path %s", what, e.Message, rulesBadPath)
		}
	}
	for _, revision := range []string{"gone", before.Revision} {
		wantCode(t, compareAndSet("later", revision), featureflagstore.ErrorCode_CONFLICT)
		wantCode(t, compareAndSet("new", revision), featureflagstore.ErrorCode_CONFLICT)
	}
	for _, want := range []*store.Flag{before, later} {
		if f, err := flags.Get(ctx, want.Name); err != nil || f.Revision != want.Revision {
			t.Errorf("what was refused changed %q: %v, %v", want.Name, f, err)
		}
	}
	if _, err := flags.Get(ctx, "new"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("what was refused made a flag: %v", err)
	}
}

// A flag whose rules a later version wrote can be switched off, and its client data
// changed.
func TestUnreadableRulesStay(t *testing.T) {
	flags := memory.New()
	service := newService(t, flags, newRecorder())
	ctx := t.Context()
	putUnreadable(t, flags, "x")
	if err := service.Set(ctx, "x", false); err != nil {
		t.Errorf("kill: %v", err)
	}
	// As a client writes it that has read it.
	changed := `{"team": "api", "$rules": {"version":2,"not":[1.0,100.0,NaN]}}`
	if err := service.SetMeta(ctx, "x", &featureflagstore.FeatureFlagStoreMeta{ClientData: data(changed)}); err != nil {
		t.Errorf("set meta: %v", err)
	}
	stored, err := service.GetStored(ctx, "x")
	if err != nil {
		t.Fatal(err)
	}
	item := featureflagstore.JSON(strings.Replace(string(*stored.Item), `"is_enabled": false`, `"is_enabled": true`, 1))
	if _, err := service.CompareAndSet(ctx, "x", item, *stored.Revision); err != nil {
		t.Errorf("compare and set: %v", err)
	}
	f, err := flags.Get(ctx, "x")
	if err != nil || !f.Enabled || f.ClientData != targeting.JSON(changed) {
		t.Errorf("%v, %v", f, err)
	}
	if err := service.SetMeta(ctx, "x", &featureflagstore.FeatureFlagStoreMeta{ClientData: data(rulesOff)}); err != nil {
		t.Errorf("readable rules: %v", err)
	}
	if f, err := flags.Get(ctx, "x"); err != nil || f.Rules().Err() != nil {
		t.Errorf("a readable version heals: %v, %v", f, err)
	}
}
