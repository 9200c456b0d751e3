// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipper_test

import (
	"context"
	"errors"
	"math"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/rules"
)

// withValues defines variants a, b and so on, of which the first is off and the default,
// and the others are served to the plans of their names.
func withValues(values ...targeting.Value) flipper.CreateOption {
	d := rules.Definition{Off: "a", Default: "a"}
	for i, v := range values {
		name := string(rune('a' + i))
		d.Variants = append(d.Variants, targeting.Variant{Name: name, Value: v})
		if i > 0 {
			d.Rules = append(d.Rules, rules.Rule{Name: "plan " + name, If: rules.All(rules.Is("plan", name)), Serve: name})
		}
	}
	return flipper.WithRules(d)
}

func plan(name string) flipper.Attr { return flipper.String("plan", name) }

// waysToAsk are those to ask a declared flag for its value.
func waysToAsk[T any](d *flipper.ValueDeclaration[T], c *flipper.FeatureFlagClient) map[string]func(context.Context, ...flipper.Attr) T {
	held := d.Flag(c)
	return map[string]func(context.Context, ...flipper.Attr) T{
		"declaration": func(ctx context.Context, attrs ...flipper.Attr) T { return d.Value(ctx, c, attrs...) },
		"handle":      func(ctx context.Context, attrs ...flipper.Attr) T { return d.Flag(c).Value(ctx, attrs...) },
		"held":        held.Value,
		"pinned": func(ctx context.Context, attrs ...flipper.Attr) T {
			return held.Value(flipper.WithPinnedFlags(ctx), attrs...)
		},
		"ObjectOr": func(ctx context.Context, attrs ...flipper.Attr) T {
			return flipper.ObjectOr(ctx, c, d.Name(), d.Default(), attrs...)
		},
	}
}

func wantValue[T any](t *testing.T, d *flipper.ValueDeclaration[T], c *flipper.FeatureFlagClient, want T, attrs ...flipper.Attr) {
	t.Helper()
	for range 2 { // the second one may be kept
		for name, ask := range waysToAsk(d, c) {
			if got := ask(t.Context(), attrs...); !reflect.DeepEqual(got, want) {
				t.Errorf("%s of %s: %#v, want %#v", name, d.Name(), got, want)
			}
		}
	}
}

func TestValueDeclaration(t *testing.T) {
	for _, s := range []store.Store{memory.New(), newFaultyStore()} {
		c := flipper.New(s, quiet())
		theme := flipper.DeclareString("theme", "grey", flipper.Owner("team-web"), flipper.Description("Colours"), flipper.Expires(2030, time.May, 1))
		size, ratio := flipper.DeclareInt("size", 3), flipper.DeclareFloat("ratio", 0.5)
		wantValue(t, theme, c, "grey")
		wantValue(t, size, c, 3)
		wantValue(t, ratio, c, 0.5)
		mustCreate(t, c, "theme", on(), withValues(targeting.Text("light"), targeting.Text("dark")))
		mustCreate(t, c, "size", on(), withValues(targeting.Int(1), targeting.Float(2), targeting.Int(math.MaxInt64)))
		mustCreate(t, c, "ratio", on(), withValues(targeting.Float(0.25), targeting.Int(2)))
		wantValue(t, theme, c, "light")
		wantValue(t, theme, c, "dark", plan("b"))
		wantValue(t, size, c, 1)
		for name, ask := range waysToAsk(size, c) {
			// To encoding/json, 2.0 is no int.
			if want := int64(2); name != "ObjectOr" && ask(t.Context(), plan("b")) != want {
				t.Errorf("%s: 2.0 is not %d", name, want)
			}
		}
		wantValue(t, size, c, math.MaxInt64, plan("c"))
		wantValue(t, ratio, c, 0.25)
		wantValue(t, ratio, c, 2, plan("b"))
		must(t, c.Disable(t.Context(), "theme"))
		wantValue(t, theme, c, "light", plan("b"))
		must(t, c.Destroy(t.Context(), "theme"))
		wantValue(t, theme, c, "grey", plan("b"))

		flag := theme.Flag(c)
		if flag.Name() != "theme" || flag.Default() != "grey" || theme.Name() != "theme" || theme.Default() != "grey" || theme.Owner() != "team-web" || theme.Description() != "Colours" {
			t.Errorf("%+v", theme)
		}
		if day, ok := theme.Expires(); !ok || day.Year() != 2030 {
			t.Errorf("it expires on %v, %t", day, ok)
		}
	}
	for name, want := range map[string]string{
		web.DeclareString("a", "").Name():          "web.a",
		web.DeclareInt("b", 0).Name():              "web.b",
		web.DeclareFloat("c", 0).Name():            "web.c",
		web.Name("d"):                              "web.d",
		flipper.Namespace("").Name("e"):            "e",
		flipper.DeclareObject("f", []int{}).Name(): "f",
	} {
		if name != want {
			t.Errorf("the name is %q, want %q", name, want)
		}
	}
}

