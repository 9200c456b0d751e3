// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"log"
	"os"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/flipper-go/flipper/internal/exchange"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func Example() {
	ctx := context.Background()
	from, to := memory.New(), memory.New()
	defer from.Close()
	defer to.Close()
	if _, err := from.Put(ctx, &store.Flag{Name: "X"}); err != nil {
		log.Print(err)
		return
	}

	var file bytes.Buffer
	if _, err := exchange.Write(&file, from.List(ctx)); err != nil {
		log.Print(err)
		return
	}
	wanted, err := exchange.Read(file.Bytes())
	if err != nil {
		log.Print(err)
		return
	}
	state, err := exchange.ReadState(ctx, to)
	if err != nil {
		log.Print(err)
		return
	}
	changes, err := exchange.Plan(state, wanted, false)
	if err != nil {
		log.Print(err)
		return
	}
	for _, c := range changes {
		fmt.Println(c.Kind, c.Name, c.Apply(ctx, to))
	}
	// Output: create X <nil>
}

const (
	itemA = `{"feature_name": "A", "is_enabled": true, "meta": {"created_date": 1}}`
	itemB = `{"feature_name": "B", "is_enabled": false, "meta": {"created_date": 2, "unknown": [1.0]}}`
)

func itemRules(rules string) string {
	return `{"feature_name": "A", "is_enabled": true, "meta": {"created_date": 1, "client_data": {"$rules": ` + rules + `}}}`
}

func file(members string) string {
	return `{"format": "flipper-flags-1", "flags": {` + members + `}}`
}

func decode(t *testing.T, name, item string) *store.Flag {
	t.Helper()
	f, err := store.Decode(name, []byte(item))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestReadRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":              "the file",
		"[]":            "the file",
		"{}":            "its format is not",
		`{"format": 1}`: "its format is not",
		`{"format": "flipper-flags-2", "flags": {}}`:            "its format is not",
		`{"format": "flipper-flags-1"}`:                         "flags",
		`{"format": "flipper-flags-1", "flags": []}`:            "flags",
		`{"format": "flipper-flags-1", "flags": {}, "more": 1}`: `unknown field "more"`,
		`{"format": "x", "format": "flipper-flags-1"}`:          "twice",
		file(`"A": ` + itemA + `, "A": ` + itemA):               "twice",
		file(`"A": ` + itemA + `, "\u0041": ` + itemA):          "twice",
		file(`"A": ` + itemA + `} `):                            "the file",
		file(`"A": 1`):                                          `flag "A"`,
		file(`"A": {"feature_name": "A"}`):                      "is_enabled is missing",
		file(`"` + strings.Repeat("x", 1025) + `": ` + itemA):   "1025 bytes",
		file(`"\ud800": ` + itemA):                              "UTF-8",
		file(`"A": ` + itemRules(`{"version": 2}`)):             `flag "A": client_data: $rules: invalid version`,
		file(`"A": ` + itemRules(`{"version": 1, "off": "off", "rules": [{"if": [{"attribute": "a", "op": "gt", "values": ["1"]}], "serve": "on"}], "default": "off"}`)): "$rules: invalid rules[0].if[0].values",
	} {
		if flags, err := exchange.Read([]byte(text)); !errors.Is(err, exchange.ErrFormat) || !strings.Contains(err.Error(), want) || flags != nil {
			t.Errorf("%.100s: %v, %v, want %q", text, flags, err, want)
		}
	}
}

// What is twice within a flag is the flag's, as Python reads it.
func TestReadTakes(t *testing.T) {
	flags, err := exchange.Read([]byte(file(`"B": ` + itemB + `, "A": {"feature_name": "A", "is_enabled": false, "is_enabled": true, "meta": {"created_date": 1, "client_data": {"a:\"": 1, "a:\"": 2}}}`)))
	if err != nil || len(flags) != 2 || flags[0].Name != "A" || !flags[0].Enabled || flags[1].Name != "B" {
		t.Errorf("%v, %v", flags, err)
	}
}

// An unreadable flag is left out of a file that is whole otherwise; any other
// error ends it.
func TestWrite(t *testing.T) {
	bad := &store.UnreadableError{Name: "BAD", Err: errors.New("why")}
	sequence := func(last error) iter.Seq2[*store.Flag, error] {
		return func(yield func(*store.Flag, error) bool) {
			_ = yield(decode(t, "A", itemA), nil) && yield(nil, bad) && yield(decode(t, "B", itemB), nil) && (last == nil || yield(nil, last))
		}
	}
	var b bytes.Buffer
	n, err := exchange.Write(&b, sequence(nil))
	if n != 2 || !errors.Is(err, store.ErrUnreadable) {
		t.Errorf("%d, %v", n, err)
	}
	if want := file("\n\"A\": " + itemA + ",\n\"B\": " + itemB + "\n"); b.String() != want+"\n" {
		t.Errorf("%s", &b)
	}
	if _, err := exchange.Write(&b, sequence(store.ErrUnavailable)); !errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrUnreadable) {
		t.Error(err)
	}
	closed, err := os.Create(t.TempDir() + "/f")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	if _, err := exchange.Write(closed, sequence(nil)); !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
}

