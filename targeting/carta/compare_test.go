// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package carta

import (
	"strings"
	"testing"

	"github.com/flipper-go/flipper/targeting"
)

// Equality of objects and membership in lists take another way when they are
// large. It must not be seen.
func TestLargeValuesCompareAsSmallOnes(t *testing.T) {
	scalars := []targeting.JSON{
		`null`, `true`, `false`, `1`, `0`, `-0.0`, `1.0`, `1.5`, `-1`, `"1"`, `""`, `"true"`, `NaN`, `Infinity`, `-Infinity`,
		`9007199254740993`, `9007199254740992.0`, `9223372036854775807`, `9223372036854775808`, `9223372036854775808.0`,
		`-9223372036854775808`, `-9223372036854775808.0`, `-9223372036854775809`, `18446744073709551616`,
		`18446744073709551616.0`, `1e300`, `1` + targeting.JSON(strings.Repeat("0", 300)), `1` + targeting.JSON(strings.Repeat("0", 400)),
		`[]`, `[1]`, `{}`, `{"a": 1}`,
	}
	values := make([]targeting.Value, len(scalars))
	for i, text := range scalars {
		var err error
		if values[i], err = targeting.ParseJSON(text); err != nil {
			t.Fatal(err)
		}
	}
	filler := make([]any, 20)
	for i := range filler {
		filler[i] = targeting.Text(strings.Repeat("filler", i+1))
	}
	object := func(v targeting.Value) targeting.Value {
		var members []targeting.Member
		for i := range filler {
			members = append(members, targeting.Member{Key: strings.Repeat("k", i+1), Value: targeting.Int(int64(i))})
		}
		return targeting.Object(append(members, targeting.Member{Key: "v", Value: v})...)
	}
	for i, element := range values {
		for j, attribute := range values {
			want := equal(element, attribute)
			if got := equal(attribute, element); got != want {
				t.Errorf("%s equals %s: %t, the other way round %t", scalars[i], scalars[j], want, got)
			}
			if got := equal(object(element), object(attribute)); got != want {
				t.Errorf("large objects with %s and %s: equal %t, want %t", scalars[i], scalars[j], got, want)
			}
			r := &targeting.Request{Attrs: []targeting.Attr{{Name: "a", Value: attribute}}}
			list := append([]any{element}, filler...)
			in, _, err := Evaluate(true, []Condition{NewCondition(In("a", list...))}, NoBucketer(), r)
			out, _, err2 := Evaluate(true, []Condition{NewCondition(NotIn("a", list...))}, NoBucketer(), r)
			if err != nil || err2 != nil || in != want || out == want {
				t.Errorf("%s in a long list with %s: %t, not in %t, want %t, %t (%v, %v)", scalars[j], scalars[i], in, out, want, !want, err, err2)
			}
		}
	}
}