// Values that do not fit are reported, and answered with the default.
func TestValuesThatDoNotFit(t *testing.T) {
	huge := targeting.BigInt(new(big.Int).Lsh(big.NewInt(1), 64))
	for name, c := range map[string]struct {
		flag flipper.CreateOption
		want error
	}{
		"plain":      {on(), flipper.ErrType},
		"disabled":   {flipper.WithEnabled(false), flipper.ErrType},
		"text":       {withValues(targeting.Text("7")), flipper.ErrType},
		"fraction":   {withValues(targeting.Float(1.5)), flipper.ErrType},
		"huge int":   {withValues(huge), flipper.ErrType},
		"huge float": {withValues(targeting.Float(1e300)), flipper.ErrType},
		"2^63":       {withValues(targeting.Float(1 << 63)), flipper.ErrType},
		"list":       {withValues(targeting.List(targeting.Int(1))), flipper.ErrType},
		"object":     {withValues(targeting.Object()), flipper.ErrType},
		"missing":    {nil, store.ErrNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			var told []error
			client := newClient(t, flipper.WithErrorHandler(func(_ context.Context, name string, err error) {
				if name != "flag" {
					t.Errorf("told of %q", name)
				}
				told = append(told, err)
			}))
			if c.flag != nil {
				mustCreate(t, client, "flag", on(), c.flag)
			}
			d := flipper.DeclareInt("flag", 42)
			wantValue(t, d, client, 42)
			wantErr(t, errors.Join(told...), c.want)
			if len(told) != 10 {
				t.Errorf("told %d times", len(told))
			}
			e := d.Flag(client).Evaluate(t.Context())
			wantErr(t, e.Err, c.want)
			if i, _ := e.Value.AsInt(); i != 42 || e.Enabled || e.Variant != "" || e.Reason != flipper.ReasonError || e.Rule != -1 {
				t.Errorf("%+v", e)
			}
			if c.want == flipper.ErrType && !strings.Contains(e.Err.Error(), `variant "`) {
				t.Errorf("the error does not name the variant: %v", e.Err)
			}
		})
	}
}

// A float takes ints of any size that a float can be near.
func TestFloatOfHugeInts(t *testing.T) {
	c := newClient(t)
	mustCreate(t, c, "flag", on(), withValues(
		targeting.BigInt(new(big.Int).Lsh(big.NewInt(1), 64)),
		targeting.BigInt(new(big.Int).Lsh(big.NewInt(1), 1024))))
	d := flipper.DeclareFloat("flag", 7)
	wantValue(t, d, c, 1<<64)
	wantValue(t, d, c, 7, plan("b"))
}

