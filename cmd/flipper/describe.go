// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
)

// operatorSigns are how people write the operators.
var operatorSigns = map[carta.Operator]string{
	carta.OpEqual:          "=",
	carta.OpNotEqual:       "!=",
	carta.OpGreater:        ">",
	carta.OpGreaterOrEqual: ">=",
	carta.OpLess:           "<",
	carta.OpLessOrEqual:    "<=",
	carta.OpIn:             "in",
	carta.OpNotIn:          "not in",
}

// describeState says if a flag is switched on.
func describeState(f *store.Flag) cell {
	if f.Enabled {
		return cell{"enabled", green}
	}
	return cell{"disabled", ""}
}

// describeConditions says whom a flag's conditions let through.
func describeConditions(conditions []carta.Condition) string {
	var all []string
	for _, c := range conditions {
		all = append(all, describeCondition(c))
	}
	return orDash(strings.Join(all, " and "))
}

func describeCondition(c carta.Condition) string {
	var checks []string
	for _, check := range c.Checks() {
		sign, ok := operatorSigns[check.Operator]
		if !ok {
			sign = check.Operator.String()
		}
		checks = append(checks, fmt.Sprintf("%s %s %s", display(check.Variable), sign, check.Value))
	}
	if len(checks) == 0 {
		return "anyone"
	}
	return strings.Join(checks, " and ")
}

// describeBucketer says which share of the traffic a flag is on for, at a time.
func describeBucketer(b carta.Bucketer, now time.Time) string {
	if b.IsNoOp() {
		return "-"
	}
	of := "at random"
	if b.Type() == "ConsistentHashPercentageBucketer" {
		of = "by " + describeKeys(b)
	}
	share := "unknown share"
	p := b.Percentage()
	if v, err := p.Value(now); err == nil {
		share = describeShare(v)
	}
	if p.IsRamp() {
		return fmt.Sprintf("%s now (a ramp) %s", share, of)
	}
	return share + " " + of
}

func describeKeys(b carta.Bucketer) string {
	if len(b.Keys()) == 0 {
		return "all attributes"
	}
	var keys []string
	for _, key := range b.Keys() {
		keys = append(keys, display(key))
	}
	return strings.Join(keys, ", ")
}

// describeShare gives a percentage as people say it, without the noise of binary
// fractions: 0.07 is 7 %.
func describeShare(share targeting.Value) string {
	var f float64
	switch v := share.Any().(type) {
	case float64:
		f = v
	case int64:
		f = float64(v)
	default:
		return share.String()
	}
	return strconv.FormatFloat(f*100, 'g', 6, 64) + " %"
}

func describeTime(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.RFC3339)
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// describeRamp says from what to what, and when, a ramp rises.
func describeRamp(p carta.Percentage) string {
	v, err := targeting.ParseJSON(p.JSON())
	if err != nil {
		return string(p.JSON())
	}
	member := func(key string) targeting.Value {
		for _, m := range v.Members() {
			if m.Key == key {
				return m.Value
			}
		}
		return targeting.Null()
	}
	start, ok := unixTime(member("initial_time"))
	seconds, isInt := member("ramp_duration").Any().(int64)
	if !ok || !isInt {
		return string(canonical(p.JSON()))
	}
	return fmt.Sprintf("from %s to %s, %s to %s",
		describeShare(member("initial_value")), describeShare(member("final_value")),
		describeTime(start), describeTime(start.Add(time.Duration(seconds)*time.Second)))
}
