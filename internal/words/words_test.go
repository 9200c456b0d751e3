// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package words_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/flipper-go/flipper/internal/words"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
)

var (
	start = time.Date(2026, 1, 31, 18, 0, 0, 0, time.UTC)
	noon  = start.Add(12 * time.Hour)
)

// A change makes another flag of one.
type change func(f *store.Flag)

func enabled(f *store.Flag) { f.Enabled = true }

func where(conditions ...carta.Condition) change {
	return func(f *store.Flag) { f.Conditions = conditions }
}

func one(checks ...carta.Check) carta.Condition { return carta.NewCondition(checks...) }

func rollout(b carta.Bucketer) change { return func(f *store.Flag) { f.Bucketer = b } }

func by(share float64, keys ...string) change {
	return rollout(carta.NewConsistentHashBucketer(carta.FixedPercentage(share), keys...))
}

func ramp(from, to float64) change {
	return rollout(carta.NewConsistentHashBucketer(carta.LinearRamp(from, to, start, 24*time.Hour), "user_id"))
}

func data(text targeting.JSON) change { return func(f *store.Flag) { f.ClientData = text } }

func made(changes ...change) *store.Flag {
	f := &store.Flag{Name: "NEW_CHECKOUT", Created: start}
	for _, c := range changes {
		c(f)
	}
	return f
}

