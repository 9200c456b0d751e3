// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipper_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/rules"
)

type limit struct {
	Uploads int
	Tags    []string
}

// parsed returns a value from its JSON.
func parsed(tb testing.TB, text targeting.JSON) targeting.Value {
	tb.Helper()
	v, err := targeting.ParseJSON(text)
	must(tb, err)
	return v
}

// createObject makes a flag that serves the values of some JSON, as withValues does.
func createObject(tb testing.TB, c *flipper.FeatureFlagClient, name string, texts ...targeting.JSON) {
	tb.Helper()
	values := make([]targeting.Value, len(texts))
	for i, text := range texts {
		values[i] = parsed(tb, text)
	}
	mustCreate(tb, c, name, on(), withValues(values...))
}

// wantObject asks for an object in all ways.
func wantObject[T any](t *testing.T, text targeting.JSON, want T) {
	t.Helper()
	c := newClient(t, flipper.WithErrorHandler(func(_ context.Context, _ string, err error) { t.Error(err) }))
	createObject(t, c, "flag", text)
	var none T
	wantValue(t, flipper.DeclareObject("flag", none), c, want)
}

func TestObjects(t *testing.T) {
	wantObject(t, `{"Uploads": 3, "Tags": ["a", "b"]}`, limit{3, []string{"a", "b"}})
	wantObject(t, `{"uploads": 3, "unknown": {"x": 1}}`, limit{Uploads: 3}) // as encoding/json: names fold, others are ignored
	wantObject(t, `{}`, limit{})
	wantObject(t, `{"Uploads": 3}`, &limit{Uploads: 3})
	wantObject(t, `{"n": 1, "big": 123456789012345678901234567890, "list": [null, true]}`, map[string]any{"n": 1.0, "big": 123456789012345678901234567890.0, "list": []any{nil, true}})
	wantObject(t, `{"a": 1}`, any(map[string]any{"a": 1.0}))
	wantObject(t, `["a", "b"]`, []string{"a", "b"})
	wantObject(t, `"192.0.2.1"`, netip.MustParseAddr("192.0.2.1"))
	wantObject(t, `{"big": 123456789012345678901234567890}`, map[string]json.Number{"big": "123456789012345678901234567890"})
	wantObject(t, `{"a": "é\ud83d\ude00", "b": "\ud800"}`, map[string]string{"a": "é😀", "b": "\ufffd"})
	wantObject(t, `{"a": 1.50}`, map[string]json.RawMessage{"a": json.RawMessage("1.5")})
}

// The names of fields that are not exported can be in the object, and say nothing.
func TestObjectWithUnexportedFields(t *testing.T) {
	type hidden struct{ Shown, hidden int }
	c := newClient(t)
	d := flipper.DeclareObject("flag", hidden{1, 2})
	if got := d.Value(t.Context(), c); got != (hidden{1, 2}) {
		t.Errorf("the default is %+v", got)
	}
	must(t, c.Register(t.Context(), d))
	if got := d.Value(t.Context(), c); got != (hidden{1, 0}) {
		t.Errorf("the stored default is %+v", got)
	}
}

// level is a number in Go, and text in JSON.
type level int

func (l level) MarshalText() ([]byte, error) { return []byte(strings.Repeat("+", int(l))), nil }

func (l *level) UnmarshalText(text []byte) error {
	*l = level(len(text))
	return nil
}

// What is stored of a default is decoded as it is.
func TestObjectsThatEncodeThemselves(t *testing.T) {
	c := newClient(t)
	d := flipper.DeclareObject("flag", level(3))
	must(t, c.Register(t.Context(), d))
	if got := mustGet(t, c, "flag").Rules().Variants()[0].Value.String(); got != `"+++"` {
		t.Errorf("stored is %s", got)
	}
	wantValue(t, d, c, 3)
	if audit, err := c.Audit(t.Context(), d); err != nil || audit.Mismatched != nil {
		t.Errorf("%+v, %v", audit, err)
	}
}

func TestObjectsThatDoNotDecode(t *testing.T) {
	for _, text := range []targeting.JSON{`{"Uploads": "many"}`, `{"Uploads": 1.5}`, `[1]`, `"text"`, `7`, `{"Tags": {}}`} {
		var told error
		c := newClient(t, flipper.WithErrorHandler(func(_ context.Context, _ string, err error) { told = err }))
		createObject(t, c, "flag", text)
		d := flipper.DeclareObject("flag", limit{Uploads: 9})
		wantValue(t, d, c, limit{Uploads: 9})
		wantErr(t, told, flipper.ErrType)
		if _, isSyntax := errors.AsType[*json.SyntaxError](told); !isSyntax {
			if _, isType := errors.AsType[*json.UnmarshalTypeError](told); !isType {
				t.Errorf("the error does not have that of JSON: %v", told)
			}
		}
		if !strings.Contains(told.Error(), `variant "a"`) || !strings.Contains(told.Error(), "limit") {
			t.Errorf("the error names neither variant nor type: %v", told)
		}
		e := d.Flag(c).Evaluate(t.Context())
		wantErr(t, e.Err, flipper.ErrType)
		if e.Value.String() != `{"Uploads": 9, "Tags": null}` {
			t.Errorf("the value is %s", e.Value)
		}
	}
}

// One flag may be asked for different types.
func TestObjectOfTwoTypes(t *testing.T) {
	c := newClient(t)
	createObject(t, c, "flag", `{"Uploads": 3}`)
	for range 3 {
		if a, b := flipper.ObjectOr(t.Context(), c, "flag", limit{}), flipper.ObjectOr(t.Context(), c, "flag", map[string]int{}); a.Uploads != 3 || b["Uploads"] != 3 {
			t.Errorf("%+v and %v", a, b)
		}
	}
}

