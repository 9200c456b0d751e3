// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package targeting_test

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
)

func TestAppendText(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", `""`},
		{"plain ~", `"plain ~"`},
		{"\"\\/", `"\"\\/"`},
		{"\b\f\n\r\t\x00\x1f\x7f", `"\b\f\n\r\t\u0000\u001f\u007f"`},
		{"é\u2028<&>", `"\u00e9\u2028<&>"`},
		{"\U0001F600", `"\ud83d\ude00"`},
		{"a\xffb\xc3", `"a\ufffdb\ufffd"`}, // not UTF-8: replaced
		{"\xed\xa0\x80", `"\ud800"`},       // a lone surrogate, as the reader keeps it
		{"\xed\xbf\xbfx", `"\udfffx"`},
		{"\xed\xa0", `"\ufffd\ufffd"`}, // half of one
	} {
		if got := string(targeting.AppendText([]byte("> "), c.text)); got != "> "+c.want {
			t.Errorf("%q: %s, want %s", c.text, got[2:], c.want)
		}
	}
}

// Lone surrogates come back as they were, though UTF-8 has none.
func TestLoneSurrogates(t *testing.T) {
	for _, text := range []targeting.JSON{
		`"\ud800"`, `"\udfff"`, `"\ude00\ud83d"`, `"\ud83d\ud83d\ude00"`, `"\ud83d\n"`, `"\ud83dA"`, `{"\udc00": "\udbff"}`,
	} {
		v, err := targeting.ParseJSON(text)
		if err != nil || v.String() != string(text) {
			t.Errorf("%s comes back as %s, %v", text, v, err)
		}
	}
	// They are not valid text for what a caller makes, though.
	v, _ := targeting.ParseJSON(`"\ud800"`)
	if err := carta.NewCondition(carta.Equal("a", v)).Err(); !errors.Is(err, targeting.ErrInvalid) {
		t.Errorf("a lone surrogate in a new check: %v, want ErrInvalid", err)
	}
}

func TestSplitObject(t *testing.T) {
	for _, c := range []struct {
		text targeting.JSON
		want []targeting.Field
	}{
		{` { } `, nil},
		{`{"a":1.50,"b" : [ 1 , 2 ] ,"":"\u0041"}`, []targeting.Field{{"a", `1.50`}, {"b", `[ 1 , 2 ]`}, {"", `"\u0041"`}}},
		{`{"a": 1, "b": 2, "a": {"a": 3}}`, []targeting.Field{{"a", `{"a": 3}`}, {"b", `2`}}},
		{`{"\u0061": 1, "a": NaN}`, []targeting.Field{{"a", `NaN`}}},
	} {
		got, err := targeting.SplitObject(c.text)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, %v, want %q", c.text, got, err, c.want)
		}
	}
	for _, text := range []targeting.JSON{
		``, ` `, `null`, `[]`, `"{}"`, `{`, `{"a"}`, `{"a":}`, `{"a" 1}`, `{a: 1}`, `{"a": 1,}`, `{"a": 1} 2`, `{"a": 1 "b": 2}`,
		"{\"\xff\": 1}", "{\"a\": \"\xed\xa0\x80\"}",
	} {
		if fields, err := targeting.SplitObject(text); !errors.Is(err, targeting.ErrInvalid) {
			t.Errorf("%s: %q, %v, want ErrInvalid", text, fields, err)
		}
	}
}

func TestFields(t *testing.T) {
	fields, err := targeting.SplitObject(`{"a": 1, "b": [ ]}`)
	if err != nil {
		t.Fatal(err)
	}
	if got := targeting.GetField(fields, "b") + targeting.GetField(fields, "c"); got != `[ ]` {
		t.Errorf("fields b and c: %s", got)
	}
	fields = targeting.SetField(targeting.SetField(fields, "a", "2"), "é", "{}")
	if got := string(targeting.AppendObject(nil, fields)); got != `{"a": 2, "b": [ ], "\u00e9": {}}` {
		t.Error(got)
	}
}

func TestParseJSONRefuses(t *testing.T) {
	for _, text := range []targeting.JSON{
		``, ` `, `nul`, `True`, `+1`, `01`, `-`, `.5`, `1.`, `1e`, `1e+`, `--1`, `-infinity`, `[1,]`, `[1 2]`, `[`, `]`, `"`, `"\`,
		`"\x"`, `"\u12"`, `"\u12g4"`, "\"\n\"", "\"\x00\"", `'a'`, `1 1`, `"a" "b"`, "\ufeff1", "\xff", `/**/1`, `nullx`,
		targeting.JSON(strings.Repeat("9", 4301)),
		targeting.JSON("[" + strings.Repeat("-9", 1) + strings.Repeat("9", 4300) + "]"),
	} {
		if v, err := targeting.ParseJSON(text); !errors.Is(err, targeting.ErrInvalid) {
			t.Errorf("%.40s: %s, %v, want ErrInvalid", text, v, err)
		}
	}
}

func TestParseJSONDepth(t *testing.T) {
	nested := func(n int) targeting.JSON {
		return targeting.JSON(strings.Repeat(`[{"": `, n/2) + "1" + strings.Repeat("}]", n/2))
	}
	if v, err := targeting.ParseJSON(nested(500)); err != nil {
		t.Error(err)
	} else if _, err := targeting.ParseJSON(targeting.JSON(v.String())); err != nil {
		t.Error(err)
	}
	if _, err := targeting.ParseJSON(nested(502)); !errors.Is(err, targeting.ErrInvalid) {
		t.Errorf("502 deep: %v, want ErrInvalid", err)
	}
}

// TestAppendFields has fields behind others, few and many, and some twice.
func TestAppendFields(t *testing.T) {
	before := []targeting.Field{{Name: "a", Value: "before"}}
	for _, n := range []int{0, 1, 3, 15, 16, 17, 40} {
		var text strings.Builder
		want := slices.Clone(before)
		for i := range n {
			fmt.Fprintf(&text, `, "%d": %d`, i, i)
			want = append(want, targeting.Field{Name: strconv.Itoa(i), Value: targeting.JSON(strconv.Itoa(i))})
		}
		for i := range n / 2 { // the last value counts, at the place of the first
			fmt.Fprintf(&text, `, "%d": [%d]`, i, i)
			want[1+i].Value = targeting.JSON(fmt.Sprintf("[%d]", i))
		}
		got, err := targeting.AppendFields(slices.Clone(before), targeting.JSON("{"+strings.TrimPrefix(text.String(), ",")+"}"))
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%d fields: %v, %v\nwant %v", n, got, err, want)
		}
	}
	if fields, err := targeting.AppendFields(before, `{"b": }`); fields != nil || !errors.Is(err, targeting.ErrInvalid) {
		t.Errorf("invalid: %v, %v", fields, err)
	}
}
