// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/rules"
)

// ruleTexts are client data with rules. Their texts have to stay as they are.
var ruleTexts = map[string]targeting.JSON{
	"Plain": `{"$rules": {"version": 1, "off": "off", "rules": [{"name": "pro", "if": [` +
		`{"attribute": "plan", "op": "is", "values": ["pro", 1, 1.0, true]}], "serve": "on"}], "default": "off"}, "team": "web"}`,
	"Spacing": `{  "team":"web" ,"$rules":{"default":"on","off":"off" , "version":1}}`,
	"Numbers": `{"$rules": {"version": 1, "variants": {"a": 1.0, "b": 1, "c": 1e2, "d": 123456789012345678901234567890, "e": -0.0}, "off": "a", "default": "b"}}`,
	"Objects": `{"$rules": {"version": 1, "variants": {"z": {"y": 1.50, "b": [null, "\u00e9\/"]}, "a": {}}, "off": "z", "default": "a"}}`,
	"Escapes": `{"\u0024rules": {"version": 1, "off": "o\u0066f", "default": "on"}}`,
	"Split": `{"$rules": {"version": 1, "off": "off", "rules": [{"split": {"by": "user_id", "salt": "s", "shares": [` +
		`{"variant": "on", "ramp": {"from": 0, "to": 50000, "start": "2026-12-01T00:00:00Z", "end": "2026-12-08T00:00:00Z"}}]}}], "default": "off"}}`,
	"PythonOn":   `{"$rules": {"python": "on", "version": 1, "off": "off", "default": "on"}}`,
	"NotOurs":    `{"$later": {"version": 7}, "$rules": {"version": 1, "off": "off", "default": "on"}}`,
	"Unreadable": `{"$rules": {"version": 2, "later": [1.0, NaN]}, "team": "web"}`,
}

// unreadableRules are rules that only a later version, or nobody, can read.
var unreadableRules = map[string]targeting.JSON{
	"Version":   `{"version": 2, "off": "off", "default": "on"}`,
	"Operator":  `{"version": 1, "off": "off", "rules": [{"if": [{"attribute": "a", "op": "sounds_like", "values": ["b"]}], "serve": "on"}], "default": "off"}`,
	"Field":     `{"version": 1, "off": "off", "rules": [{"unless": [], "serve": "on"}], "default": "off"}`,
	"Duplicate": `{"version": 1, "off": "off", "default": "off", "default": "on"}`,
	"List":      `[]`,
	"Null":      `null`,
	"Text":      `"on"`,
}

// ruled returns a flag with rules and other client data, all of a state.
func ruled(t *testing.T, name, state string) *store.Flag {
	t.Helper()
	f := content(name, state)
	setState(t, f, state)
	return f
}

