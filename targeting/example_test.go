// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package targeting_test

import (
	"fmt"

	"github.com/flipper-go/flipper/targeting"
)

func ExampleValue() {
	v := targeting.Object(
		targeting.Member{Key: "text", Value: targeting.Text("ü")},
		targeting.Member{Key: "numbers", Value: targeting.List(targeting.Int(1), targeting.Float(1), targeting.Uint(1<<63))},
		targeting.Member{Key: "none", Value: targeting.Null()},
	)
	fmt.Println(v.Kind(), v)
	numbers := v.Members()[1].Value.Elements()
	fmt.Println(numbers[0].Equal(numbers[1]), numbers[0].Kind(), numbers[1].Kind(), numbers[2].Any())
	fmt.Println(targeting.Bool(true).Equal(targeting.Int(1)), targeting.Text("1").Equal(targeting.Int(1)))
	// Output:
	// object {"text": "\u00fc", "numbers": [1, 1.0, 9223372036854775808], "none": null}
	// true int float 9223372036854775808
	// false false
}

func ExampleSplitObject() {
	fields, err := targeting.SplitObject(`{"a": 1.50, "b": [ 2 ]}`)
	fmt.Println(targeting.GetField(fields, "a"), targeting.GetField(fields, "b"), err)
	fields = targeting.SetField(fields, "c", "true")
	fmt.Println(string(targeting.AppendObject(nil, fields)))
	// Output:
	// 1.50 [ 2 ] <nil>
	// {"a": 1.50, "b": [ 2 ], "c": true}
}

func ExampleAppendFields() {
	var space [8]targeting.Field // saves an allocation
	fields, err := targeting.AppendFields(space[:0], `{"user_id": 42, "plan": "pro"}`)
	fmt.Println(targeting.GetField(fields, "plan"), err)
	// Output: "pro" <nil>
}

func ExampleValue_AsText() {
	text, ok := targeting.Text("pro").AsText()
	fmt.Println(text, ok)
	_, ok = targeting.Int(1).AsText()
	fmt.Println(ok)
	// Output:
	// pro true
	// false
}

func ExampleValueOf() {
	for _, value := range []any{1, 1.0, "1", []any{true, nil}, map[string]int{"b": 2, "a": 1}, []byte("?")} {
		v, err := targeting.ValueOf(value)
		fmt.Println(v.Kind(), v, err)
	}
	// Output:
	// int 1 <nil>
	// float 1.0 <nil>
	// text "1" <nil>
	// list [true, null] <nil>
	// object {"a": 1, "b": 2} <nil>
	// null null invalid: a []uint8 has no JSON form (use nil, bool, ints, floats, string, slices and maps with string keys)
}

func ExampleParseJSON() {
	v, err := targeting.ParseJSON(`{"large": 12345678901234567890, "whole": 1.0, "text": "\u00e9"}`)
	fmt.Println(v, err)
	_, err = targeting.ParseJSON(`[1, 2`)
	fmt.Println(err)
	// Output:
	// {"large": 12345678901234567890, "whole": 1.0, "text": "\u00e9"} <nil>
	// invalid JSON at byte 5: a comma or ']' is needed
}
