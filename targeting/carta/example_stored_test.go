// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package carta_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
)

func ExampleParseCondition() {
	condition, err := carta.ParseCondition(`{"age": [{"variable": "age", "value": 18, "operator": "gte"}]}`)
	fmt.Println(err)
	for _, check := range condition.Checks() {
		fmt.Println(check.Variable, check.Operator, check.Value)
	}
	// Output:
	// <nil>
	// age gte 18
}

func ExampleParseConditions() {
	conditions, err := carta.ParseConditions(`[{"plan": [{"variable": "plan", "value": "pro", "operator": null}]}, {}]`)
	fmt.Println(len(conditions), err)
	fmt.Println(conditions[0].JSON())
	// Output:
	// 2 <nil>
	// {"plan": [{"variable": "plan", "value": "pro", "operator": null}]}
}

func ExampleCondition_Err() {
	condition := carta.NewCondition(carta.Greater("age", []int{18}))
	fmt.Println(errors.Is(condition.Err(), targeting.ErrInvalid))
	// Output: true
}

func ExampleParseBucketer() {
	b, err := carta.ParseBucketer(`{"type": "ConsistentHashPercentageBucketer",
		"percentage": {"type": "Percentage", "value": 0.5}, "key_whitelist": ["user_id"]}`, time.Now())
	fmt.Println(b.Type(), b.Keys(), err)
	fmt.Println(b.Percentage())
	// Output:
	// ConsistentHashPercentageBucketer [user_id] <nil>
	// {"type": "Percentage", "value": 0.5}
}

func ExampleBucketer_Bucket() {
	b := carta.NewConsistentHashBucketer(carta.FixedPercentage(0.5), "user_id")
	for _, id := range []int64{1, 2} {
		r := &targeting.Request{Attrs: []targeting.Attr{{Name: "user_id", Value: targeting.Int(id)}}}
		on, _, _ := carta.Evaluate(true, nil, b, r)
		fmt.Println(id, b.Bucket(r), on)
	}
	// Output:
	// 1 48 true
	// 2 94 false
}

func ExampleParsePercentage() {
	p, err := carta.ParsePercentage(`{"type": "LinearRampPercentage", "initial_value": 0.2, "final_value": 0.8,
		"ramp_duration": 1800, "initial_time": 1700000000}`, time.Now())
	fmt.Println(p.IsRamp(), err)
	halfway := time.Unix(1700000900, 0)
	fmt.Println(p.Value(halfway))
	// Output:
	// true <nil>
	// 0.5 <nil>
}

func ExampleParseOperator() {
	operator, err := carta.ParseOperator("not_in")
	fmt.Println(operator == carta.OpNotIn, err)
	_, err = carta.ParseOperator("like")
	fmt.Println(err)
	// Output:
	// true <nil>
	// invalid operator "like" (use one of eq ne gt gte lt lte in not_in)
}
