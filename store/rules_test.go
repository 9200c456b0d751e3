// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
	"github.com/flipper-go/flipper/targeting/rules"
)

func ruleset(t *testing.T, name string, d rules.Definition) rules.Ruleset {
	t.Helper()
	s, err := rules.New(name, d)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// cartaEnabled is what a client that knows no rules makes of the flag.
func cartaEnabled(t *testing.T, f *store.Flag) bool {
	t.Helper()
	d, err := rules.DecideCarta(f.Enabled, f.Conditions, f.Bucketer, &targeting.Request{})
	if err != nil {
		t.Fatal(err)
	}
	return d.Enabled
}

func TestSetRules(t *testing.T) {
	f := &store.Flag{
		Name: "A", Enabled: true, ClientData: ` {"ttl":1.0, "a" : [ ]} `,
		Conditions: []carta.Condition{carta.NewCondition(carta.Equal("plan", "pro"))},
	}
	if err := f.SetRules(ruleset(t, "A", rules.Definition{Default: "on"})); err != nil {
		t.Fatal(err)
	}
	if want := targeting.JSON(`{"ttl": 1.0, "a": [ ], "$rules": {"version": 1, "off": "off", "default": "on"}}`); f.ClientData != want {
		t.Errorf("client data is %s, want %s", f.ClientData, want)
	}
	if cartaEnabled(t, f) || f.Conditions != nil {
		t.Errorf("a Python client sees %v, %v, want a flag that is off", f.Conditions, f.Bucketer)
	}
	if err := f.SetRules(ruleset(t, "A", rules.Definition{Default: "off", PythonOn: true})); err != nil {
		t.Fatal(err)
	}
	if !cartaEnabled(t, f) {
		t.Errorf("a Python client sees %v, want a flag that is on", f.Bucketer)
	}
	if err := f.SetRules(rules.Ruleset{}); err != nil || f.ClientData != `{"ttl": 1.0, "a": [ ]}` || !f.Rules().IsZero() {
		t.Errorf("without rules: %s, %v", f.ClientData, err)
	}
}

// Another client may have stored client data that has no place for rules.
func TestSetRulesWithoutPlace(t *testing.T) {
	for _, data := range []targeting.JSON{`[{"$rules": {"version": 1}}]`, `"$rules"`, `1`} {
		f := &store.Flag{Name: "A", ClientData: data}
		err := f.SetRules(ruleset(t, "A", rules.Definition{Default: "on"}))
		if !errors.Is(err, store.ErrInvalid) || f.ClientData != data || !f.Rules().IsZero() || !f.Bucketer.IsNoOp() {
			t.Errorf("%s: %v, and the flag is %s", data, err, f.ClientData)
		}
	}
	// What Python takes for no client data has one.
	for _, data := range []string{"null", "[]", `""`, "0", "false", "{}"} {
		f, err := store.Decode("A", `{"feature_name": "A", "is_enabled": true, "meta": {"created_date": 1, "client_data": `+data+`}}`)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.SetRules(ruleset(t, "A", rules.Definition{Default: "on"})); err != nil {
			t.Errorf("%s: %v", data, err)
		}
	}
}

func TestSetClientData(t *testing.T) {
	const (
		off   = `{"$rules": {"version": 1, "off": "off", "default": "on"}}`
		again = `{"a": 1, "$rules":{"default":"on","version":1,"off":"off"}}` // the same rules
		on    = `{"$rules": {"version": 1, "off": "off", "default": "off", "python": "on"}}`
		later = `{"$rules": {"version": 2}}`
		bad   = `{"$rules": {"version": 1, "off": "off", "rules": [{"if": [{"attribute": "a", "op": "gt", "values": ["x"]}], "serve": "on"}], "default": "off"}}`
	)
	pro := carta.NewCondition(carta.Equal("plan", "pro"))
	for _, c := range []struct {
		before, after targeting.JSON
		python        bool   // what a client that knows no rules makes of it then
		kept          bool   // its condition
		err           string // the field
	}{
		{before: "", after: off},
		{before: "", after: on, python: true},
		{before: off, after: on, python: true},
		{before: on, after: off},
		{before: off, after: again, python: true, kept: true},
		{before: off, after: `{}`, python: true, kept: true},
		{before: off, after: `[1]`, python: true, kept: true},
		{before: off, after: off, python: true, kept: true},
		{before: later, after: later, python: true, kept: true},
		{before: later, after: `{"$rules": {"version":2 }, "a": 1}`, python: true, kept: true},
		{before: later, after: off},
		{before: later, after: bad, err: "$rules: invalid rules[0].if[0].values"},
		{before: off, after: later, err: "$rules: invalid version"},
		{before: "", after: bad, err: "rules[0].if[0].values"},
	} {
		f, err := store.Decode("A", fmt.Sprintf(`{"feature_name": "A", "is_enabled": true, "meta": {"created_date": 1, "client_data": %s}}`, cmp.Or(c.before, "{}")))
		if err != nil {
			t.Fatal(err)
		}
		f.Conditions = []carta.Condition{pro}
		before := *f
		err = f.SetClientData(c.after)
		if c.err != "" {
			if !errors.Is(err, store.ErrInvalid) || errors.Is(err, store.ErrUnreadable) || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s over %s: %v, want ErrInvalid and %s", c.after, c.before, err, c.err)
			}
			if f.ClientData != before.ClientData || f.Rules() != before.Rules() {
				t.Errorf("%s over %s: refused, but client data is %s", c.after, c.before, f.ClientData)
			}
			continue
		}
		if err != nil || f.ClientData != c.after || cartaEnabled(t, f) != c.python || c.kept != (len(f.Conditions) == 1) {
			t.Errorf("%s over %s: %v, %s, conditions %v, bucketer %v", c.after, c.before, err, f.ClientData, f.Conditions, f.Bucketer)
		}
	}
}