// A disabled flag whose rules cannot be read has no value.
func TestValueOfUnreadableRules(t *testing.T) {
	for _, enabled := range []string{"true", "false"} {
		s := memory.New()
		c := flipper.New(s, quiet())
		putStored(t, s, "theme", `{"feature_name": "theme", "is_enabled": `+enabled+`, "meta": {"created_date": 1, "client_data": {"$rules": {"version": 2}}}}`)
		theme := flipper.DeclareString("theme", "light")
		wantValue(t, theme, c, "light")
		e := theme.Flag(c).Evaluate(t.Context())
		wantErr(t, e.Err, store.ErrUnreadable)
		if text, _ := e.Value.AsText(); text != "light" {
			t.Errorf("%+v", e)
		}
		// They may be as declared: nobody knows.
		must(t, c.Register(t.Context(), theme))
		if audit, err := c.Audit(t.Context(), theme); err != nil || audit.Mismatched != nil || audit.Missing != nil {
			t.Errorf("%+v, %v", audit, err)
		}
	}
}

func TestRegisterValues(t *testing.T) {
	s := memory.New()
	c := flipper.New(s, quiet())
	theme := flipper.DeclareString("theme", "light", flipper.Owner("team-web"))
	limits := flipper.DeclareObject("limits", limit{Uploads: 3, Tags: []string{"x"}})
	all := []flipper.Declared{theme, flipper.DeclareInt("size", math.MinInt64), flipper.DeclareFloat("ratio", 1), limits, flipper.Declare("boolean")}
	var several sync.WaitGroup
	for range 8 {
		several.Go(func() {
			if err := c.Register(t.Context(), all...); err != nil {
				t.Error(err)
			}
		})
	}
	several.Wait()
	for name, want := range map[string]string{"theme": `"light"`, "size": "-9223372036854775808", "ratio": "1.0", "limits": `{"Uploads": 3, "Tags": ["x"]}`} {
		f := mustGet(t, c, name)
		d := f.Rules().Definition()
		if !f.Enabled || len(d.Variants) != 1 || d.Variants[0].Name != "default" || d.Variants[0].Value.String() != want || d.Off != "default" || d.Default != "default" || d.Rules != nil {
			t.Errorf("%s is stored as %s", name, f.Rules())
		}
		if c.IsEnabled(t.Context(), name) {
			t.Errorf("%s serves another variant than off", name)
		}
	}
	if data, err := c.ClientData(t.Context(), "theme"); err != nil || data["owner"] != "team-web" || len(data) != 1 {
		t.Errorf("client data %v, %v", data, err)
	}
	wantValue(t, theme, c, "light")
	wantValue(t, limits, c, limit{Uploads: 3, Tags: []string{"x"}})

	// What somebody made of a flag stays.
	must(t, c.UpdateRules(t.Context(), "theme", func(d *rules.Definition) error {
		d.Variants = append(d.Variants, targeting.Variant{Name: "dark", Value: targeting.Text("dark")})
		d.Default = "dark"
		return nil
	}))
	before := mustGet(t, c, "theme").Rules()
	must(t, c.Disable(t.Context(), "theme"))
	must(t, c.Register(t.Context(), flipper.DeclareString("theme", "other", flipper.Owner("team-new"))))
	if f := mustGet(t, c, "theme"); f.Rules().JSON() != before.JSON() || f.Enabled {
		t.Errorf("it is enabled %t, and its rules are %s", f.Enabled, f.Rules())
	}
	if data, _ := c.ClientData(t.Context(), "theme"); data["owner"] != "team-new" {
		t.Errorf("client data %v", data)
	}
	must(t, c.Enable(t.Context(), "theme"))
	wantValue(t, theme, c, "dark")
}

