// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package targeting_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/flipper-go/flipper/targeting"
)

func ExampleParseCondition() {
	condition, err := targeting.ParseCondition(`{"age": [{"variable": "age", "value": 18, "operator": "gte"}]}`)
	fmt.Println(err)
	for _, check := range condition.Checks() {
		fmt.Println(check.Variable, check.Operator, check.Value)
	}
	// Output:
	// <nil>
	// age gte 18
}

func ExampleParseConditions() {
	conditions, err := targeting.ParseConditions(`[{"plan": [{"variable": "plan", "value": "pro", "operator": null}]}, {}]`)
	fmt.Println(len(conditions), err)
	fmt.Println(conditions[0].JSON())
	// Output:
	// 2 <nil>
	// {"plan": [{"variable": "plan", "value": "pro", "operator": null}]}
}

func ExampleCondition_Err() {
	condition := targeting.NewCondition(targeting.Greater("age", []int{18}))
	fmt.Println(errors.Is(condition.Err(), targeting.ErrInvalid))
	// Output: true
}

func ExampleParseBucketer() {
	b, err := targeting.ParseBucketer(`{"type": "ConsistentHashPercentageBucketer",
		"percentage": {"type": "Percentage", "value": 0.5}, "key_whitelist": ["user_id"]}`, time.Now())
	fmt.Println(b.Type(), b.Keys(), err)
	fmt.Println(b.Percentage())
	// Output:
	// ConsistentHashPercentageBucketer [user_id] <nil>
	// {"type": "Percentage", "value": 0.5}
}

func ExampleBucketer_Bucket() {
	b := targeting.NewConsistentHashBucketer(targeting.FixedPercentage(0.5), "user_id")
	for _, id := range []int64{1, 2} {
		r := &targeting.Request{Attrs: []targeting.Attr{{Name: "user_id", Value: targeting.Int(id)}}}
		on, _, _ := targeting.Evaluate(true, nil, b, r)
		fmt.Println(id, b.Bucket(r), on)
	}
	// Output:
	// 1 48 true
	// 2 94 false
}

func ExampleParsePercentage() {
	p, err := targeting.ParsePercentage(`{"type": "LinearRampPercentage", "initial_value": 0.2, "final_value": 0.8,
		"ramp_duration": 1800, "initial_time": 1700000000}`, time.Now())
	fmt.Println(p.IsRamp(), err)
	halfway := time.Unix(1700000900, 0)
	fmt.Println(p.Value(halfway))
	// Output:
	// true <nil>
	// 0.5 <nil>
}

func ExampleParseOperator() {
	operator, err := targeting.ParseOperator("not_in")
	fmt.Println(operator == targeting.OpNotIn, err)
	_, err = targeting.ParseOperator("like")
	fmt.Println(err)
	// Output:
	// true <nil>
	// invalid operator "like" (use one of eq ne gt gte lt lte in not_in)
}

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
	// true false
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
