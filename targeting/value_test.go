// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package targeting_test

import (
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/flipper-go/flipper/targeting"
)

type (
	plan   string
	level  int16
	flags  map[plan]bool
	nested struct{ Name string }
)

func TestValueOf(t *testing.T) {
	text, number := "x", 7
	pointer := &number
	var none *int
	var nothing any
	huge, _ := new(big.Int).SetString("123456789012345678901234567890", 10)
	for _, c := range []struct {
		value any
		want  string
	}{
		{nil, "null"},
		{none, "null"},
		{&nothing, "null"},
		{true, "true"},
		{int(-1), "-1"},
		{int8(-8), "-8"},
		{int16(-16), "-16"},
		{int32(-32), "-32"},
		{int64(math.MinInt64), "-9223372036854775808"},
		{uint(1), "1"},
		{uint8(8), "8"},
		{uint16(16), "16"},
		{uint32(32), "32"},
		{uint64(math.MaxUint64), "18446744073709551615"},
		{uintptr(9), "9"},
		{huge, huge.String()},
		{big.NewInt(5), "5"},
		{(*big.Int)(nil), "0"},
		{float32(0.5), "0.5"},
		{1.0, "1.0"},
		{math.NaN(), "NaN"},
		{math.Inf(-1), "-Infinity"},
		{text, `"x"`},
		{plan("pro"), `"pro"`},
		{level(3), "3"},
		{time.Second, "1000000000"}, // a Duration is an int64
		{json.Number("1.0"), "1.0"},
		{json.Number("12345678901234567890"), "12345678901234567890"},
		{json.RawMessage(`{"b": 1, "a": [1.0]}`), `{"b": 1, "a": [1.0]}`},
		{targeting.JSON("Infinity"), "Infinity"},
		{targeting.Text("v"), `"v"`},
		{&text, `"x"`},
		{&pointer, "7"},
		{[]int{1, 2}, "[1, 2]"},
		{[2]string{"a", "b"}, `["a", "b"]`},
		{[]any{1, 1.0, "1", nil}, `[1, 1.0, "1", null]`},
		{[]int(nil), "[]"},
		{map[string]int{"b": 2, "a": 1}, `{"a": 1, "b": 2}`},
		{flags{"on": true}, `{"on": true}`},
		{map[string]any{"": []any{}}, `{"": []}`},
		{map[string]int(nil), "{}"},
	} {
		v, err := targeting.ValueOf(c.value)
		if err != nil || v.String() != c.want {
			t.Errorf("%T %[1]v: %s, %v, want %s", c.value, v, err, c.want)
		}
	}
}

func TestValueOfRefuses(t *testing.T) {
	loop := map[string]any{}
	loop["self"] = loop
	list := make([]any, 2)
	list[0], list[1] = list, list
	var pointer any
	pointer = &pointer
	for name, value := range map[string]any{
		"struct":       nested{"x"},
		"time":         time.Unix(0, 0),
		"bytes":        []byte("text or ints?"),
		"byte array":   [2]byte{1, 2},
		"int keys":     map[int]string{1: "a"},
		"func":         func() {},
		"chan":         make(chan int),
		"complex":      1i,
		"in a list":    []any{1, nested{}},
		"in a map":     map[string]any{"a": map[string]any{"b": nested{}}},
		"not a number": json.Number("one"),
		"not JSON":     json.RawMessage(`{"a": }`),
		"empty JSON":   targeting.JSON(""),
		"map in self":  loop,
		"list in self": list,
		"pointer loop": pointer,
	} {
		if v, err := targeting.ValueOf(value); !errors.Is(err, targeting.ErrInvalid) {
			t.Errorf("%s: %s, %v, want ErrInvalid", name, v, err)
		}
	}
}

func TestValueOfDepth(t *testing.T) {
	var value any = "x"
	for depth := 1; depth <= 501; depth++ {
		value = []any{value}
		if _, err := targeting.ValueOf(value); (err == nil) != (depth <= 500) {
			t.Errorf("%d deep: %v", depth, err)
		}
	}
}

func TestValueAny(t *testing.T) {
	for _, text := range []targeting.JSON{
		`null`, `true`, `-9223372036854775808`, `9223372036854775808`, `1.0`, `1e+300`, `"é"`,
		`[]`, `[1, [2.0]]`, `{}`, `{"a": {"b": [null]}, "c": 1}`,
	} {
		v, err := targeting.ParseJSON(text)
		if err != nil {
			t.Fatal(err)
		}
		again, err := targeting.ValueOf(v.Any())
		if err != nil || again.String() != v.String() {
			t.Errorf("%s comes back as %s, %v", v, again, err)
		}
	}
}

// A value is not changed through what it was made of, nor through what it gives.
func TestValueIsIndependent(t *testing.T) {
	i, _ := new(big.Int).SetString("10000000000000000000000", 10)
	v := targeting.BigInt(i)
	i.SetInt64(1)
	given, ok := v.Any().(*big.Int)
	if !ok {
		t.Fatalf("%T", v.Any())
	}
	given.SetInt64(2)
	if v.String() != "10000000000000000000000" {
		t.Errorf("the value became %s", v)
	}
}

func TestObjectWithRepeatedKeys(t *testing.T) {
	for _, n := range []int{3, 30} { // few are compared, many go through a map
		var members []targeting.Member
		for i := range n {
			members = append(members, targeting.Member{Key: strings.Repeat("k", 1+i%2), Value: targeting.Int(int64(i))})
		}
		want := map[int]string{3: `{"k": 2, "kk": 1}`, 30: `{"k": 28, "kk": 29}`}[n]
		if got := targeting.Object(members...).String(); got != want {
			t.Errorf("%d members: %s, want %s", n, got, want)
		}
	}
}

func TestKindString(t *testing.T) {
	if got := targeting.KindObject.String() + " " + targeting.Kind(99).String(); got != "object Kind(99)" {
		t.Error(got)
	}
}

func TestAsText(t *testing.T) {
	for _, c := range []struct {
		v    targeting.Value
		text string
		ok   bool
	}{
		{targeting.Text("pro"), "pro", true},
		{targeting.Text(""), "", true},
		{targeting.Null(), "", false},
		{targeting.Int(1), "", false},
		{targeting.List(targeting.Text("pro")), "", false},
	} {
		if text, ok := c.v.AsText(); text != c.text || ok != c.ok {
			t.Errorf("%s: %q, %t", c.v, text, ok)
		}
	}
}