// Defaults that no flag can have are answered all the same.
func TestRegisterRefusesValues(t *testing.T) {
	s := memory.New()
	c := flipper.New(s, quiet())
	nan := flipper.DeclareFloat("nan", math.NaN())
	if got := nan.Value(t.Context(), c); !math.IsNaN(got) {
		t.Errorf("the default is %v", got)
	}
	for name, d := range map[string]flipper.Declared{
		"nan":     nan,
		"channel": flipper.DeclareObject("channel", make(chan int)),
		"nil":     flipper.DeclareObject[*limit]("nil", nil),
		"bool":    flipper.DeclareObject("bool", true),
		"option":  flipper.DeclareString("option", "", flipper.EnabledByDefault()),
		"text":    flipper.DeclareString("text", "\xff"),
		"none":    (*flipper.ValueDeclaration[int64])(nil),
		"":        flipper.DeclareInt("", 1),
	} {
		err := c.Register(t.Context(), d)
		wantErr(t, err, store.ErrInvalid)
		if exists, _ := c.Exists(t.Context(), name); exists || err != nil && name != "none" && !strings.Contains(err.Error(), name) {
			t.Errorf("%q exists: %t; %v", name, exists, err)
		}
	}
	wantErr(t, c.Register(t.Context(), flipper.Declare("twice"), flipper.DeclareInt("twice", 1)), store.ErrInvalid)
	wantErr(t, c.Register(t.Context(), nil), store.ErrInvalid)
}

