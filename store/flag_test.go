// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
)

func TestValidateName(t *testing.T) {
	for _, name := range []string{"", " ", "/", "\x00", "é", strings.Repeat("n", store.MaxNameSize)} {
		if err := store.ValidateName(name); err != nil {
			t.Errorf("%.20q: %v", name, err)
		}
	}
	for _, name := range []string{"\xff", "a\xc3", "\xed\xa0\x80", strings.Repeat("n", store.MaxNameSize+1)} {
		err := store.ValidateName(name)
		if !errors.Is(err, store.ErrInvalidName) || !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%.20q: %v, want ErrInvalidName", name, err)
		}
		if _, err := store.Encode(&store.Flag{Name: name}); !errors.Is(err, store.ErrInvalidName) {
			t.Errorf("encode %.20q: %v, want ErrInvalidName", name, err)
		}
	}
}

func TestEncodeNew(t *testing.T) {
	for want, f := range map[string]*store.Flag{
		`{"feature_name": "A", "is_enabled": false, "meta": {"client_data": {}, "created_date": 0, "conditions": [], "bucketer": {"type": "NoOpBucketer"}}}`: {Name: "A"},
		`{"feature_name": "\u00e9", "is_enabled": true, "meta": {"client_data": {"a":1.0}, "created_date": 1700000000, "conditions": [{"plan": [{"variable": "plan", "value": "pro", "operator": null}]}], "bucketer": {"type": "PercentageBucketer", "percentage": {"type": "Percentage", "value": 0.5}}}}`: {
			Name: "é", Enabled: true, Created: time.Unix(1700000000, 999), ClientData: `{"a":1.0}`,
			Conditions: []carta.Condition{carta.NewCondition(carta.Equal("plan", "pro"))},
			Bucketer:   carta.NewPercentageBucketer(carta.FixedPercentage(0.5)),
		},
	} {
		text, err := store.Encode(f)
		if err != nil || string(text) != want {
			t.Errorf("%v\n got %s\nwant %s", err, text, want)
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	tooLarge := targeting.JSON(`{"a": "` + strings.Repeat("x", store.MaxFlagSize) + `"}`)
	for field, f := range map[string]*store.Flag{
		"client_data": {Name: "A", ClientData: `{"a": }`},
		"conditions":  {Name: "A", Conditions: []carta.Condition{carta.NewCondition(carta.Equal("a__b", 1))}},
		"bucketer":    {Name: "A", Bucketer: carta.NewPercentageBucketer(carta.FixedPercentage(2))},
		"bytes":       {Name: "A", ClientData: tooLarge},
	} {
		if _, err := store.Encode(f); !errors.Is(err, store.ErrInvalid) || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: error is %v, want ErrInvalid and the field", field, err)
		}
	}
}

// TestEncodeKeeps changes one field of a flag that another client wrote. All else
// stays, byte for byte.
func TestEncodeKeeps(t *testing.T) {
	const before = `{"x_first": [1.0, 9007199254740993], "meta": {"created_date": "yesterday", "x_owner": {"a":1}, "conditions": [ ]}, "is_enabled": 0, "feature_name": "other name"}`
	f, err := store.Decode("A", []byte(before))
	if err != nil {
		t.Fatal(err)
	}
	if f.Name != "A" || !f.Enabled || !f.Created.IsZero() || f.ClientData != "" {
		t.Errorf("decoded: %+v", f)
	}
	change := f.Clone()
	change.Enabled = false
	text, err := store.Encode(change)
	const after = `{"x_first": [1.0, 9007199254740993], "meta": {"created_date": "yesterday", "x_owner": {"a":1}, "conditions": [], "client_data": {}, "bucketer": {"type": "NoOpBucketer"}}, "is_enabled": false, "feature_name": "A"}`
	if err != nil || string(text) != after {
		t.Errorf("%v\n got %s\nwant %s", err, text, after)
	}
	change.Enabled, change.Created = true, time.Unix(5, 0)
	text, err = store.Encode(change)
	if err != nil || !strings.Contains(string(text), `"is_enabled": 0`) || !strings.Contains(string(text), `"created_date": 5,`) {
		t.Errorf("%v\n got %s", err, text)
	}
}

func TestClone(t *testing.T) {
	f := &store.Flag{
		Name: "A", Enabled: true, Revision: "1",
		Conditions: []carta.Condition{carta.NewCondition(carta.Equal("a", 1))},
	}
	before, err := store.Encode(f)
	if err != nil {
		t.Fatal(err)
	}
	clone := f.Clone()
	if text, err := store.Encode(clone); err != nil || string(text) != string(before) || clone.Revision != "1" {
		t.Errorf("clone is %s, %v", text, err)
	}
	clone.Conditions[0] = carta.NewCondition(carta.Equal("b", 2))
	clone.Conditions = append(clone.Conditions, clone.Conditions[0])
	clone.Enabled = false
	if text, err := store.Encode(f); err != nil || string(text) != string(before) {
		t.Errorf("the original became %s, %v", text, err)
	}
}

func TestUnreadableError(t *testing.T) {
	_, err := store.Decode("A", []byte(`{"feature_name": "B"}`))
	e, ok := errors.AsType[*store.UnreadableError](err)
	if !ok || e.Name != "A" || !errors.Is(err, store.ErrUnreadable) || !errors.Is(err, targeting.ErrInvalid) {
		t.Errorf("error is %#v", err)
	}
	if text := err.Error(); !strings.Contains(text, `"A"`) || !strings.Contains(text, "is_enabled is missing") {
		t.Errorf("error says %q", text)
	}
}

func TestParseClientData(t *testing.T) {
	for text, want := range map[targeting.JSON]string{"": "{}", `{"a":1.0}`: `{"a": 1.0}`, "[1]": "[1]"} {
		if v, err := store.ParseClientData(text); err != nil || v.String() != want {
			t.Errorf("%q: %s, %v", text, v, err)
		}
	}
	if _, err := store.ParseClientData("{"); !errors.Is(err, store.ErrInvalid) || !strings.Contains(err.Error(), "client_data") {
		t.Errorf("error is %v", err)
	}
}
