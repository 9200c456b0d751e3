// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package mixedfleet_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/internal/vectors"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/rules"
)

// TestPythonIsCartas holds the Python client of these tests to what Carta's does.
func TestPythonIsCartas(t *testing.T) {
	type vector struct {
		ID, Item, Raw, Kind, Rewritten string
		Attributes                     json.RawMessage
		NowUs                          json.Number `json:"now_us"`
		Result                         any
		Accepted                       bool
		ByteExact                      bool `json:"byte_exact"`
	}
	p := startPython(t, "vectors", "")
	checked := 0
	for _, c := range vectors.Cases[vector](t, "evaluate.json") {
		checked++
		result, raised := p.ask(map[string]any{"item": c.Item, "attributes": c.Attributes, "now": c.NowUs})
		if raised != "" {
			result = "error"
		}
		if result != c.Result {
			t.Errorf("%s: %v, want %v", c.ID, result, c.Result)
		}
	}
	for _, c := range vectors.Cases[vector](t, "items.json") {
		if c.Kind != "read" || c.Raw == "" {
			continue
		}
		checked++
		result, raised := p.ask(map[string]any{"item": c.Raw, "now": c.NowUs})
		if c.Accepted != (raised == "") || c.Accepted && c.ByteExact && result != c.Rewritten {
			t.Errorf("%s: %v %s, want %s", c.ID, result, raised, c.Rewritten)
		}
	}
	if checked < 1000 {
		t.Errorf("only %d vectors", checked)
	}
}

// TestFleets has Go and Python share flags on each kind of server.
func TestFleets(t *testing.T) {
	for kind, start := range map[string]func(*testing.T) (f *fleet, address string){
		"redis": startRedis, "consul": startConsul, "thrift": startThrift,
	} {
		t.Run(kind, func(t *testing.T) {
			f, address := start(t)
			f.kind = kind
			f.client = flipper.New(f.store, flipper.WithLogger(quiet))
			f.python = startPython(t, kind, address)
			for name, test := range map[string]func(*testing.T, *fleet){
				"Switch":               testSwitch,
				"PythonWrites":         testPythonWrites,
				"LaterVersion":         testLaterVersion,
				"DestroyedAndMadeAnew": testDestroyedAndMadeAnew,
				"OtherClientData":      testOtherClientData,
				"TwoWriters":           testTwoWriters,
				"TooLarge":             testTooLarge,
				"RulesByHand":          testRulesByHand,
			} {
				t.Run(name, func(t *testing.T) {
					f.clear(t)
					test(t, f)
				})
			}
		})
	}
}

// proOnly are rules by which a flag is on for one plan.
var proOnly = rules.Definition{Off: "off", Default: "off", Rules: []rules.Rule{
	{Name: "pro", If: rules.All(rules.Is("plan", "pro")), Serve: "on"},
}}

func (f *fleet) create(t *testing.T, name string, d rules.Definition) *flipper.FeatureFlag {
	t.Helper()
	flag, err := f.client.Create(t.Context(), name, flipper.WithEnabled(true), flipper.WithRules(d),
		flipper.WithClientData(map[string]any{"team": "web", "big": json.Number("123456789012345678901234567890")}))
	must(t, err)
	f.both(t, "created", name, "free", false, d.PythonOn)
	return flag
}

// Python takes a flag with rules for off, or for what the rules say, and its kill and
// ours hold for both.
func testSwitch(t *testing.T, f *fleet) {
	for _, pythonOn := range []bool{false, true} {
		name := fmt.Sprintf("python_%t", pythonOn)
		d := proOnly
		d.PythonOn = pythonOn
		flag := f.create(t, name, d)
		f.both(t, "enabled", name, "pro", true, pythonOn)
		f.python.call("disable", name)
		f.both(t, "killed by Python", name, "pro", false, false)
		must(t, flag.Enable(t.Context()))
		f.both(t, "enabled by Go", name, "pro", true, pythonOn)
		must(t, flag.Disable(t.Context()))
		f.both(t, "killed by Go", name, "pro", false, false)
		f.python.call("enable", name)
		f.both(t, "enabled by Python", name, "pro", true, pythonOn)
		f.both(t, "enabled by Python", name, "free", false, pythonOn)
	}
	if got, want := f.python.call("list"), []any{"python_false", "python_true"}; !reflect.DeepEqual(got, want) {
		t.Errorf("Python lists %v, want %v", got, want)
	}
}