// counted counts how often it is decoded.
type counted struct{ Text string }

var decodings atomic.Int64

func (c *counted) UnmarshalJSON(text []byte) error {
	decodings.Add(1)
	if strings.Contains(string(text), "bad") {
		return errors.New("it is bad")
	}
	c.Text = string(text)
	return nil
}

// A value is decoded once per change of the flag, whether it can be or not.
func TestObjectIsDecodedOnce(t *testing.T) {
	c := newClient(t)
	createObject(t, c, "flag", `{"n": 1}`, `{"n": 2}`, `["bad"]`)
	d := flipper.DeclareObject("flag", counted{Text: "none"})
	held := d.Flag(c)
	want := func(want int64) {
		t.Helper()
		decodings.Store(0)
		for range 20 {
			for _, name := range []string{"a", "b", "c"} {
				held.Value(t.Context(), plan(name))
				held.Value(flipper.WithPinnedFlags(t.Context()), plan(name))
				d.Value(t.Context(), c, plan(name))
			}
		}
		if got := decodings.Load(); got != want {
			t.Errorf("%d times decoded, want %d", got, want)
		}
	}
	want(3)
	want(0)
	mustCreate(t, c, "another")
	want(0)
	before := flipper.WithPinnedFlags(t.Context())
	held.Value(before, plan("a"))
	must(t, c.MoveRule(t.Context(), "flag", 0, 1))
	want(3)
	// A request that began before has the flag as it was, which is still at hand.
	for range 3 {
		if got := held.Value(before, plan("a")); got.Text != `{"n": 1}` {
			t.Errorf("pinned is %+v", got)
		}
		want(0)
	}
	// Of what a flag was two changes ago nothing is kept.
	for range 3 {
		must(t, c.MoveRule(t.Context(), "flag", 0, 1))
		want(3)
	}

	// By name, it is once more: the declaration has its own.
	decodings.Store(0)
	for range 20 {
		flipper.ObjectOr(t.Context(), c, "flag", counted{}, plan("b"))
	}
	if got := decodings.Load(); got != 1 {
		t.Errorf("%d times decoded by name", got)
	}
}

// Callers share what was decoded.
func TestObjectsAreShared(t *testing.T) {
	c := newClient(t)
	createObject(t, c, "flag", `{"a": 1}`)
	d := flipper.DeclareObject[map[string]int]("flag", nil)
	d.Value(t.Context(), c)["a"] = 2
	if got := d.Flag(c).Value(t.Context())["a"]; got != 2 {
		t.Errorf("a is %d", got)
	}
}

// Many ask for the first time at once, while the flag changes.
func TestObjectsConcurrently(t *testing.T) {
	for range 20 {
		c := newClient(t)
		createObject(t, c, "flag", `{"Uploads": 1}`, `{"Uploads": 2}`, `["bad"]`)
		d := flipper.DeclareObject("flag", limit{Uploads: 9})
		held := d.Flag(c)
		var asking sync.WaitGroup
		for range 8 {
			asking.Go(func() {
				for name, want := range map[string]int{"a": 1, "b": 2, "c": 9} {
					got := []int{held.Value(t.Context(), plan(name)).Uploads, d.Value(t.Context(), c, plan(name)).Uploads, flipper.ObjectOr(t.Context(), c, "flag", limit{Uploads: 9}, plan(name)).Uploads}
					if diff := cmp.Diff([]int{want, want, want}, got); diff != "" {
						t.Errorf("plan %s: %s", name, diff)
					}
				}
			})
		}
		asking.Go(func() {
			if err := c.MoveRule(t.Context(), "flag", 0, 1); err != nil {
				t.Error(err)
			}
		})
		asking.Wait()
	}
}

// What is kept has a bound, whatever becomes of flags.
func TestObjectsAreBounded(t *testing.T) {
	s := newFaultyStore() // which makes a flag for every call
	c := flipper.New(s, quiet())
	createObject(t, c, "flag", `{"Uploads": 1}`)
	d := flipper.DeclareObject("flag", limit{})
	for range 1000 {
		if got := d.Value(t.Context(), c); got.Uploads != 1 {
			t.Fatal(got)
		}
	}
	c = newClient(t)
	for i := range 3000 {
		name := fmt.Sprint("flag", i)
		createObject(t, c, name, `{"Uploads": 1}`)
		if got := flipper.ObjectOr(t.Context(), c, name, limit{}); got.Uploads != 1 {
			t.Fatal(got)
		}
		must(t, c.Destroy(t.Context(), name))
		if got := flipper.ObjectOr(t.Context(), c, name, limit{Uploads: 7}); got.Uploads != 7 {
			t.Fatal(got)
		}
	}
	// A flag whose variants get new names all the time.
	createObject(t, c, "flag", `{"Uploads": 1}`)
	held := d.Flag(c)
	for i := range 1000 {
		name := fmt.Sprint("v", i)
		must(t, c.SetRules(t.Context(), "flag", rules.Definition{
			Variants: []targeting.Variant{{Name: name, Value: parsed(t, `{"Uploads": 2}`)}}, Off: name, Default: name,
			Rules: []rules.Rule{serving(name, rules.Exists("plan"))},
		}))
		if got := held.Value(t.Context(), plan("x")); got.Uploads != 2 {
			t.Fatal(got)
		}
	}
}

func TestObjectOrOfNothing(t *testing.T) {
	down := newFaultyStore()
	down.fail(errDown)
	var told error
	c := flipper.New(down, quiet(), flipper.WithErrorHandler(func(_ context.Context, _ string, err error) { told = err }))
	if got := flipper.ObjectOr(t.Context(), c, "flag", limit{Uploads: 7}); got.Uploads != 7 {
		t.Errorf("%+v", got)
	}
	wantErr(t, told, store.ErrUnavailable)
}
