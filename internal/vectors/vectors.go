// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package vectors reads the golden vectors in testdata/vectors, which were made
// by running the Python client. Only tests import it.
package vectors

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/flipper-go/flipper/targeting"
)

// Cases returns the cases of a file, such as "hashing.json", decoded into T.
func Cases[T any](t testing.TB, file string) []T {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	text, err := os.ReadFile(filepath.Join(filepath.Dir(here), "../../testdata/vectors", file))
	if err != nil {
		t.Fatal(err)
	}
	var all struct{ Cases []T }
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&all); err != nil {
		t.Fatal(err)
	}
	if len(all.Cases) == 0 {
		t.Fatalf("%s has no cases", file)
	}
	return all.Cases
}

// Attrs reads an object of attributes, keeping its order.
func Attrs(t testing.TB, text json.RawMessage) []targeting.Attr {
	t.Helper()
	var attrs []targeting.Attr
	for _, m := range Value(t, text).Members() {
		attrs = append(attrs, targeting.Attr{Name: m.Key, Value: m.Value})
	}
	return attrs
}

// Value reads a value. Floats that are not finite stand as {"$float": "NaN"}.
func Value(t testing.TB, text json.RawMessage) targeting.Value {
	t.Helper()
	v, err := targeting.ParseJSON(targeting.JSON(text))
	if err != nil {
		t.Fatal(err)
	}
	return notFinite(v)
}

func notFinite(v targeting.Value) targeting.Value {
	switch v.Kind() {
	case targeting.KindList:
		var list []targeting.Value
		for _, element := range v.Elements() {
			list = append(list, notFinite(element))
		}
		return targeting.List(list...)
	case targeting.KindObject:
		var members []targeting.Member
		for _, m := range v.Members() {
			if m.Key == "$float" {
				switch m.Value.Any() {
				case "NaN":
					return targeting.Float(math.NaN())
				case "Infinity":
					return targeting.Float(math.Inf(1))
				case "-Infinity":
					return targeting.Float(math.Inf(-1))
				}
			}
			members = append(members, targeting.Member{Key: m.Key, Value: notFinite(m.Value)})
		}
		return targeting.Object(members...)
	}
	return v
}
