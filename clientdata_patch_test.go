// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipper_test

import (
	"errors"
	"testing"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/rules"
)

// TestPatchClientData has cases of RFC 7396, and what must stay as it is.
func TestPatchClientData(t *testing.T) {
	for _, test := range []struct{ before, patch, after string }{
		{`{"a":"b"}`, `{"a":"c"}`, `{"a": "c"}`},
		{`{"a":"b"}`, `{"b":"c"}`, `{"a": "b", "b": "c"}`},
		{`{"a":"b"}`, `{"a":null}`, ``}, // which stands for {}
		{`{"a":"b","b":1.0}`, `{"a":null}`, `{"b": 1.0}`},
		{`{"a":["b"]}`, `{"a":"c"}`, `{"a": "c"}`},
		{`{"a":{"b":"c","x": [1,  2]}}`, `{"a":{"b":"d","c":null}}`, `{"a": {"b": "d", "x": [1,  2]}}`},
		{`{"a":[{"b":"c"}]}`, `{"a":[1]}`, `{"a": [1]}`},
		{`{"e":null}`, `{"a":1}`, `{"e": null, "a": 1}`},
		{`{}`, `{"a":{"bb":{"ccc":null}}}`, `{"a": {"bb": {}}}`},
		{`{"a":"text"}`, `{"a":{"b":1}}`, `{"a": {"b": 1}}`},
		{`{}`, `{}`, ``},
	} {
		s := memory.New()
		if _, err := s.Put(t.Context(), &store.Flag{Name: "A", ClientData: targeting.JSON(test.before)}); err != nil {
			t.Fatal(err)
		}
		patch, err := targeting.ParseJSON(targeting.JSON(test.patch))
		if err != nil {
			t.Fatal(err)
		}
		if err := flipper.New(s).PatchClientData(t.Context(), "A", members(patch)); err != nil {
			t.Errorf("%s with %s: %v", test.before, test.patch, err)
		}
		if f, err := s.Get(t.Context(), "A"); err != nil || string(f.ClientData) != test.after {
			t.Errorf("%s with %s: got %s, %v, want %s", test.before, test.patch, f.ClientData, err, test.after)
		}
	}
}

func members(object targeting.Value) map[string]any {
	m := make(map[string]any)
	for _, member := range object.Members() {
		m[member.Key] = member.Value
	}
	return m
}

func TestReplaceClientDataAndRemoveRules(t *testing.T) {
	ctx := t.Context()
	features := flipper.New(memory.New())
	mustCreate(t, features, "A", flipper.WithClientData(map[string]any{"old": 1}), flipper.WithEnabled(true))
	if err := features.AddRule(ctx, "A", rules.Rule{If: rules.All(rules.Is("plan", "pro")), Serve: "on"}); err != nil {
		t.Fatal(err)
	}
	if err := features.ReplaceClientData(ctx, "A", map[string]any{"new": 2}); err != nil {
		t.Fatal(err)
	}
	if data, err := features.ClientData(ctx, "A"); err != nil || len(data) != 1 || data["new"] != int64(2) {
		t.Errorf("client data: %v, %v", data, err)
	}
	if features.IsEnabled(ctx, "A") || !features.IsEnabled(ctx, "A", flipper.String("plan", "pro")) {
		t.Error("the rules were lost with the client data")
	}
	for _, change := range []func(map[string]any) error{
		func(data map[string]any) error { return features.ReplaceClientData(ctx, "A", data) },
		func(data map[string]any) error { return features.PatchClientData(ctx, "A", data) },
	} {
		if err := change(map[string]any{"$rules": nil}); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("a reserved name: %v", err)
		}
	}
	if err := features.RemoveRules(ctx, "A"); err != nil {
		t.Fatal(err)
	}
	if !features.IsEnabled(ctx, "A") {
		t.Error("an enabled flag without rules is off")
	}
	if err := features.RemoveRules(ctx, "MISSING"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a missing flag: %v", err)
	}
}
