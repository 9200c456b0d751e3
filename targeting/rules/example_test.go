// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package rules_test

import (
	"fmt"
	"time"

	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
	"github.com/flipper-go/flipper/targeting/rules"
)

// requestWith returns a request with one attribute.
func requestWith(name string, value targeting.Value) *targeting.Request {
	return &targeting.Request{Attrs: []targeting.Attr{{Name: name, Value: value}}}
}

// countOn returns for how many of the users 0 to 9,999 an enabled flag is on.
func countOn(s rules.Ruleset, at time.Time) int {
	on := 0
	for id := range int64(10_000) {
		r := requestWith("user_id", targeting.Int(id))
		r.Time = at
		if d, err := rules.Evaluate(&rules.Target{Enabled: true, Rules: s}, r, nil); err == nil && d.Enabled {
			on++
		}
	}
	return on
}

// A flag that is blue for staff and for 10 % of Germany and Austria, and grey for
// everyone else.
func ExampleDefinition() {
	s, err := rules.New("BUTTON_COLOUR", rules.Definition{
		Variants: []targeting.Variant{
			{Name: "grey", Value: targeting.Text("#888")},
			{Name: "blue", Value: targeting.Text("#00f")},
		},
		Off:     "grey",
		Default: "grey",
		Rules: []rules.Rule{
			{Name: "staff", If: rules.All(rules.EndsWith("email", "@example.com")), Serve: "blue"},
			{If: rules.All(rules.Is("country", "DE", "AT")), Split: rules.Percent("user_id", 10, "blue")},
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	flag := &rules.Target{Enabled: true, Rules: s}
	d, err := rules.Evaluate(flag, requestWith("email", targeting.Text("ada@example.com")), nil)
	fmt.Println(d.Variant.Name, d.Variant.Value, d.Reason, d.RuleName, err)
	d, err = rules.Evaluate(flag, requestWith("country", targeting.Text("DE")), nil) // without a user_id
	fmt.Println(d.Variant.Name, d.Variant.Value, d.Reason, err)
	// Output:
	// blue "#00f" TARGETING_MATCH staff <nil>
	// grey "#888" DEFAULT <nil>
}

// What cannot work is refused with the path to the field.
func ExampleNew() {
	_, err := rules.New("CHECKOUT", rules.Definition{
		Off: "off", Default: "off",
		Rules: []rules.Rule{{If: rules.All(rules.Greater("age", "eighteen")), Serve: "on"}},
	})
	fmt.Println(err)
	// Output:
	// invalid rules[0].if[0].values[0]: gt compares numbers, not text: write a number, without quotes
}

func ExampleParse() {
	s, err := rules.Parse("CHECKOUT", `{
		"version": 1, "off": "off", "default": "off",
		"rules": [{"if": [{"attribute": "plan", "op": "is", "values": ["pro", "team"]}], "serve": "on"}]
	}`)
	fmt.Println(s.Definition().Rules[0].If[0], err)

	// A reader that does not know everything takes nothing.
	_, err = rules.Parse("CHECKOUT", `{"version": 2, "off": "off", "default": "off"}`)
	fmt.Println(err)
	// Output:
	// {"attribute": "plan", "op": "is", "values": ["pro", "team"]} <nil>
	// invalid version: 2 is not known: this reader knows version 1
}

func ExampleExplain() {
	s, err := rules.New("CHECKOUT", rules.Definition{
		Off: "off", Default: "off",
		Rules: []rules.Rule{
			{Name: "adults", If: rules.All(rules.GreaterOrEqual("age", 18)), Serve: "on"},
			{Name: "rollout", Split: rules.Percent("user_id", 10, "on")},
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	flag := &rules.Target{Enabled: true, Rules: s}
	for _, step := range rules.Explain(flag, requestWith("user_id", targeting.Int(42)), nil) {
		for _, test := range step.Tests {
			fmt.Println(step.Name, test.Path, test.Outcome == rules.NotGiven)
		}
		if step.Split != nil {
			fmt.Println(step.Name, step.Split.Bucket, step.Decided)
		}
	}
	// Output:
	// adults rules[0].if[0] true
	// rollout 55514 false
}

// Raising a share only ever adds users.
func ExamplePercent() {
	for _, percent := range []float64{0.5, 10, 20} {
		s, err := rules.New("NEW_SEARCH", rules.Definition{
			Off: "off", Default: "off",
			Rules: []rules.Rule{{Split: rules.Percent("user_id", percent, "on")}},
		})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(percent, "%:", countOn(s, time.Now()), "of 10,000 users")
	}
	// Output:
	// 0.5 %: 53 of 10,000 users
	// 10 %: 1006 of 10,000 users
	// 20 %: 1995 of 10,000 users
}

// A rollout that grows from 10 % to 50 % in a week.
func ExampleRamp() {
	start := time.Date(2026, time.December, 1, 0, 0, 0, 0, time.UTC)
	week := &rules.Ramp{From: rules.ShareOf(10), To: rules.ShareOf(50), Start: start, End: start.AddDate(0, 0, 7)}
	s, err := rules.New("NEW_SEARCH", rules.Definition{
		Off: "off", Default: "off",
		Rules: []rules.Rule{{Split: &rules.Split{By: "user_id", Shares: []rules.Share{{Variant: "on", Ramp: week}}}}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, day := range []int{0, 3, 7, 8} {
		fmt.Println("day", day, countOn(s, start.AddDate(0, 0, day)))
	}
	// Output:
	// day 0 1006
	// day 3 2719
	// day 7 5012
	// day 8 5012
}

// Experiments with one salt and ranges that do not meet share no users: a layer.
func ExampleInRange() {
	experiment := func(flag string, from, to int) rules.Ruleset {
		s, err := rules.New(flag, rules.Definition{
			Off: "off", Default: "off",
			Rules: []rules.Rule{{If: rules.All(rules.InRange("user_id", "checkout layer", from, to)), Serve: "on"}},
		})
		if err != nil {
			fmt.Println(err)
		}
		return s
	}
	oneClick, wallets := experiment("ONE_CLICK", 0, 20_000), experiment("WALLETS", 20_000, 40_000)
	both := 0
	for id := range int64(10_000) {
		r := requestWith("user_id", targeting.Int(id))
		first, _ := rules.Evaluate(&rules.Target{Enabled: true, Rules: oneClick}, r, nil)
		second, _ := rules.Evaluate(&rules.Target{Enabled: true, Rules: wallets}, r, nil)
		if first.Enabled && second.Enabled {
			both++
		}
	}
	fmt.Println(both)
	// Output: 0
}

// A rollout of Carta's model keeps its hash, so nobody changes sides.
func ExampleFromCarta() {
	tenth := carta.NewConsistentHashBucketer(carta.FixedPercentage(0.1), "user_id")
	c, err := rules.FromCarta(nil, tenth, time.Now())
	if err != nil {
		fmt.Println(err)
		return
	}
	split := c.Definition.Rules[0].Split
	fmt.Println(split.By, split.Hash, split.Shares[0].Share) // Carta's 10 % are 11 of 100 buckets
	for _, difference := range c.Differences {
		fmt.Println(difference)
	}
	// Output:
	// user_id carta 11000
	// Requests that do not give user_id were off, and will be.
	// Requests that give null, true, false, a fraction, an empty text, a list or an object for user_id: they had a bucket of their own; they will have none, and be off.
}

func ExampleNot() {
	s, err := rules.New("CHECKOUT", rules.Definition{
		Off: "off", Default: "off",
		Rules: []rules.Rule{{If: rules.All(rules.Not(rules.Is("country", "DE"))), Serve: "on"}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	flag := &rules.Target{Enabled: true, Rules: s}
	for _, r := range []*targeting.Request{
		requestWith("country", targeting.Text("FR")),
		requestWith("country", targeting.Text("DE")),
		requestWith("plan", targeting.Text("pro")), // who does not say where, is not let in
	} {
		d, err := rules.Evaluate(flag, r, nil)
		fmt.Println(d.Enabled, err)
	}
	// Output:
	// true <nil>
	// false <nil>
	// false <nil>
}