func TestPlan(t *testing.T) {
	a, b := decode(t, "A", itemA), decode(t, "B", itemB)
	off := decode(t, "A", strings.Replace(itemA, "true", "false", 1))
	unreadable := map[string]error{"C": &store.UnreadableError{Name: "C", Err: errors.New("why")}}
	for name, c := range map[string]struct {
		state  exchange.State
		wanted []*store.Flag
		prune  bool
		want   string
		err    error
	}{
		"nothing":            {},
		"same":               {state: state(a), wanted: []*store.Flag{a}},
		"create":             {wanted: []*store.Flag{b, a}, want: "create A, create B"},
		"update":             {state: state(off), wanted: []*store.Flag{a}, want: "update A"},
		"others stay":        {state: state(a, b), wanted: []*store.Flag{a}},
		"prune":              {state: state(a, b), wanted: []*store.Flag{a}, prune: true, want: "delete B"},
		"prune unreadable":   {state: exchange.State{Unreadable: unreadable}, prune: true, want: "delete C"},
		"unreadable stays":   {state: exchange.State{Unreadable: unreadable}},
		"replace unreadable": {state: exchange.State{Unreadable: unreadable}, wanted: []*store.Flag{decode(t, "C", itemA)}, err: store.ErrUnreadable},
	} {
		changes, err := exchange.Plan(c.state, c.wanted, c.prune)
		var got []string
		for _, change := range changes {
			got = append(got, string(change.Kind)+" "+change.Name)
		}
		if strings.Join(got, ", ") != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func state(flags ...*store.Flag) exchange.State {
	s := exchange.State{Flags: map[string]*store.Flag{}}
	for _, f := range flags {
		s.Flags[f.Name] = f
	}
	return s
}

// A flag that was changed after the plan was made keeps that change.
func TestApplyConflict(t *testing.T) {
	ctx := t.Context()
	s := memory.New()
	t.Cleanup(func() { _ = s.Close() })
	before, err := s.Put(ctx, decode(t, "A", itemA))
	if err != nil {
		t.Fatal(err)
	}
	after := before.Clone()
	after.ClientData = `{"x": 1}`
	if _, err := store.Update(ctx, s, "A", func(f *store.Flag) error { f.Enabled = false; return nil }); err != nil {
		t.Fatal(err)
	}
	for _, c := range []exchange.Change{
		{Name: "A", Kind: exchange.Create, After: after},
		{Name: "A", Kind: exchange.Update, Before: before, After: after},
		{Name: "A", Kind: exchange.Delete, Before: before},
		{Name: "A", Kind: exchange.Delete}, // it was unreadable
		{Name: "B", Kind: exchange.Update, Before: before, After: decode(t, "B", itemB)},
	} {
		if err := c.Apply(ctx, s); !errors.Is(err, store.ErrConflict) {
			t.Errorf("%s %s: %v", c.Kind, c.Name, err)
		}
	}
	if f, err := s.Get(ctx, "A"); err != nil || f.Enabled || f.ClientData != "" {
		t.Errorf("%+v, %v", f, err)
	}
	// That somebody else has deleted it is what was wanted.
	if err := (exchange.Change{Name: "GONE", Kind: exchange.Delete, Before: before}).Apply(ctx, s); err != nil {
		t.Error(err)
	}
}

// Whatever is read can be written and read again, and is the same.
func FuzzRead(f *testing.F) {
	f.Add(file(`"A": ` + itemA + `, "B": ` + itemB))
	f.Add(`{"format": "flipper-flags-1", "flags": {"\"{": ` + itemB + `}}`)
	f.Fuzz(func(t *testing.T, text string) {
		flags, err := exchange.Read([]byte(text))
		if err != nil {
			return
		}
		var b bytes.Buffer
		if _, err := exchange.Write(&b, func(yield func(*store.Flag, error) bool) {
			for _, f := range flags {
				if !yield(f, nil) {
					return
				}
			}
		}); err != nil {
			t.Fatal(err)
		}
		again, err := exchange.Read(b.Bytes())
		if err != nil {
			t.Fatalf("%v:\n%s", err, &b)
		}
		same := func(a, b *store.Flag) bool {
			_, changed := exchange.Compare(a.Name, a, b)
			return a.Name == b.Name && !changed
		}
		if !slices.EqualFunc(flags, again, same) {
			t.Errorf("%s\nis not\n%s", text, &b)
		}
	})
}