// What Python writes loses nothing, and what it says of the targeting is its own.
func testPythonWrites(t *testing.T, f *fleet) {
	flag := f.create(t, "flag", proOnly)
	f.python.call("set_client_data", "flag", map[string]any{"team": "api", "n": 1.5, "from": "Python \u00e9"})
	eventually(t, "client data is seen", func() error {
		data, err := flag.ClientData(t.Context())
		if err == nil && (data["team"] != "api" || data["n"] != 1.5 || data["from"] != "Python é" || fmt.Sprint(data["big"]) != "123456789012345678901234567890") {
			err = fmt.Errorf("client data is %v", data)
		}
		return err
	})
	unchanged := func(what string) {
		t.Helper()
		d, err := flag.Rules(t.Context())
		if err != nil || !reflect.DeepEqual(d, proOnly) {
			t.Errorf("%s: the rules are %+v, %v", what, d, err)
		}
		f.seen(t, what, "flag", "pro", true)
		f.seen(t, what, "flag", "free", false)
	}
	unchanged("client data")
	f.both(t, "client data", "flag", "pro", true, false)

	f.python.call("set_bucketer", "flag", map[string]any{"type": "NoOpBucketer"})
	f.awaitBucketer(t, "flag", "NoOpBucketer")
	unchanged("bucketer")
	f.both(t, "bucketer", "flag", "free", false, true) // it said so

	f.python.call("add_condition", "flag", map[string]any{"plan__in": []string{"free", "team"}})
	eventually(t, "the condition is seen", func() error {
		if got, err := f.store.Get(t.Context(), "flag"); err != nil || len(got.Conditions) != 1 {
			return fmt.Errorf("%v, %v", got, err)
		}
		return nil
	})
	unchanged("condition")
	f.both(t, "condition", "flag", "free", false, true)
	f.both(t, "condition", "flag", "pro", true, false)

	// Who edits the rules has Python see what they say again.
	must(t, flag.InsertRule(t.Context(), 0, rules.Rule{Name: "team", If: rules.All(rules.Is("plan", "team")), Serve: "on"}))
	f.both(t, "rules", "flag", "team", true, false)
	f.both(t, "rules", "flag", "free", false, false)
	data := f.python.call("get_client_data", "flag").(map[string]any)
	if data["from"] != "Python é" || data["team"] != "api" || data["n"] != 1.5 || data["$rules"] == nil {
		t.Errorf("after Go changed the rules, Python's client data is %v", data)
	}
}

func (f *fleet) awaitBucketer(t *testing.T, name, kind string) {
	t.Helper()
	eventually(t, "the bucketer is seen", func() error {
		got, err := f.store.Get(t.Context(), name)
		if err == nil && !strings.Contains(string(got.Bucketer.JSON()), kind) {
			err = fmt.Errorf("it is %v", got.Bucketer)
		}
		return err
	})
}

// item returns a stored form of Python's.
func item(name, clientData string) string {
	return fmt.Sprintf(`{"feature_name": %q, "is_enabled": true, "meta": {"client_data": %s, "created_date": 1700000000, "conditions": [], `+
		`"bucketer": {"type": "PercentageBucketer", "percentage": {"type": "Percentage", "value": 0.0}}}}`, name, clientData)
}

// put stores a text and waits until Go has read it.
func (f *fleet) mustPut(t *testing.T, name, clientData string) {
	t.Helper()
	must(t, f.put(t, name, item(name, clientData)))
	eventually(t, "the flag is seen", func() error {
		got, err := f.store.Get(t.Context(), name)
		if err == nil && string(got.ClientData) != clientData {
			err = fmt.Errorf("client data is %.100s", got.ClientData)
		}
		return err
	})
}