func stored(t testing.TB, meta string) *store.Flag {
	t.Helper()
	f, err := store.Decode("F", `{"feature_name": "F", "is_enabled": true, "meta": {"created_date": 1, `+meta+`}}`)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestState(t *testing.T) {
	germany, adults := one(carta.Equal("country", "DE")), one(carta.GreaterOrEqual("age", 18), carta.In("plan", "pro", "team"))
	random := rollout(carta.NewPercentageBucketer(carta.FixedPercentage(0.07)))
	for want, f := range map[string]*store.Flag{
		"off":                             made(by(0.1, "user_id")),
		"on for everyone":                 made(enabled),
		"on for 10 % by user_id":          made(enabled, by(0.1, "user_id")),
		"on for 50 % by org, user_id":     made(enabled, by(0.5, "user_id", "org")),
		"on for 12.5 % by all attributes": made(enabled, by(0.125)),
		"on for 7 % at random":            made(enabled, random),
		"on where country = DE":           made(enabled, where(germany)),
		"on where country = DE and age >= 18 and plan in (pro, team)":                                          made(enabled, where(germany, adults)),
		"on where country = DE; without attributes, for 10 % by user_id":                                       made(enabled, where(germany), by(0.1, "user_id")),
		"on for every request with attributes; without attributes, for 10 % by user_id":                        made(enabled, where(one()), by(0.1, "user_id")),
		"on for 25 % by user_id now (a ramp from 0 % at 2026-01-31T18:00:00Z to 50 % at 2026-02-01T18:00:00Z)": made(enabled, ramp(0, 0.5)),
		`on for "a lot" by user_id`:         stored(t, `"bucketer": {"type": "ConsistentHashPercentageBucketer", "percentage": {"type": "Percentage", "value": "a lot"}, "key_whitelist": ["user_id"]}`),
		"on for an unknown share at random": stored(t, `"bucketer": {"type": "PercentageBucketer", "percentage": {"type": "LinearRampPercentage", "final_value": "x", "initial_time": 5}}`),
	} {
		if got := words.State(f, start.Add(12*time.Hour)); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	// A ramp before it begins and after it ends.
	f := made(enabled, ramp(0.1, 0.5))
	for at, want := range map[time.Time]string{
		start.Add(-time.Hour):     "on for 0 % by user_id now (a ramp from 10 % at 2026-01-31T18:00:00Z to 50 % at 2026-02-01T18:00:00Z)",
		start.Add(24 * time.Hour): "on for 50 % by user_id",
	} {
		if got := words.State(f, at); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// What conditions ask is written as it can be typed, and text that could be taken
// for something else is in quotes.
func TestCondition(t *testing.T) {
	for want, c := range map[string]carta.Condition{
		"anyone":                   one(),
		"age > 18 and age < 65":    one(carta.Greater("age", 18), carta.Less("age", 65)),
		"age <= 18.0":              one(carta.LessOrEqual("age", 18.0)),
		`name > "b"`:               one(carta.Greater("name", "b")),
		"plan != free":             one(carta.NotEqual("plan", "free")),
		"admin = true":             one(carta.Equal("admin", true)),
		`admin = "True"`:           one(carta.Equal("admin", "True")),
		`zip = "01234"`:            one(carta.Equal("zip", "01234")),
		`zip = ""`:                 one(carta.Equal("zip", "")),
		"city = Köln":              one(carta.Equal("city", "Köln")),
		`city = "São Paulo"`:       one(carta.Equal("city", "São Paulo")),
		`x = "a\u001b[31m\u202eb"`: one(carta.Equal("x", "a\x1b[31m\u202eb")),
		`x not in (1, "1", null)`:  one(carta.NotIn("x", 1, "1", nil)),
		"x in []":                  one(carta.NewCheck("x", carta.OpIn, []any{})),
		`x in ([1, "a"], 2)`:       one(carta.NewCheck("x", carta.OpIn, []any{[]any{1, "a"}, 2})),
		`x = {"a": "b"}`:           one(carta.Equal("x", map[string]any{"a": "b"})),
		`"a b" = 1`:                one(carta.Equal("a b", 1)),
		`"a:b" = 1`:                one(carta.Equal("a:b", 1)),
		`"\u202e" = 1`:             one(carta.Equal("\u202e", 1)),
	} {
		if got := words.Condition(c); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if got, want := words.Conditions([]carta.Condition{one(), one(carta.Equal("a", 1)), one(carta.Equal("b", "x"))}), "a = 1 and b = x"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestDifference(t *testing.T) {
	germany, france := one(carta.Equal("country", "DE")), one(carta.Equal("country", "FR"))
	adults := one(carta.GreaterOrEqual("age", 18))
	plan := "a ramp from 0 % at 2026-01-31T18:00:00Z to 50 % at 2026-02-01T18:00:00Z"
	later := func(f *store.Flag) { f.Created = noon }
	for _, c := range []struct {
		before, after *store.Flag
		want          []string
	}{
		{nil, nil, nil},
		{made(), made(), nil},
		{nil, made(), []string{"created, off"}},
		{nil, made(enabled), []string{"created, on for everyone"}},
		{nil, made(by(0.1, "user_id"), data(`{"owner": "web"}`)), []string{"created, off; when switched on, for 10 % by user_id", `client data: owner is "web"`}},
		{made(), nil, []string{"deleted, was off"}},
		{made(enabled, where(germany)), nil, []string{"deleted, was on where country = DE"}},
		{made(), made(enabled), []string{"switched on"}},
		{made(enabled), made(), []string{"switched off"}},
		{made(by(0.05, "user_id")), made(by(0.1, "user_id")), []string{"rollout: 10 % by user_id, was 5 %"}},
		{made(by(0.05, "org")), made(by(0.1, "user_id")), []string{"rollout: 10 % by user_id, was 5 % by org"}},
		{made(), made(by(0.1, "user_id")), []string{"rollout: 10 % by user_id, was none"}},
		{made(by(0.1, "user_id")), made(), []string{"rollout removed, was 10 % by user_id"}},
		{made(by(0.1, "user_id")), made(ramp(0, 0.5)), []string{"rollout: " + plan + " by user_id, was 10 %"}},
		{made(ramp(0, 0.5)), made(), []string{"rollout removed, was " + plan + " by user_id"}},
		{made(), made(where(germany)), []string{"condition added: country = DE"}},
		{made(where(germany)), made(), []string{"condition removed: country = DE"}},
		{made(where(germany, adults)), made(where(france, adults)), []string{"condition removed: country = DE", "condition added: country = FR"}},
		{made(where(germany, adults)), made(where(adults, germany)), []string{"conditions: in another order"}},
		{made(where(germany)), made(where(germany, germany)), []string{"condition added: country = DE"}},
		{made(where(germany, germany)), made(where(germany)), []string{"condition removed: country = DE"}},
		{made(data(`{"owner": "web", "ttl": 60}`)), made(data(`{"ttl": 61, "new": [1, {"a": null}]}`)), []string{
			"client data: ttl is now 61, was 60", `client data: new is now [1, {"a": null}]`, `client data: owner removed, was "web"`,
		}},
		{made(data(`{"a": 1}`)), made(data(`[2]`)), []string{`client data: is now [2], was {"a": 1}`}},
		{made(data(`{"a": 1}`)), made(data(`{"a": `)), []string{"client data: changed (it cannot be shown)"}},
		{made(data(`{"a\u001b": "\u202e\n"}`)), made(), []string{`client data: "a\u001b" removed, was "\u202e\n"`}},
		{made(), made(later), []string{"creation: 2026-02-01T06:00:00Z, was 2026-01-31T18:00:00Z"}},
		{
			made(by(0.1, "user_id")), made(enabled, where(germany), data(`{"a": 1}`)),
			[]string{"switched on", "condition added: country = DE", "rollout removed, was 10 % by user_id", "client data: a is now 1"},
		},
		{stored(t, `"new": 1`), stored(t, `"new": 2`), []string{"changed in a part of its stored form that this program does not read"}},
		{stored(t, `"conditions": [{}]`), stored(t, `"conditions": [ {} ]`), []string{"changed in a part of its stored form that this program does not read"}},
		// A ramp without a start begins when it is read, which is no change.
		{stored(t, startless), stored(t, startless), nil},
	} {
		if got := words.Difference(c.before, c.after); !slices.Equal(got, c.want) {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

const startless = `"bucketer": {"type": "PercentageBucketer", "percentage": {"type": "LinearRampPercentage"}}`

// However much there is in a flag, phrases stay short.
func TestLength(t *testing.T) {
	var values []any
	members, conditions := []string{}, []carta.Condition{}
	for i := range 1000 {
		values = append(values, strings.Repeat("ü", 1000))
		members = append(members, fmt.Sprintf(`"%d%s": "%s"`, i, strings.Repeat("k", 1000), strings.Repeat("v", 1000)))
		conditions = append(conditions, one(carta.Equal(fmt.Sprintf("a%d", i), i)))
	}
	before := made(data(targeting.JSON("{" + strings.Join(members, ",") + "}")))
	after := made(enabled, where(append(conditions, one(carta.In("x", values...)))...), by(0.1, strings.Repeat("k", 5000)))
	phrases := words.Difference(before, after)
	if len(phrases) != 1+20+1+20 || phrases[20] != "982 more changes of conditions" || phrases[41] != "981 more keys of client data changed" {
		t.Errorf("%d phrases: %q", len(phrases), phrases)
	}
	for _, text := range append(phrases, words.State(after, start)) {
		if n := utf8.RuneCountInString(text); n > 400 {
			t.Errorf("%d characters: %s", n, text)
		}
	}
	if got, want := words.Difference(made(), made(where(one(carta.In("x", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12))))), "condition added: x in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, … 2 more)"; len(got) != 1 || got[0] != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestCut(t *testing.T) {
	for _, c := range []struct {
		text, want string
	}{{"äöüß", "äöüß"}, {"äöüßa", "äöü…"}, {"äö  a", "äö…"}, {"", ""}} {
		if got := words.Cut(c.text, 4); got != c.want {
			t.Errorf("%q: %q, want %q", c.text, got, c.want)
		}
	}
}

func TestText(t *testing.T) {
	for text, want := range map[string]string{"": "", `for "pro" users: größe`: `for "pro" users: größe`, "a\nb": `"a\nb"`, "\x1b[31m": `"\u001b[31m"`} {
		if got := words.Text(text); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

func TestValue(t *testing.T) {
	for want, v := range map[string]any{
		"42 (int)": 42, "42.0 (float)": 42.0, `"ü\u202e" (text)`: "ü\u202e", `["a", null] (list)`: []any{"a", nil}, "true (bool)": true,
	} {
		value, err := targeting.ValueOf(v)
		if err != nil {
			t.Fatal(err)
		}
		if got := words.Value(value); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestName(t *testing.T) {
	for name, want := range map[string]string{
		"NEW_CHECKOUT": "NEW_CHECKOUT", "ünïcode/x.y-z": "ünïcode/x.y-z", "": `""`, "a b": `"a b"`, "\x1b[31m": `"\u001b[31m"`, "a\nb": `"a\nb"`,
		`"`: `"\""`, "\u202e": `"\u202e"`, "\U000e0001": `"\udb40\udc01"`, "größe x": `"größe x"`,
	} {
		if got := words.Name(name); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
}

// Whatever two flags are, the phrases are printable, short, and there only if the
// flags differ.
func FuzzDifference(f *testing.F) {
	const item = `{"feature_name": "F", "is_enabled": true, "meta": {"created_date": 1, "client_data": {"a": "\u202e"}, "conditions": [{"x": [{"variable": "x", "value": ["\u001b"], "operator": "in"}]}], "bucketer": {"type": "ConsistentHashPercentageBucketer", "percentage": {"type": "LinearRampPercentage", "ramp_duration": 1e300}}}}`
	f.Add(item, strings.ReplaceAll(item, "true", "false"))
	f.Add(item, strings.ReplaceAll(item, "1e300", "-1"))
	f.Fuzz(func(t *testing.T, textA, textB string) {
		a, errA := store.Decode("F", textA)
		b, errB := store.Decode("F", textB)
		if errA != nil || errB != nil {
			return
		}
		phrases := words.Difference(a, b)
		if (len(phrases) == 0) != (textA == textB) {
			t.Errorf("%q of\n%s\n%s", phrases, textA, textB)
		}
		for _, text := range append(phrases, words.State(a, start), words.State(b, start)) {
			if text == "" || utf8.RuneCountInString(text) > 400 || strings.IndexFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) >= 0 {
				t.Errorf("%q of\n%s\n%s", text, textA, textB)
			}
		}
	})
}
