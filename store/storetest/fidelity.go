// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"testing"
	"time"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
)

// clientDatas are texts that a store has to give back as they are.
var clientDatas = map[string]targeting.JSON{
	"Plain":      `{"team": "web", "ttl": 3600}`,
	"Spacing":    `{ "b":1,"a" : [ 1,2 ] }`,
	"Order":      `{"z": 1, "a": 2, "m": {"y": 1, "b": 2}}`,
	"BigInt":     `{"n": 9007199254740993, "max": 18446744073709551615, "more": 123456789012345678901234567890}`,
	"FloatOrInt": `{"float": 1.0, "int": 1, "zero": -0.0, "exponent": 1e2, "long": 0.1000000000000000055511151231257827}`,
	"NotFinite":  `{"nan": NaN, "inf": Infinity, "-inf": -Infinity}`,
	"Escapes":    `{"a": "\u00e9\/\u0041", "surrogate": "\ud83d\udea9", "lone": "\ud83d", "control": "\u0000\n"}`,
	"Unicode":    "{\"é\": \"日本語 \U0001F6A9 \u2028 <&>\"}",
	"List":       `[1, 2.50, "three"]`,
	"Deep":       `{"a": {"b": {"c": [[[[{"d": null}]]]]}}}`,
}

// foreign is the stored form of a flag as another, later client may write it:
// with fields that this module does not know, in another order and spacing.
const foreign = `{"meta": {"x_owner": {"n": 9007199254740993, "f": 1.0}, "created_date": 1700000000,` +
	` "client_data":{"a":1.0},"conditions": [{"plan": [{"variable": "plan", "value": 1.0, "operator": null, "x": 1}]}],` +
	` "bucketer": {"type": "PercentageBucketer", "percentage": {"type": "Percentage", "value": 1}, "x_salt": "s"}},` +
	` "x_version": 3, "is_enabled": null, "feature_name": "FOREIGN"}`

// testFidelity holds the store to giving back what it was given.
func (s *suite) testFidelity(t *testing.T) {
	for name, data := range clientDatas {
		t.Run("ClientData/"+name, func(t *testing.T) {
			f := content("A", "A1")
			f.ClientData = data
			s.checkKept(t, f)
		})
	}
	t.Run("Conditions", func(t *testing.T) {
		f := content("A", "A1")
		f.Conditions = []carta.Condition{
			carta.NewCondition(carta.Equal("n", 1)),
			carta.NewCondition(carta.Equal("n", 1.0)),
			carta.NewCondition(carta.Greater("n", int64(1)<<53+1), carta.NotEqual("text", "é\u2028\x00")),
			carta.NewCondition(carta.NotIn("z", "b", "a", nil, true), carta.LessOrEqual("a", "z")),
			carta.NewCondition(),
		}
		s.checkKept(t, f)
	})
	t.Run("Nothing", func(t *testing.T) {
		s.checkKept(t, &store.Flag{Name: "A", Created: time.Unix(1, 0)})
	})
	t.Run("Ramp", func(t *testing.T) {
		f := content("A", "A1")
		f.Bucketer = carta.NewPercentageBucketer(carta.LinearRamp(0.1, 0.9, time.Unix(1700000000, 0), time.Hour))
		s.checkKept(t, f)
	})
	t.Run("UnknownFields", func(t *testing.T) {
		f, err := store.Decode("FOREIGN", []byte(foreign))
		if err != nil {
			t.Fatal(err)
		}
		s.checkKept(t, f)
	})
	if s.Corrupt != nil {
		t.Run("StoredByAnother", func(t *testing.T) {
			want, err := store.Decode("FOREIGN", []byte(foreign))
			if err != nil {
				t.Fatal(err)
			}
			st := s.New(t)
			s.Corrupt(t, st, "FOREIGN", []byte(foreign))
			s.eventually(t, "what another client stored can be read", func() error {
				_, err := st.Get(t.Context(), "FOREIGN")
				return err
			})
			sameFlag(t, "get", mustGet(t, st, "FOREIGN"), want)
			wantNames(t, st, "FOREIGN")
			s.checkRewrite(t, st, want)
		})
	}
}

// checkKept puts a flag, reads it, changes something else, and compares.
func (s *suite) checkKept(t *testing.T, f *store.Flag) {
	t.Helper()
	st := s.New(t)
	stored := mustPut(t, st, f)
	sameFlag(t, "put", stored, f)
	sameFlag(t, "get", mustGet(t, st, f.Name), stored)
	for listed, err := range st.List(t.Context()) {
		wantError(t, "list", nil, err, nil)
		sameFlag(t, "list", listed, stored)
	}
	s.checkRewrite(t, st, f)
}

// checkRewrite turns the switch of a stored flag, which changes nothing else.
func (s *suite) checkRewrite(t *testing.T, st store.Store, f *store.Flag) {
	t.Helper()
	for range 2 {
		want := f.Clone()
		want.Enabled, want.Revision = !f.Enabled, ""
		got, err := s.update(t, st, f.Name, func(f *store.Flag) error {
			f.Enabled = !f.Enabled
			return nil
		})
		wantError(t, "update", got, err, nil)
		if t.Failed() {
			return
		}
		sameFlag(t, "update", got, want)
		sameFlag(t, "get after update", mustGet(t, st, f.Name), got)
		f = got
	}
}