// A flag of a later version is off where nobody can read it, and loses nothing.
func testLaterVersion(t *testing.T, f *fleet) {
	f.mustPut(t, "flag", `{"$rules": {"version": 9, "later": [1.0, 1e400, {"a": null}]}, "$more": 1}`)
	f.both(t, "unreadable", "flag", "pro", false, false)
	if e := f.client.EvaluateOr(t.Context(), "flag", true); !e.Enabled || !errors.Is(e.Err, store.ErrUnreadable) {
		t.Errorf("Go evaluates to %v, want the caller's default and why", e)
	}
	f.python.call("set_client_data", "flag", map[string]any{"team": "web"})
	eventually(t, "client data is seen", func() error {
		data, err := f.client.ClientData(t.Context(), "flag")
		if err == nil && data["team"] != "web" {
			err = fmt.Errorf("client data is %v", data)
		}
		return err
	})
	must(t, f.client.SetClientData(t.Context(), "flag", map[string]any{"owner": "ops"}))
	must(t, f.client.Disable(t.Context(), "flag"))
	if e := f.client.EvaluateOr(t.Context(), "flag", true); e.Enabled || e.Reason != flipper.ReasonDisabled {
		t.Errorf("a kill by Go is %v", e)
	}
	f.both(t, "killed", "flag", "pro", false, false)
	got, err := f.store.Get(t.Context(), "flag")
	must(t, err)
	if want := targeting.JSON(`{"$rules": {"version": 9, "later": [1.0, Infinity, {"a": null}]}, "$more": 1, "team": "web", "owner": "ops"}`); got.ClientData != want {
		t.Errorf("client data is %s, want %s", got.ClientData, want)
	}
	f.python.call("enable", "flag")
	must(t, f.client.SetRules(t.Context(), "flag", proOnly))
	f.both(t, "readable again", "flag", "pro", true, false)
}

// A handle answers for what Python has made of the name meanwhile.
func testDestroyedAndMadeAnew(t *testing.T, f *fleet) {
	flag := f.create(t, "flag", proOnly)
	f.both(t, "created", "flag", "pro", true, false)
	f.python.call("destroy", "flag")
	f.both(t, "destroyed", "flag", "pro", false, false)
	if err := flag.AddRule(t.Context(), proOnly.Rules[0]); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("add rule: %v", err)
	}
	if err := flag.Disable(t.Context()); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("disable: %v", err)
	}
	f.python.call("create", "flag", true)
	f.both(t, "made by Python", "flag", "free", true, true)
	must(t, flag.SetRules(t.Context(), proOnly))
	f.both(t, "with rules again", "flag", "free", false, false)
	// Python's create resets, as always: there are no rules then.
	f.python.call("create", "flag", false, map[string]any{"a": 1})
	f.both(t, "reset by Python", "flag", "pro", false, false)
	if got, err := f.store.Get(t.Context(), "flag"); err != nil || !got.Rules().IsZero() {
		t.Errorf("reset by Python: %v, %v", got, err)
	}
}

// A program that overwrites client data with something else removes the rules. What
// Python sees of the flag stays, and is what Go goes by then.
func testOtherClientData(t *testing.T, f *fleet) {
	for name, data := range map[string]any{"null": nil, "list": []any{1, "$rules"}, "empty": map[string]any{}} {
		flag := f.create(t, name, proOnly)
		meta := f.python.call("get_meta", name).(map[string]any)
		meta["client_data"] = data
		f.python.call("set_meta", name, meta)
		f.both(t, "overwritten", name, "pro", false, false)
		must(t, flag.Disable(t.Context()))
		must(t, flag.Enable(t.Context()))
		err := flag.SetRules(t.Context(), proOnly)
		if name == "list" {
			if !errors.Is(err, store.ErrInvalid) || !strings.Contains(err.Error(), "client_data") {
				t.Errorf("rules beside a list: %v", err)
			}
			continue
		}
		must(t, err)
		f.both(t, "with rules again", name, "pro", true, false)
	}
}