// A kill is a kill, also of what one could not store.
func TestSwitchTooLarge(t *testing.T) {
	large := `{"feature_name": "A", "is_enabled": true, "meta": {"client_data": {"$rules": {"version": 1, "off": "off", "rules": [{"if": [{"attribute": "id", "op": "is", "values": ["` +
		strings.Repeat("x", 600<<10) + `"]}], "serve": "on"}], "default": "on"}}, "created_date": 1}}`
	f, err := store.Decode("A", large)
	if err != nil {
		t.Fatal(err)
	}
	if d, err := f.Evaluate(&targeting.Request{}, nil); err != nil || !d.Enabled {
		t.Errorf("evaluation: %+v, %v", d, err)
	}
	if _, err := store.Encode(f); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("as a new flag: %v, want ErrInvalid", err)
	}
	f.Revision = "1"
	if text, err := store.Encode(f); err != nil || string(text) != large {
		t.Errorf("as it is: %v", err)
	}
	f.Enabled = false
	if text, err := store.Encode(f); err != nil || !strings.HasPrefix(string(text), `{"feature_name": "A", "is_enabled": false, `) {
		t.Errorf("switched off: %v", err)
	}
	f.Bucketer = carta.NewPercentageBucketer(carta.FixedPercentage(0.5))
	if _, err := store.Encode(f); !errors.Is(err, store.ErrInvalid) || !strings.Contains(err.Error(), fmt.Sprint(store.MaxFlagSize)) {
		t.Errorf("changed: %v, want ErrInvalid and the limit", err)
	}
}

// Rules that are changed and client data that is changed at the same time both stay.
func TestUpdateRulesAndClientData(t *testing.T) {
	s := memory.New()
	t.Cleanup(func() { _ = s.Close() })
	if _, err := s.Put(t.Context(), &store.Flag{Name: "A", ClientData: `{"a": 1}`}); err != nil {
		t.Fatal(err)
	}
	interfered := false
	_, err := store.Update(t.Context(), s, "A", func(f *store.Flag) error {
		if !interfered {
			interfered = true
			_, err := store.Update(t.Context(), s, "A", func(f *store.Flag) error {
				f.ClientData = `{"a": 2, "b": [1.0]}`
				return nil
			})
			if err != nil {
				return err
			}
		}
		return f.SetRules(ruleset(t, "A", rules.Definition{Default: "on"}))
	})
	if err != nil {
		t.Fatal(err)
	}
	f, err := s.Get(t.Context(), "A")
	if want := targeting.JSON(`{"a": 2, "b": [1.0], "$rules": {"version": 1, "off": "off", "default": "on"}}`); err != nil || f.ClientData != want {
		t.Errorf("%v, %v, want %s", f, err, want)
	}
}
