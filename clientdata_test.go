// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipper_test

import (
	"context"
	"encoding/json"
	"math"
	"math/big"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
)

var bigInts = cmp.Comparer(func(a, b *big.Int) bool { return a.Cmp(b) == 0 })

func TestClientDataKeepsKinds(t *testing.T) {
	huge, _ := new(big.Int).SetString("123456789012345678901234567890", 10)
	c := newClient(t)
	flag := mustCreate(t, c, "flag")
	must(t, flag.SetClientData(t.Context(), map[string]any{
		"null": nil, "bool": true, "int": 1, "float": 1.0, "text": "é<&>\"", "empty": "",
		"beyond 2^53": int64(1<<53 + 1), "uint": uint64(math.MaxUint64), "huge": huge,
		"list": []any{1, 1.5, "x", nil}, "object": map[string]int{"b": 2, "a": 1},
		"number": json.Number("1.0"), "raw": json.RawMessage(`[1, 1.0]`), "json": targeting.JSON(`{"k": 1e2}`),
	}))
	uintMax := new(big.Int).SetUint64(math.MaxUint64)
	got, err := flag.ClientData(t.Context())
	must(t, err)
	want := map[string]any{
		"null": nil, "bool": true, "int": int64(1), "float": 1.0, "text": "é<&>\"", "empty": "",
		"beyond 2^53": int64(1<<53 + 1), "uint": uintMax, "huge": huge,
		"list": []any{int64(1), 1.5, "x", nil}, "object": map[string]any{"a": int64(1), "b": int64(2)},
		"number": 1.0, "raw": []any{int64(1), 1.0}, "json": map[string]any{"k": 100.0},
	}
	if diff := cmp.Diff(want, got, bigInts); diff != "" {
		t.Errorf("client data (-want +got):\n%s", diff)
	}
	text := string(mustGet(t, c, "flag").ClientData)
	for _, part := range []string{`"int": 1,`, `"float": 1.0,`, `"huge": 123456789012345678901234567890,`, `"uint": 18446744073709551615}`, `"text": "\u00e9<&>\"",`} {
		if !strings.Contains(text, part) {
			t.Errorf("%s is not in the stored form %s", part, text)
		}
	}
}

func TestClientDataMerge(t *testing.T) {
	const stored = `{"z":1.00, "odd" : [ 1e3,"\u0041"], "twice": 1, "nested": {"a": 1, "b": 2}, "twice": 2}`
	for _, test := range []struct {
		name   string
		stored string
		data   map[string]any
		want   string
	}{
		{"new key last, the rest as written", stored, map[string]any{"b": 2, "a": 1}, `{"z": 1.00, "odd": [ 1e3,"\u0041"], "twice": 2, "nested": {"a": 1, "b": 2}, "a": 1, "b": 2}`},
		{"replaced in its place", stored, map[string]any{"odd": 1}, `{"z": 1.00, "odd": 1, "twice": 2, "nested": {"a": 1, "b": 2}}`},
		{"nested objects are replaced", stored, map[string]any{"nested": map[string]any{"c": 3}}, `{"z": 1.00, "odd": [ 1e3,"\u0041"], "twice": 2, "nested": {"c": 3}}`},
		{"nil is a value", `{"a": 1}`, map[string]any{"a": nil}, `{"a": null}`},
		{"nothing changes nothing", stored, map[string]any{}, stored},
		{"nil changes nothing", stored, nil, stored},
		{"into nothing", `{}`, map[string]any{"a": 1}, `{"a": 1}`},
		{"into null", `null`, map[string]any{"a": 1}, `{"a": 1}`},
		{"into an empty list", `[]`, map[string]any{"a": 1}, `{"a": 1}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newClient(t)
			putStored(t, c.Store(), "flag", `{"feature_name": "flag", "is_enabled": true, "meta": {"created_date": 7, "client_data": `+test.stored+`}}`)
			must(t, c.SetClientData(t.Context(), "flag", test.data))
			if got := string(mustGet(t, c, "flag").ClientData); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

// Another client may have stored something that is no object. Nothing of it is
// lost by trying to merge into it.
func TestClientDataThatIsNoObject(t *testing.T) {
	for _, text := range []string{`[1]`, `"text"`, `7`, `true`} {
		c := newClient(t)
		putStored(t, c.Store(), "flag", `{"feature_name": "flag", "is_enabled": true, "meta": {"created_date": 7, "client_data": `+text+`}}`)
		_, err := c.ClientData(t.Context(), "flag")
		wantErr(t, err, store.ErrInvalid)
		for _, handled := range []bool{false, true} {
			err = c.SetClientData(t.Context(), "flag", map[string]any{"a": 1})
			wantErr(t, err, store.ErrInvalid)
			if err != nil && !strings.Contains(err.Error(), "client_data") {
				t.Errorf("%v does not name client_data", err)
			}
			if !handled {
				c.Events().On(flipper.PreSetClientData, func(context.Context, flipper.Event) error {
					t.Error("a handler heard of it")
					return nil
				})
			}
		}
		if got := string(mustGet(t, c, "flag").ClientData); got != text {
			t.Errorf("%s became %s", text, got)
		}
		// All the rest works.
		must(t, c.Disable(t.Context(), "flag"))
		meta, err := c.Meta(t.Context(), "flag")
		must(t, err)
		if !strings.Contains(string(meta), `"client_data": `+text) {
			t.Errorf("meta %s", meta)
		}
	}
}

func TestClientDataRefused(t *testing.T) {
	deep := any(1)
	for range 600 {
		deep = []any{deep}
	}
	for name, value := range map[string]any{
		"channel": make(chan int), "func": func() {}, "struct": struct{ A int }{1}, "bytes": []byte("x"),
		"map with int keys": map[int]int{1: 1}, "bad number": json.Number("one"), "bad JSON": targeting.JSON("{"),
		"deep": deep, "nested channel": map[string]any{"a": []any{make(chan int)}},
		"text that is no UTF-8": "a\xff", "nested text that is no UTF-8": []any{map[string]any{"a\xff": 1}},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClient(t)
			mustCreate(t, c, "flag", flipper.WithClientData(map[string]any{"a": 1}))
			before := stored(t, c.Store(), "flag")
			c.Events().Subscribe(subscriberFunc(func(_ context.Context, e flipper.Event) error {
				t.Errorf("a handler heard of %s", e.Type)
				return nil
			}))
			data := map[string]any{"key": value}
			_, createErr := c.Create(t.Context(), "new", flipper.WithClientData(data))
			for _, err := range []error{c.SetClientData(t.Context(), "flag", data), createErr} {
				wantErr(t, err, store.ErrInvalid)
				if err != nil && !strings.Contains(err.Error(), `"key"`) {
					t.Errorf("%v does not name the key", err)
				}
			}
			if after := stored(t, c.Store(), "flag"); after != before {
				t.Errorf("the flag became %s", after)
			}
		})
	}
}

// The object that a caller gets is the caller's.
func TestClientDataIsACopy(t *testing.T) {
	c := newClient(t)
	flag := mustCreate(t, c, "flag", flipper.WithClientData(map[string]any{"list": []int{1}}))
	first, err := flag.ClientData(t.Context())
	must(t, err)
	first["list"].([]any)[0] = "changed"
	first["more"] = 1
	second, err := flag.ClientData(t.Context())
	must(t, err)
	if diff := cmp.Diff(map[string]any{"list": []any{int64(1)}}, second); diff != "" {
		t.Errorf("client data (-want +got):\n%s", diff)
	}
}