// Go writers lose nothing that Python writes between their two steps. A Python writer
// puts back what it has read, rules included; it never leaves half of them.
func testTwoWriters(t *testing.T, f *fleet) {
	flag := f.create(t, "flag", proOnly)
	calls := 0
	must(t, flag.UpdateRules(t.Context(), func(d *rules.Definition) error {
		if calls++; calls == 1 {
			f.python.call("set_client_data", "flag", map[string]any{"team": "api"})
			f.python.call("disable", "flag")
		}
		d.Rules[0].If = rules.All(rules.Is("plan", "pro", "team"))
		return nil
	}))
	if calls < 2 {
		t.Errorf("the rules were changed in %d tries, though Python was faster", calls)
	}
	if data := f.python.call("get_client_data", "flag").(map[string]any); data["team"] != "api" {
		t.Errorf("client data is %v", data)
	}
	f.both(t, "disabled meanwhile", "flag", "team", false, false)
	f.python.call("enable", "flag")
	f.both(t, "changed meanwhile", "flag", "team", true, false)

	meta := f.python.call("get_meta", "flag")
	must(t, flag.SetRules(t.Context(), proOnly))
	f.both(t, "changed", "flag", "team", false, false)
	f.python.call("set_meta", "flag", meta)
	f.both(t, "put back", "flag", "team", true, false)
}

// Rules beyond what any Go client would store are read, and can be switched off.
func testTooLarge(t *testing.T, f *fleet) {
	data := `{"$rules": {"version": 1, "off": "off", "rules": [{"if": [{"attribute": "plan", "op": "is", "values": ["pro", "` + strings.Repeat("x", 600<<10) +
		`"]}], "serve": "on"}], "default": "off"}}`
	if f.kind == "consul" {
		if err := f.put(t, "flag", item("flag", data)); err == nil {
			t.Error("Consul takes a value of this size")
		}
		return
	}
	f.mustPut(t, "flag", data)
	f.both(t, "too large", "flag", "pro", true, false)
	if err := f.client.AddRule(t.Context(), "flag", proOnly.Rules[0]); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("one more rule: %v, want ErrInvalid", err)
	}
	must(t, f.client.Disable(t.Context(), "flag"))
	f.both(t, "killed", "flag", "pro", false, false)
	must(t, f.client.Enable(t.Context(), "flag"))
	f.both(t, "enabled", "flag", "pro", true, false)
	must(t, f.client.SetRules(t.Context(), "flag", proOnly))
	f.both(t, "smaller rules", "flag", "pro", true, false)
	must(t, f.client.Destroy(t.Context(), "flag"))
}

// A Python program may know rules by hand. Over the service, its own clients take the
// flag for off, and what cannot be read is refused.
func testRulesByHand(t *testing.T, f *fleet) {
	good := map[string]any{"version": 1, "off": "off", "default": "on"}
	f.python.call("create", "flag", true, map[string]any{"$rules": good})
	bad := map[string]any{"version": 1, "off": "off", "default": "perhaps"}
	_, create := f.python.try("create", "bad", true, map[string]any{"$rules": bad})
	_, set := f.python.try("set_client_data", "flag", map[string]any{"$rules": bad})
	if f.kind == "thrift" {
		f.both(t, "made by hand", "flag", "free", true, false)
		if create != "FlipperException" || set != "FlipperException" {
			t.Errorf("bad rules raise %q and %q", create, set)
		}
		return
	}
	// Nobody is in between.
	for _, name := range []string{"flag", "bad"} {
		eventually(t, "bad rules are seen", func() error {
			if e := f.client.Evaluate(t.Context(), name); !errors.Is(e.Err, store.ErrUnreadable) {
				return fmt.Errorf("%s evaluates to %v", name, e)
			}
			return nil
		})
	}
	if names := f.python.call("list").([]any); !slices.Contains(names, any("bad")) {
		t.Errorf("Python lists %v", names)
	}
}
