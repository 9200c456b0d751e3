// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package targeting_test

import (
	"fmt"
	"time"

	"github.com/flipper-go/flipper/targeting"
)

// on says whether an enabled flag with one condition is on for a request with
// one attribute.
func on(check targeting.Check, name string, value any) bool {
	v, err := targeting.ValueOf(value)
	if err != nil {
		return false
	}
	r := &targeting.Request{Attrs: []targeting.Attr{{Name: name, Value: v}}}
	is, _, err := targeting.Evaluate(true, []targeting.Condition{targeting.NewCondition(check)}, targeting.NoBucketer(), r)
	return is && err == nil
}

func ExampleEvaluate() {
	adults := targeting.NewCondition(targeting.GreaterOrEqual("age", 18))
	request := &targeting.Request{Attrs: []targeting.Attr{{Name: "age", Value: targeting.Int(20)}}}

	fmt.Println(targeting.Evaluate(true, []targeting.Condition{adults}, targeting.NoBucketer(), request))
	fmt.Println(targeting.Evaluate(false, []targeting.Condition{adults}, targeting.NoBucketer(), request))
	fmt.Println(targeting.Evaluate(true, nil, targeting.NoBucketer(), request))
	// Output:
	// true TARGETING_MATCH <nil>
	// false DISABLED <nil>
	// true STATIC <nil>
}

func ExampleNewCondition() {
	c := targeting.NewCondition(
		targeting.GreaterOrEqual("age", 18),
		targeting.In("plan", "pro", "team"),
	)
	fmt.Println(c.Err())
	fmt.Println(c)
	// Output:
	// <nil>
	// {"age": [{"variable": "age", "value": 18, "operator": "gte"}], "plan": [{"variable": "plan", "value": ["pro", "team"], "operator": "in"}]}
}

func ExampleNewCondition_refused() {
	fmt.Println(targeting.NewCondition(targeting.Equal("plan", []string{"pro", "team"})).Err())
	// Output: invalid check on "plan": a list where a scalar belongs (for one of several values, use In or NotIn)
}

func ExampleNewCheck() {
	substring := targeting.NewCheck("plan", targeting.OpIn, "free, trial")
	fmt.Println(on(substring, "plan", "trial"), on(substring, "plan", "pro"))
	// Output: true false
}

func ExampleEqual() {
	check := targeting.Equal("plan", "pro")
	fmt.Println(on(check, "plan", "pro"), on(check, "plan", "free"))
	// A check on an attribute that is not given is passed.
	fmt.Println(on(check, "user_id", 1))
	// Output:
	// true false
	// true
}

func ExampleNotEqual() {
	check := targeting.NotEqual("country", "XX")
	fmt.Println(on(check, "country", "CH"), on(check, "country", "XX"))
	// Output: true false
}

func ExampleGreater() {
	check := targeting.Greater("age", 18)
	fmt.Println(on(check, "age", 18.5), on(check, "age", 18))
	// Output: true false
}

func ExampleGreaterOrEqual() {
	check := targeting.GreaterOrEqual("version", "2024-06")
	fmt.Println(on(check, "version", "2024-10"), on(check, "version", "2023-12"))
	// Output: true false
}

func ExampleLess() {
	check := targeting.Less("age", 65)
	fmt.Println(on(check, "age", 64), on(check, "age", 65))
	// Output: true false
}

func ExampleLessOrEqual() {
	check := targeting.LessOrEqual("age", 65)
	fmt.Println(on(check, "age", 65), on(check, "age", 66))
	// Output: true false
}

func ExampleIn() {
	check := targeting.In("user_id", 7, 42)
	fmt.Println(on(check, "user_id", 42), on(check, "user_id", 43))
	// Output: true false
}

func ExampleNotIn() {
	check := targeting.NotIn("country", "XX", "YY")
	fmt.Println(on(check, "country", "CH"), on(check, "country", "YY"))
	// Output: true false
}

func ExampleParseCheckKey() {
	for _, key := range []string{"plan", "age__gte", "a__b__gte", "age__above"} {
		variable, operator, err := targeting.ParseCheckKey(key)
		fmt.Println(variable, operator, err)
	}
	// Output:
	// plan eq <nil>
	// age gte <nil>
	// a__b__gte eq <nil>
	//  eq check key "age__above": invalid operator "above" (use one of eq ne gt gte lt lte in not_in)
}

func ExampleNewConsistentHashBucketer() {
	half := targeting.NewConsistentHashBucketer(targeting.FixedPercentage(0.5), "user_id")
	for user := range int64(3) {
		r := &targeting.Request{Attrs: []targeting.Attr{{Name: "user_id", Value: targeting.Int(user)}}}
		on, reason, _ := targeting.Evaluate(true, nil, half, r)
		fmt.Println("user", user, "in bucket", half.Bucket(r), on, reason)
	}
	// Output:
	// user 0 in bucket 48 true SPLIT
	// user 1 in bucket 48 true SPLIT
	// user 2 in bucket 94 false SPLIT
}

func ExampleNewPercentageBucketer() {
	tenth := targeting.NewPercentageBucketer(targeting.FixedPercentage(0.1))
	r := &targeting.Request{Random: 0.07, Drawn: true} // usually left to Evaluate
	fmt.Println(targeting.Evaluate(true, nil, tenth, r))
	// Output: true SPLIT <nil>
}

func ExampleNoBucketer() {
	fmt.Println(targeting.NoBucketer(), targeting.NoBucketer().IsNoOp())
	// Output: {"type": "NoOpBucketer"} true
}

func ExampleFixedPercentage() {
	fmt.Println(targeting.FixedPercentage(0.1))
	fmt.Println(targeting.FixedPercentage(10).Err())
	// Output:
	// {"type": "Percentage", "value": 0.1}
	// invalid percentage: 10 is not from 0 to 1 (for 10 %, write 0.1)
}

func ExampleLinearRamp() {
	start := time.Date(2026, time.January, 5, 9, 0, 0, 0, time.UTC)
	ramp := targeting.LinearRamp(0, 0.5, start, time.Hour)
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
