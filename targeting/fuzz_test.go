// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package targeting_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/flipper-go/flipper/internal/vectors"
	"github.com/flipper-go/flipper/targeting"
)

// FuzzValueJSON: what is read is what JSON allows, and what is written reads back
// as the same.
func FuzzValueJSON(f *testing.F) {
	for _, c := range vectors.Cases[struct{ Serialized string }](f, "hashing.json") {
		f.Add(c.Serialized)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := targeting.ParseJSON(targeting.JSON(text))
		if err != nil {
			if !errors.Is(err, targeting.ErrInvalid) {
				t.Fatalf("error %v does not match ErrInvalid", err)
			}
			limited := strings.Contains(err.Error(), "nested more than") || strings.Contains(err.Error(), "digits")
			if json.Valid([]byte(text)) && utf8.ValidString(text) && !limited {
				t.Fatalf("JSON is refused: %v", err)
			}
			return
		}
		// Python's json reads three words more than JSON has.
		if !json.Valid([]byte(text)) && !strings.Contains(text, "NaN") && !strings.Contains(text, "Infinity") {
			t.Fatal("what is not JSON is accepted")
		}
		written := v.AppendJSON(nil)
		if i := bytes.IndexFunc(written, func(r rune) bool { return r < ' ' || r > '~' }); i >= 0 {
			t.Fatalf("byte %d of %q is not printable ASCII", i, written)
		}
		again, err := targeting.ParseJSON(targeting.JSON(written))
		if err != nil {
			t.Fatalf("what was written, %s, is refused: %v", written, err)
		}
		if rewritten := again.AppendJSON(nil); !bytes.Equal(written, rewritten) {
			t.Fatalf("written %s, then %s", written, rewritten)
		}
		if !strings.Contains(string(written), "NaN") && !again.Equal(v) {
			t.Fatalf("%s does not read back as equal", written)
		}
	})
}

// FuzzFields: what is skipped is what can be read, and members within members are
// those that reading them by themselves gives.
func FuzzFields(f *testing.F) {
	for _, text := range []string{
		`{"meta": {"a": 1, "b": [2.5e3, "x"]}, "other": null}`,
		`{"meta": {"a": 1}, "meta": {"b": -Infinity}}`,
		`{"meta": {"a": 1, "a": 2}, "meta": 3}`,
		`{"meta": [1], "meta": {}}`,
		` { "met\u0061" : { "meta" : {"a": 1} } } `,
		`{"meta": {"a": ` + strings.Repeat("9", 4301) + `}}`,
		`{"meta": {"a": 01}}`, `{"meta": {"a": 1}`, `{"meta": {"a": 1}} x`, `{"meta": {"a"}}`, `[]`,
		`{"meta": {"0":0,"1":1,"2":2,"3":3,"4":4,"5":5,"6":6,"7":7,"8":8,"9":9,"a":0,"b":1,"c":2,"d":3,"e":4,"f":5,"g":6,"a":7,"g":8}}`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, readErr := targeting.ParseJSON(targeting.JSON(text))
		fields, err := targeting.SplitObject(targeting.JSON(text))
		if readErr == nil && v.Kind() == targeting.KindObject != (err == nil) || readErr != nil && err == nil {
			t.Fatalf("read: %v, split: %v", readErr, err)
		}
		before := []targeting.Field{{Name: "a", Value: "0"}}
		outer, inner, withinErr := targeting.AppendFieldsWithin(before, before, targeting.JSON(text), "meta")
		if (err == nil) != (withinErr == nil) {
			t.Fatalf("split: %v, within: %v", err, withinErr)
		}
		if err != nil {
			return
		}
		want, _ := targeting.SplitObject(targeting.GetField(fields, "meta"))
		if !slices.Equal(outer[1:], fields) || !slices.Equal(inner[1:], want) || outer[0] != before[0] || inner[0] != before[0] {
			t.Fatalf("%v and %v, want %v and %v", outer, inner, fields, want)
		}
	})
}