// stateRules returns rules by which the flag is on for a state only.
func stateRules(t *testing.T, name, state string) rules.Ruleset {
	t.Helper()
	s, err := rules.New(name, rules.Definition{Default: "off", Rules: []rules.Rule{
		{Name: state, If: rules.All(rules.Is("state", state)), Serve: "on"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func setState(t *testing.T, f *store.Flag, state string) {
	t.Helper()
	if err := f.SetRules(stateRules(t, f.Name, state)); err != nil {
		t.Fatal(err)
	}
}

// sameRules checks that got is want, and decides as its own client data says.
func sameRules(t *testing.T, what string, got, want *store.Flag) {
	t.Helper()
	sameFlag(t, what, got, want)
	if got == nil {
		return
	}
	read, err := store.Decode(got.Name, describe(t, got))
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	if got.Rules().JSON() != read.Rules().JSON() {
		t.Errorf("%s: the flag's rules are %s, but its client data has %s", what, got.Rules(), read.Rules())
	}
	if (got.Rules().Err() == nil) != (read.Rules().Err() == nil) {
		t.Errorf("%s: the error of the flag's rules is %v, want %v", what, got.Rules().Err(), read.Rules().Err())
	}
}

// testRules holds the store to keeping rules, which are in client data, and to
// letting unreadable ones break nothing but themselves.
func (s *suite) testRules(t *testing.T) {
	for name, text := range ruleTexts {
		t.Run("Kept/"+name, func(t *testing.T) {
			st := s.New(t)
			raw := itemWith("A", text)
			if s.place(t, st, "A", raw) {
				want, err := store.Decode("A", raw)
				if err != nil {
					t.Fatal(err)
				}
				s.checkRules(t, st, want)
			}
		})
	}
	t.Run("Edited", s.testRulesEdited)
	t.Run("RewrittenByAnother", s.testRulesRewritten)
	for name, text := range unreadableRules {
		t.Run("Unreadable/"+name, func(t *testing.T) { s.testUnreadableRules(t, text) })
	}
	t.Run("Size", s.testRulesSize)
	t.Run("TwoWriters", s.testRulesTwoWriters)
	if _, ok := s.New(t).(store.Watcher); ok {
		t.Run("Watch", s.testRulesWatch)
	}
}

// itemWith returns the stored form of an enabled flag with client data.
func itemWith(name string, clientData targeting.JSON) string {
	return fmt.Sprintf(`{"feature_name": "%s", "is_enabled": true, "meta": {"client_data": %s, "created_date": 1700000000, "conditions": [], "bucketer": {"type": "NoOpBucketer"}}}`, name, clientData)
}

// place puts a stored form in the place of a flag's, as another program would. It
// reports whether it could: a store may refuse new rules that cannot be read.
func (s *suite) place(t *testing.T, st store.Store, name, raw string) bool {
	t.Helper()
	want, err := store.Decode(name, raw)
	if err != nil {
		t.Fatal(err)
	}
	if s.Corrupt != nil {
		s.Corrupt(t, st, name, []byte(raw))
		s.eventually(t, "what another client stored is read", func() error {
			f, err := st.Get(t.Context(), name)
			if err == nil && describe(t, f) != raw {
				err = fmt.Errorf("get returns %s", describe(t, f))
			}
			return err
		})
		return true
	}
	if before, err := st.Get(t.Context(), name); err == nil {
		want.Revision = before.Revision
	}
	_, err = st.Put(t.Context(), want)
	if errors.Is(err, store.ErrInvalid) && want.Rules().Err() != nil {
		return false
	}
	wantError(t, "put", nil, err, nil)
	return true
}

// checkRules reads a flag that is stored in each way, changes something else, and
// compares.
func (s *suite) checkRules(t *testing.T, st store.Store, want *store.Flag) {
	t.Helper()
	check := func(when string, want *store.Flag) {
		t.Helper()
		sameRules(t, when+": get", mustGet(t, st, want.Name), want)
		for f, err := range st.List(t.Context()) {
			wantError(t, when+": list", nil, err, nil)
			if f != nil && f.Name == want.Name {
				sameRules(t, when+": list", f, want)
			}
		}
		if p, ok := st.(store.Peeker); ok {
			if f, known := p.Peek(want.Name); known {
				sameRules(t, when+": peek", f, want)
			}
		}
	}
	check("as stored", want)
	for range 2 {
		want = want.Clone()
		want.Enabled, want.Revision = !want.Enabled, ""
		got, err := s.update(t, st, want.Name, func(f *store.Flag) error {
			f.Enabled = want.Enabled
			return nil
		})
		wantError(t, "update", got, err, nil)
		if t.Failed() {
			return
		}
		sameRules(t, "update", got, want)
		check("after its switch was changed", want)
	}
}

// decides checks whom an enabled flag is on for.
func decides(t *testing.T, what string, f *store.Flag, state string) {
	t.Helper()
	r := &targeting.Request{Attrs: []targeting.Attr{{Name: "state", Value: targeting.Text(state)}}}
	if d, err := f.Evaluate(r, nil); err != nil || !d.Enabled {
		t.Errorf("%s: the flag decides %+v, %v for state %q, want on", what, d, err, state)
	}
}

// testRulesEdited changes rules, and client data beside them.
func (s *suite) testRulesEdited(t *testing.T) {
	st := s.New(t)
	first := ruled(t, "A", "first")
	first.Enabled = true
	sameRules(t, "put", mustPut(t, st, first), first)
	decides(t, "put", mustGet(t, st, "A"), "first")
	for _, state := range []string{"second", "third"} {
		got, err := s.update(t, st, "A", func(f *store.Flag) error {
			setState(t, f, state)
			return nil
		})
		wantError(t, "update", got, err, nil)
		if t.Failed() {
			return
		}
		decides(t, "update of rules", got, state)
		decides(t, "get", mustGet(t, st, "A"), state)
		s.checkRules(t, st, got)
	}
	got, err := s.update(t, st, "A", func(f *store.Flag) error {
		return f.SetRules(rules.Ruleset{})
	})
	wantError(t, "removal", got, err, nil)
	if f := mustGet(t, st, "A"); !f.Rules().IsZero() || f.ClientData != content("A", "first").ClientData {
		t.Errorf("after the rules were removed there is %s with rules %s", describe(t, f), f.Rules())
	}
}

// rewritten is the item of [ruled] as a client writes it that has its names in
// another order, its client data in other spacing, and something of its own there.
const rewritten = `{"meta": {"bucketer": {"type":"NoOpBucketer"}, "conditions": [], "client_data": {"mine": {"n":1.0},` +
	`"$rules":{"rules":[{"serve":"on","if":[{"values":["first"],"op":"is","attribute":"state"}],"name":"first"}],` +
	`"default":"off","off":"off","version":1},"state":"first"}, "created_date": 1700000000}, "is_enabled": true, "feature_name": "A"}`

// testRulesRewritten has another client write all of a flag with rules, and changes
// the rules then.
func (s *suite) testRulesRewritten(t *testing.T) {
	st := s.New(t)
	mustPut(t, st, ruled(t, "A", "first"))
	if !s.place(t, st, "A", rewritten) {
		t.Fatal("the store refuses readable rules")
	}
	want, err := store.Decode("A", rewritten)
	if err != nil {
		t.Fatal(err)
	}
	decides(t, "rewritten", mustGet(t, st, "A"), "first")
	s.checkRules(t, st, want)
	got, err := s.update(t, st, "A", func(f *store.Flag) error {
		setState(t, f, "second")
		return nil
	})
	wantError(t, "update", got, err, nil)
	got = mustGet(t, st, "A")
	decides(t, "update", got, "second")
	fields, err := targeting.SplitObject(got.ClientData)
	if err != nil || targeting.GetField(fields, "mine") != `{"n":1.0}` || targeting.GetField(fields, "state") != `"first"` {
		t.Errorf("after the rules were changed, client data is %s, %v", got.ClientData, err)
	}
}

// testUnreadableRules has another client store rules that cannot be read.
func (s *suite) testUnreadableRules(t *testing.T, text targeting.JSON) {
	st := s.New(t)
	last := mustPut(t, st, content("Z", "Z1"))
	for _, name := range []string{"A", "GONE"} {
		raw := itemWith(name, targeting.JSON(fmt.Sprintf(`{"$rules": %s, "team": "web"}`, text)))
		if !s.place(t, st, name, raw) {
			// It knows rules. Then it must have kept the flag out.
			wantNames(t, st, "Z")
			return
		}
	}
	wantNames(t, st, "A", "GONE", "Z")
	f := mustGet(t, st, "A")
	if e, ok := errors.AsType[*store.UnreadableError](f.Rules().Err()); !ok || e.Name != "A" {
		t.Errorf("the error of the rules is %v, want an UnreadableError of the flag's name", f.Rules().Err())
	}
	if _, err := f.Evaluate(&targeting.Request{}, nil); !errors.Is(err, store.ErrUnreadable) {
		t.Errorf("evaluation while enabled: error is %v, want ErrUnreadable", err)
	}
	s.checkRules(t, st, f) // disables and enables it

	got, err := s.update(t, st, "A", func(f *store.Flag) error {
		f.Enabled = false
		f.ClientData = targeting.JSON(strings.Replace(string(f.ClientData), `"web"`, `"api"`, 1))
		return nil
	})
	wantError(t, "kill", got, err, nil)
	got = mustGet(t, st, "A")
	if want := targeting.JSON(fmt.Sprintf(`{"$rules": %s, "team": "api"}`, text)); got.ClientData != want {
		t.Errorf("client data is %s, want %s", got.ClientData, want)
	}
	d, err := got.Evaluate(&targeting.Request{}, nil)
	if d.Enabled || d.Reason != targeting.ReasonDisabled {
		t.Errorf("evaluation of a killed flag: %+v, %v, want that it is disabled", d, err)
	}

	got, err = s.update(t, st, "A", func(f *store.Flag) error {
		f.Enabled = true
		setState(t, f, "healed")
		return nil
	})
	wantError(t, "readable rules", got, err, nil)
	got = mustGet(t, st, "A")
	decides(t, "readable rules", got, "healed")
	s.checkRules(t, st, got)

	wantError(t, "delete", nil, st.Delete(t.Context(), "GONE"), nil)
	wantNames(t, st, "A", "Z")
	sameFlag(t, "another flag", mustGet(t, st, "Z"), last)
}

// sizedRules returns a flag with rules whose stored form has a number of bytes.
func sizedRules(t *testing.T, name string, size int) *store.Flag {
	t.Helper()
	flag := func(ids int, last string) *store.Flag {
		values := make([]any, 0, ids+1)
		for i := range ids {
			values = append(values, fmt.Sprintf("user%06d", i))
		}
		s, err := rules.New(name, rules.Definition{Default: "off", Rules: []rules.Rule{
			{If: rules.All(rules.Is("user_id", append(values, "last"+last)...)), Serve: "on"},
		}})
		if err != nil {
			t.Fatal(err)
		}
		f := content(name, "big")
		if err := f.SetRules(s); err != nil {
			t.Fatal(err)
		}
		return f
	}
	smallest := len(describe(t, flag(0, "")))
	perID := len(`"user000000", `)
	ids := (size - smallest) / perID
	return flag(ids, strings.Repeat("x", size-smallest-ids*perID))
}

// testRulesSize stores rules about as large as a flag may be.
func (s *suite) testRulesSize(t *testing.T) {
	st := s.New(t)
	small := ruled(t, "A", "small")
	small.Enabled = true
	stored := mustPut(t, st, small)
	beyond := sizedRules(t, "A", store.MaxFlagSize+1)
	for name, revision := range map[string]string{"A": stored.Revision, "NEW": ""} {
		f := beyond.Clone()
		f.Name, f.Revision = name, revision
		f, err := st.Put(t.Context(), f)
		wantError(t, "put of too many rules", f, err, store.ErrInvalid)
	}
	wantNames(t, st, "A")
	sameRules(t, "get after a change that was refused", mustGet(t, st, "A"), stored)
	decides(t, "after a change that was refused", mustGet(t, st, "A"), "small")

	large := sizedRules(t, "A", store.MaxFlagSize-1)
	large.Revision = stored.Revision
	f, err := st.Put(t.Context(), large)
	if errors.Is(err, store.ErrInvalid) { // it may take less
		sameRules(t, "get after a change that was refused", mustGet(t, st, "A"), stored)
		return
	}
	wantError(t, "put of large rules", f, err, nil)
	f = mustGet(t, st, "A")
	wantClientData(t, f, large)
	if f.Rules().JSON() != large.Rules().JSON() || f.Rules().Err() != nil {
		t.Errorf("large rules have %d bytes, not the %d that were put, or the error %v", len(f.Rules().JSON()), len(large.Rules().JSON()), f.Rules().Err())
	}
}

// testRulesTwoWriters has one writer change rules, and another client data.
func (s *suite) testRulesTwoWriters(t *testing.T) {
	st := s.New(t)
	other := st
	if s.Second != nil {
		other = s.Second(t, st)
	}
	mustPut(t, st, ruled(t, "A", "first"))
	s.seenByAll(t, []store.Store{st, other}, "A")
	const changes = 8
	failures := s.reporter(t)
	write := func(st store.Store, change func(f *store.Flag, i int) error) {
		for i := range changes {
			if _, err := s.update(t, st, "A", func(f *store.Flag) error { return change(f, i) }); err != nil {
				failures.Errorf("update: %v", err)
			}
		}
	}
	texts := make([]rules.Ruleset, changes)
	for i := range texts {
		texts[i] = stateRules(t, "A", fmt.Sprint(i))
	}
	var writers sync.WaitGroup
	writers.Go(func() {
		write(st, func(f *store.Flag, i int) error { return f.SetRules(texts[i]) })
	})
	writers.Go(func() {
		write(other, func(f *store.Flag, i int) error {
			fields, err := targeting.SplitObject(f.ClientData)
			fields = targeting.SetField(fields, fmt.Sprint("key", i), "1")
			f.ClientData = targeting.JSON(targeting.AppendObject(nil, fields))
			return err
		})
	})
	s.within(t, "two writers", writers.Wait)
	s.eventually(t, "what both wrote is there", func() error {
		f, err := st.Get(t.Context(), "A")
		if err != nil {
			return err
		}
		fields, err := targeting.SplitObject(f.ClientData)
		for i := range changes {
			if targeting.GetField(fields, fmt.Sprint("key", i)) != "1" {
				err = fmt.Errorf("client data is %s", f.ClientData)
			}
		}
		if last := texts[changes-1].JSON(); f.Rules().JSON() != last {
			err = fmt.Errorf("the rules are %s, want %s", f.Rules(), last)
		}
		return err
	})
}

// testRulesWatch holds the store to telling of changed rules.
func (s *suite) testRulesWatch(t *testing.T) {
	st := s.New(t)
	writer := st
	if s.Second != nil {
		writer = s.Second(t, st)
	}
	first := ruled(t, "A", "first")
	first.Enabled = true
	mustPut(t, st, first)
	s.seenByAll(t, []store.Store{st, writer}, "A")
	told := s.observe(t, st.(store.Watcher))
	told.waitFor(t, "everything", isAll)
	told.forget()
	want, err := s.update(t, writer, "A", func(f *store.Flag) error {
		setState(t, f, "second")
		return nil
	})
	wantError(t, "update", nil, err, nil)
	told.waitFor(t, "changed rules", mentions("A"))
	s.eventually(t, "the rules are those that were told of", func() error {
		f, err := st.Get(t.Context(), "A")
		if err == nil && f.Rules().JSON() != want.Rules().JSON() {
			err = fmt.Errorf("the rules are %s", f.Rules())
		}
		return err
	})
	sameRules(t, "get", mustGet(t, st, "A"), want)
	decides(t, "get", mustGet(t, st, "A"), "second")
}
