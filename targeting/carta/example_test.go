// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package carta_test

import (
	"fmt"
	"time"

	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
)

// on says whether an enabled flag with one condition is on for a request with
// one attribute.
func on(check carta.Check, name string, value any) bool {
	v, err := targeting.ValueOf(value)
	if err != nil {
		return false
	}
	r := &targeting.Request{Attrs: []targeting.Attr{{Name: name, Value: v}}}
	is, _, err := carta.Evaluate(true, []carta.Condition{carta.NewCondition(check)}, carta.NoBucketer(), r)
	return is && err == nil
}

func ExampleEvaluate() {
	adults := carta.NewCondition(carta.GreaterOrEqual("age", 18))
	request := &targeting.Request{Attrs: []targeting.Attr{{Name: "age", Value: targeting.Int(20)}}}

	fmt.Println(carta.Evaluate(true, []carta.Condition{adults}, carta.NoBucketer(), request))
	fmt.Println(carta.Evaluate(false, []carta.Condition{adults}, carta.NoBucketer(), request))
	fmt.Println(carta.Evaluate(true, nil, carta.NoBucketer(), request))
	// Output:
	// true TARGETING_MATCH <nil>
	// false DISABLED <nil>
	// true STATIC <nil>
}

func ExampleNewCondition() {
	c := carta.NewCondition(
		carta.GreaterOrEqual("age", 18),
		carta.In("plan", "pro", "team"),
	)
	fmt.Println(c.Err())
	fmt.Println(c)
	// Output:
	// <nil>
	// {"age": [{"variable": "age", "value": 18, "operator": "gte"}], "plan": [{"variable": "plan", "value": ["pro", "team"], "operator": "in"}]}
}

func ExampleNewCondition_refused() {
	fmt.Println(carta.NewCondition(carta.Equal("plan", []string{"pro", "team"})).Err())
	// Output: invalid check on "plan": a list where a scalar belongs (for one of several values, use In or NotIn)
}

func ExampleNewCheck() {
	substring := carta.NewCheck("plan", carta.OpIn, "free, trial")
	fmt.Println(on(substring, "plan", "trial"), on(substring, "plan", "pro"))
	// Output: true false
}

func ExampleEqual() {
	check := carta.Equal("plan", "pro")
	fmt.Println(on(check, "plan", "pro"), on(check, "plan", "free"))
	// A check on an attribute that is not given is passed.
	fmt.Println(on(check, "user_id", 1))
	// Output:
	// true false
	// true
}

func ExampleNotEqual() {
	check := carta.NotEqual("country", "XX")
	fmt.Println(on(check, "country", "CH"), on(check, "country", "XX"))
	// Output: true false
}

func ExampleGreater() {
	check := carta.Greater("age", 18)
	fmt.Println(on(check, "age", 18.5), on(check, "age", 18))
	// Output: true false
}

func ExampleGreaterOrEqual() {
	check := carta.GreaterOrEqual("version", "2024-06")
	fmt.Println(on(check, "version", "2024-10"), on(check, "version", "2023-12"))
	// Output: true false
}

func ExampleLess() {
	check := carta.Less("age", 65)
	fmt.Println(on(check, "age", 64), on(check, "age", 65))
	// Output: true false
}

func ExampleLessOrEqual() {
	check := carta.LessOrEqual("age", 65)
	fmt.Println(on(check, "age", 65), on(check, "age", 66))
	// Output: true false
}

func ExampleIn() {
	check := carta.In("user_id", 7, 42)
	fmt.Println(on(check, "user_id", 42), on(check, "user_id", 43))
	// Output: true false
}

func ExampleNotIn() {
	check := carta.NotIn("country", "XX", "YY")
	fmt.Println(on(check, "country", "CH"), on(check, "country", "YY"))
	// Output: true false
}

func ExampleParseCheckKey() {
	for _, key := range []string{"plan", "age__gte", "a__b__gte", "age__above"} {
		variable, operator, err := carta.ParseCheckKey(key)
		fmt.Println(variable, operator, err)
	}
	// Output:
	// plan eq <nil>
	// age gte <nil>
	// a__b__gte eq <nil>
	//  eq check key "age__above": invalid operator "above" (use one of eq ne gt gte lt lte in not_in)
}

func ExampleNewConsistentHashBucketer() {
	half := carta.NewConsistentHashBucketer(carta.FixedPercentage(0.5), "user_id")
	for user := range int64(3) {
		r := &targeting.Request{Attrs: []targeting.Attr{{Name: "user_id", Value: targeting.Int(user)}}}
		on, reason, _ := carta.Evaluate(true, nil, half, r)
		fmt.Println("user", user, "in bucket", half.Bucket(r), on, reason)
	}
	// Output:
	// user 0 in bucket 48 true SPLIT
	// user 1 in bucket 48 true SPLIT
	// user 2 in bucket 94 false SPLIT
}

func ExampleNewPercentageBucketer() {
	tenth := carta.NewPercentageBucketer(carta.FixedPercentage(0.1))
	r := &targeting.Request{Random: 0.07, Drawn: true} // usually left to Evaluate
	fmt.Println(carta.Evaluate(true, nil, tenth, r))
	// Output: true SPLIT <nil>
}

func ExampleNoBucketer() {
	fmt.Println(carta.NoBucketer(), carta.NoBucketer().IsNoOp())
	// Output: {"type": "NoOpBucketer"} true
}

func ExampleFixedPercentage() {
	fmt.Println(carta.FixedPercentage(0.1))
	fmt.Println(carta.FixedPercentage(10).Err())
	// Output:
	// {"type": "Percentage", "value": 0.1}
	// invalid percentage: 10 is not from 0 to 1 (for 10 %, write 0.1)
}

func ExampleLinearRamp() {
	start := time.Date(2026, time.January, 5, 9, 0, 0, 0, time.UTC)
	ramp := carta.LinearRamp(0, 0.5, start, time.Hour)
	for _, minutes := range []time.Duration{0, 30, 60, 90} {
		share, err := ramp.Value(start.Add(minutes * time.Minute))
		fmt.Println(share, err)
	}
	// Output:
	// 0.0 <nil>
	// 0.25 <nil>
	// 0.5 <nil>
	// 0.5 <nil>
}