// A stored flag of another kind is told, and left as it is.
func TestMismatch(t *testing.T) {
	s := memory.New()
	c := flipper.New(s, quiet())
	mustCreate(t, c, "boolean", on())
	mustCreate(t, c, "some", withValues(targeting.Float(1), targeting.Float(1.5)))
	mustCreate(t, c, "text", withValues(targeting.Text("x")))
	mustCreate(t, c, "fits", withValues(targeting.Float(1)))
	mustCreate(t, c, "object", withValues(targeting.Object(targeting.Member{Key: "Uploads", Value: targeting.Text("many")})))
	before := []string{stored(t, s, "boolean"), stored(t, s, "some"), stored(t, s, "object")}
	all := []flipper.Declared{
		flipper.DeclareString("boolean", "x"), flipper.DeclareInt("some", 1), flipper.Declare("text"), flipper.DeclareInt("fits", 7),
		flipper.DeclareObject("object", limit{}), flipper.DeclareString("missing", "x"),
	}
	audit, err := c.Audit(t.Context(), all...)
	must(t, err)
	if diff := cmp.Diff(flipper.Audit{Missing: []string{"missing"}, Mismatched: []string{"boolean", "object", "some"}}, audit); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	err = c.Register(t.Context(), all...)
	wantErr(t, err, flipper.ErrType)
	for _, want := range []string{`register flag "boolean": variant "on" is bool, not text`, `register flag "some": variant "b" is float`, `register flag "object": variant "a" does not decode`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
	if after := []string{stored(t, s, "boolean"), stored(t, s, "some"), stored(t, s, "object")}; !slices.Equal(after, before) {
		t.Errorf("they were %q, and are %q", before, after)
	}
	mustGet(t, c, "missing") // the others are registered
}

// A client that knows the declarations answers with declared values, whoever asks.
func TestDeclaredValues(t *testing.T) {
	theme, size := flipper.DeclareString("theme", "light"), flipper.DeclareInt("size", 3)
	limits := flipper.DeclareObject("limits", limit{Uploads: 3})
	var heard journal
	c := newClient(t, flipper.WithHook(&heard), flipper.WithDeclarations(theme, size, limits, size,
		flipper.DeclareInt("same", 1), flipper.DeclareInt("same", 1), flipper.DeclareInt("twice", 1), flipper.DeclareInt("twice", 2)))
	want := map[string]string{"theme": `"light"`, "size": "3", "limits": `{"Uploads": 3, "Tags": null}`, "same": "1", "twice": "false"}
	all, err := c.EvaluateAll(t.Context())
	must(t, err)
	names := []string{"theme", "size", "limits", "same", "twice"}
	for i, e := range c.EvaluateNames(t.Context(), names) {
		name := names[i]
		for what, e := range map[string]flipper.Evaluation{"all": all[name], "names": e, "evaluate": c.Evaluate(t.Context(), name), "handle": c.Flag(name).Evaluate(t.Context())} {
			wantErr(t, e.Err, store.ErrNotFound)
			if e.Enabled || what != "handle" && e.Value.String() != want[name] {
				t.Errorf("%s: %s is %v", what, name, e.Value)
			}
		}
		if c.IsEnabled(t.Context(), name) || c.Flag(name).IsEnabled(t.Context()) {
			t.Errorf("%s is on", name)
		}
	}
	heard.take()
	wantValue(t, theme, c, "light")
	for _, i := range heard.take() {
		if text, _ := i.Value.AsText(); text != "light" || i.Err == nil {
			t.Errorf("the hook heard %+v", i)
		}
	}
}

// Hooks, impressions, pins and bulk tell the variant, its value and the rule.
func TestValuesAreTold(t *testing.T) {
	var heard, recorded journal
	c := newClient(t, flipper.WithHook(&heard), flipper.WithImpressions(&recorded, 1))
	mustCreate(t, c, "limits", on(), withValues(
		targeting.Object(targeting.Member{Key: "Uploads", Value: targeting.Int(1)}),
		targeting.Object(targeting.Member{Key: "Uploads", Value: targeting.Int(2)})))
	limits := flipper.DeclareObject("limits", limit{})
	wantValue(t, limits, c, limit{Uploads: 2}, plan("b"))
	limits.Flag(c).Evaluate(t.Context(), plan("b"))
	c.EvaluateNames(t.Context(), []string{"limits"}, plan("b"))
	if _, err := c.EvaluateAll(t.Context(), plan("b")); err != nil {
		t.Error(err)
	}
	const want = `enabled=true variant=b value={"Uploads": 2} reason=TARGETING_MATCH rule=0 rule_name="plan b"`
	evaluations := heard.take()
	if len(evaluations) != 13 || len(recorded.take()) != 13 {
		t.Errorf("%d evaluations", len(evaluations))
	}
	for _, e := range evaluations {
		if e.Evaluation.String() != want {
			t.Errorf("the hook heard %s", e)
		}
	}
	limits.Value(t.Context(), c, plan("b"))
	for _, i := range recorded.take() {
		if i.Evaluation.String() != want || i.Name != "limits" || len(i.Attrs) != 1 {
			t.Errorf("recorded is %v", i)
		}
	}
}

// A request keeps its value, whatever becomes of the flag, and whoever asks.
func TestPinnedValues(t *testing.T) {
	c := newClient(t)
	mustCreate(t, c, "theme", on(), flipper.WithRules(rules.Constant(targeting.Text("light"))))
	theme := flipper.DeclareString("theme", "none")
	held := theme.Flag(c)
	request := flipper.WithPinnedFlags(t.Context())
	ask := func(want, wantPinned string) {
		t.Helper()
		if got := []string{held.Value(t.Context()), held.Value(request), theme.Value(request, c), c.StringOr(request, "theme", ""), flipper.ObjectOr(request, c, "theme", "")}; !slices.Equal(got, []string{want, wantPinned, wantPinned, wantPinned, wantPinned}) {
			t.Errorf("the values are %q", got)
		}
	}
	ask("light", "light")
	must(t, c.SetRules(t.Context(), "theme", rules.Constant(targeting.Text("dark"))))
	ask("dark", "light")
	ask("dark", "light")
	must(t, c.Destroy(t.Context(), "theme"))
	ask("none", "light")
}

func TestRequiredAttributesOfValues(t *testing.T) {
	for _, client := range []*flipper.FeatureFlagClient{newClient(t), flipper.New(newFaultyStore(), quiet())} {
		mustCreate(t, client, "theme", on(), withValues(targeting.Text("light"), targeting.Text("dark")))
		strict := flipper.DeclareString("theme", "none").Flag(client).WithRequiredAttributes("plan")
		for range 2 {
			if got := []string{strict.Value(t.Context()), strict.Value(t.Context(), plan("b")), strict.Value(t.Context(), plan("a"))}; !slices.Equal(got, []string{"none", "dark", "light"}) {
				t.Errorf("the values are %q", got)
			}
		}
		wantErr(t, strict.Evaluate(t.Context()).Err, flipper.ErrMissingAttribute)
		must(t, client.Disable(t.Context(), "theme"))
		if got := strict.Value(t.Context()); got != "light" { // off for all, whatever they lack
			t.Errorf("the value is %q", got)
		}
	}
}

// A held handle follows every change of a flag that gives everybody the same answer.
func TestHeldValueFollows(t *testing.T) {
	c := newClient(t)
	held := flipper.DeclareString("theme", "none").Flag(c)
	want := func(want string, attrs ...flipper.Attr) {
		t.Helper()
		for range 3 {
			if got := held.Value(t.Context(), attrs...); got != want {
				t.Errorf("the value is %q, want %q", got, want)
			}
		}
	}
	want("none")
	mustCreate(t, c, "theme", flipper.WithRules(rules.Definition{
		Variants: []targeting.Variant{{Name: "light", Value: targeting.Text("light")}, {Name: "dark", Value: targeting.Text("dark")}},
		Off:      "light", Default: "dark",
	}))
	want("light")
	must(t, c.Enable(t.Context(), "theme"))
	want("dark")
	mustCreate(t, c, "another") // of another version, and the same
	want("dark")
	must(t, c.AddRule(t.Context(), "theme", serving("light", rules.Is("plan", "a"))))
	want("light", plan("a"))
	want("dark", plan("b"))
	must(t, c.RemoveRule(t.Context(), "theme", 0))
	want("dark", plan("a"))
	must(t, c.Disable(t.Context(), "theme"))
	want("light")
	must(t, c.SetRules(t.Context(), "theme", rules.Definition{Default: "on"})) // true is no text
	want("none")
	must(t, c.SetRules(t.Context(), "theme", rules.Constant(targeting.Text("blue"))))
	want("blue")
	must(t, c.Destroy(t.Context(), "theme"))
	want("none")
}

// Readers of a held handle never see an older value than one that was seen before.
func TestHeldValueWhileChanging(t *testing.T) {
	c := newClient(t)
	mustCreate(t, c, "n", on(), flipper.WithRules(rules.Constant(targeting.Int(0))))
	mustCreate(t, c, "another")
	held := flipper.DeclareInt("n", -1).Flag(c)
	var readers sync.WaitGroup
	const last = 300
	for range 4 {
		readers.Go(func() {
			for before := int64(0); before < last; {
				now := held.Value(t.Context())
				if now < before {
					t.Errorf("%d after %d", now, before)
					return
				}
				before = now
			}
		})
	}
	for i := range last {
		must(t, c.SetRules(t.Context(), "n", rules.Constant(targeting.Int(int64(i+1)))))
		must(t, c.Enable(t.Context(), "another"))
		must(t, c.Disable(t.Context(), "another"))
	}
	readers.Wait()
}

// Changes tell what became of variants and values.
func TestChangesOfValues(t *testing.T) {
	c := newClient(t)
	before := mustCreate(t, c, "theme", on(), withValues(targeting.Text("light"), targeting.Text("dark")))
	change := flipper.FlagChange{Name: "theme", Before: mustGet(t, c, before.Name())}
	must(t, c.UpdateRules(t.Context(), "theme", func(d *rules.Definition) error {
		d.Variants[1].Value, d.Default = targeting.Text("black"), "b"
		return nil
	}))
	change.After = mustGet(t, c, "theme")
	if text := change.String(); !strings.Contains(text, "black") || !strings.Contains(text, "b") {
		t.Error(text)
	}
	if v := change.Before.Rules().Variants()[1].Value.String(); v != `"dark"` {
		t.Errorf("before, b was %s", v)
	}
}
