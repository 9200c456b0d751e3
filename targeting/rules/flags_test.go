// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package rules_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
	"github.com/flipper-go/flipper/targeting/rules"
)

// countedFlags counts how often each flag is looked up.
type countedFlags struct {
	flagsByName
	asked map[string]int
}

func (f countedFlags) Target(name string) (rules.Target, error) {
	f.asked[name]++
	return f.flagsByName.Target(name)
}

// asking is a flag that is on if others are.
func asking(tb testing.TB, name string, others ...string) rules.Target {
	tb.Helper()
	var conditions []rules.Condition
	for _, other := range others {
		conditions = append(conditions, rules.Flag(other, "on"))
	}
	return *target(tb, name, boolean(rules.Rule{If: conditions, Serve: "on"}))
}

func TestFlags(t *testing.T) {
	theme := rules.Definition{
		Variants: []targeting.Variant{{Name: "grey", Value: targeting.Text("#888")}, {Name: "blue", Value: targeting.Text("#00f")}},
		Off:      "grey", Default: "grey", Rules: []rules.Rule{{If: rules.All(rules.Is("plan", "pro")), Serve: "blue"}},
	}
	disabled := *target(t, "disabled", boolean(rules.Rule{Serve: "on"}))
	disabled.Enabled = false
	flags := flagsByName{
		"theme":       *target(t, "theme", theme),
		"disabled":    disabled,
		"segment:pro": *target(t, "segment:pro", boolean(rules.Rule{If: rules.All(rules.Is("plan", "pro")), Serve: "on"})),
		"carta":       {Enabled: true, Bucketer: carta.NewPercentageBucketer(carta.FixedPercentage(0))},
		"carta on":    {Enabled: true},
		"unreadable":  {Enabled: true, Rules: rules.Unreadable("{}", errUnreadable)},
		"killed":      {Rules: rules.Unreadable("{}", errUnreadable)},
	}
	for _, test := range []struct {
		condition rules.Condition
		plan      string
		holds     bool
	}{
		{rules.Flag("theme", "blue"), "pro", true},
		{rules.Flag("theme", "blue"), "free", false},
		{rules.Flag("theme", "green", "grey"), "free", true},
		{rules.Flag("theme", "green"), "free", false},
		{rules.Flag("theme", "on"), "pro", false},
		{rules.InSegment("pro"), "pro", true},
		{rules.InSegment("pro"), "free", false},
		{rules.Flag("disabled", "on"), "", false},
		{rules.Flag("disabled", "off"), "", true},
		{rules.Flag("carta", "off"), "", true},
		{rules.Flag("carta", "on"), "", false},
		{rules.Flag("carta on", "on"), "", true},
	} {
		for _, c := range []rules.Condition{test.condition, rules.Not(test.condition)} {
			if got := serve(t, onIf(t, c), request(attr("plan", test.plan)), flags) == "on"; got != (test.holds != c.Not) {
				t.Errorf("%s for the plan %q: %v", c, test.plan, got)
			}
		}
	}

	// What cannot be asked is an error, negated or not, and within groups.
	for name, want := range map[string]error{"nobody": errMissing, "unreadable": errUnreadable, "killed": errUnreadable} {
		asked := rules.Flag(name, "on")
		for _, c := range []rules.Condition{asked, rules.Not(asked), rules.Any(asked, rules.Exists("plan")), rules.AllOf(asked)} {
			d, err := rules.Evaluate(onIf(t, c), request(attr("plan", "pro")), flags)
			if !errors.Is(err, want) || d != targeting.NoDecision {
				t.Errorf("%s: %+v, %v", c, d, err)
			}
		}
		// Behind what decides, an error does not count.
		for _, c := range [][]rules.Condition{
			{rules.Is("plan", "free"), asked}, {rules.AllOf(rules.Is("plan", "free"), asked)}, {rules.Any(rules.Exists("plan"), asked), rules.Is("plan", "free")},
		} {
			if got := serve(t, onIf(t, c...), request(attr("plan", "pro")), flags); got != "off" {
				t.Errorf("%s: %s", c, got)
			}
		}
	}
	if _, err := rules.Evaluate(onIf(t, rules.Flag("theme", "blue")), request(), nil); err == nil {
		t.Error("there are no flags to ask, and no error")
	}
}

var errUnreadable = errorText("unreadable")

// TestDepth asks flags in a row: the one at level 8 is answered, the one at level 9 is not.
func TestDepth(t *testing.T) {
	flags := flagsByName{}
	for level := 1; level < 9; level++ {
		flags[fmt.Sprint(level)] = asking(t, fmt.Sprint(level), fmt.Sprint(level+1))
	}
	flags["8"] = *target(t, "8", boolean(rules.Rule{Serve: "on"}))
	if got := serve(t, onIf(t, rules.Flag("1", "on")), request(), flags); got != "on" {
		t.Errorf("with 8 levels: %s", got)
	}
	flags["8"], flags["9"] = asking(t, "8", "9"), *target(t, "9", boolean(rules.Rule{Serve: "on"}))
	for _, enabled := range []bool{true, false} {
		last := flags["9"]
		last.Enabled = enabled
		flags["9"] = last
		for _, c := range []rules.Condition{rules.Flag("1", "on"), rules.Not(rules.Flag("1", "on"))} {
			if _, err := rules.Evaluate(onIf(t, c), request(), flags); !errors.Is(err, rules.ErrDepth) {
				t.Errorf("with 9 levels, the last one enabled %v: %v", enabled, err)
			}
		}
	}
	// A flag on the way that serves without asking ends it.
	flags["4"] = *target(t, "4", boolean(rules.Rule{Serve: "on"}))
	if got := serve(t, onIf(t, rules.Flag("1", "on")), request(), flags); got != "on" {
		t.Errorf("with a flag that asks nobody: %s", got)
	}
}

// TestDepthRemembered reaches a flag first near the top, and then where those that it
// asks are too deep, although its answer is known by then.
func TestDepthRemembered(t *testing.T) {
	for _, length := range []int{6, 7} {
		flags := flagsByName{"shared": asking(t, "shared", "last"), "last": *target(t, "last", boolean(rules.Rule{Serve: "on"}))}
		for i := range length {
			next := fmt.Sprint(i + 1)
			if i == length-1 {
				next = "shared"
			}
			flags[fmt.Sprint(i)] = asking(t, fmt.Sprint(i), next)
		}
		_, err := rules.Evaluate(onIf(t, rules.Flag("shared", "on"), rules.Flag("0", "on")), request(), flags)
		if tooDeep := length == 7; errors.Is(err, rules.ErrDepth) != tooDeep || !tooDeep && err != nil {
			t.Errorf("%d flags above: %v", length, err)
		}
	}
}

func TestCycle(t *testing.T) {
	for _, flags := range []flagsByName{
		{"a": asking(t, "a", "a")},
		{"a": asking(t, "a", "b"), "b": asking(t, "b", "a")},
		{"a": asking(t, "a", "b"), "b": asking(t, "b", "c"), "c": asking(t, "c", "b")},
	} {
		a := flags["a"]
		if _, err := rules.Evaluate(&a, request(), flags); !errors.Is(err, rules.ErrDepth) {
			t.Errorf("%d flags in a circle: %v", len(flags), err)
		}
		// A flag that is not enabled ends the circle: it serves off without asking.
		a.Enabled = false
		flags["a"] = a
		if d, err := rules.Evaluate(&a, request(), flags); err != nil || d.Reason != targeting.ReasonDisabled {
			t.Errorf("a disabled flag in a circle: %+v, %v", d, err)
		}
	}
}

// TestRemembered asks many flags many times: 100 conditions ask each of the flags of
// the next level, at 8 levels, which is 100^8 ways.
func TestRemembered(t *testing.T) {
	const wide = 7 // more than are remembered without a map
	flags := countedFlags{flagsByName{}, map[string]int{}}
	name := func(level, i int) string { return fmt.Sprintf("level %d, %d", level, i) }
	var root rules.Target
	for level := 8; level >= 0; level-- {
		var others []string
		for i := range 100 {
			if level < 8 {
				others = append(others, name(level+1, i%wide))
			}
		}
		for i := range wide {
			flags.flagsByName[name(level, i)] = asking(t, name(level, i), others...)
		}
		root = flags.flagsByName[name(level, 0)]
	}
	if got := serve(t, &root, request(), flags); got != "on" {
		t.Errorf("served %s", got)
	}
	for name, n := range flags.asked {
		if n != 1 {
			t.Errorf("%s was looked up %d times", name, n)
		}
	}
	if len(flags.asked) != 8*wide {
		t.Errorf("%d flags were asked, want %d", len(flags.asked), 8*wide)
	}
}

// TestAskedOnce shows that a flag whose split is random does not contradict itself.
func TestAskedOnce(t *testing.T) {
	flags := flagsByName{"coin": *target(t, "coin", boolean(rules.Rule{Split: rules.Percent("", 50, "on")}))}
	contradiction := onIf(t, rules.Flag("coin", "on"), rules.Flag("coin", "off"))
	for range 100 {
		if got := serve(t, contradiction, request(), flags); got != "off" {
			t.Fatal("a flag is on and off for one request")
		}
	}
}

func TestGroups(t *testing.T) {
	yes, no := rules.Exists("a"), rules.Exists("b")
	for _, test := range []struct {
		condition rules.Condition
		holds     bool
	}{
		{rules.Any(no, no), false},
		{rules.Any(no, yes), true},
		{rules.Any(yes, no), true},
		{rules.AllOf(yes, yes), true},
		{rules.AllOf(yes, no), false},
		{rules.AllOf(no, yes), false},
		{rules.Any(rules.AllOf(yes, no), rules.AllOf(yes, rules.Not(no))), true},
		{rules.AllOf(rules.Any(no, yes), rules.Any(no, rules.Not(yes))), false},
	} {
		if got := holds(t, test.condition, attr("a", 1)); got != test.holds {
			t.Errorf("%s: %v", test.condition, got)
		}
	}
}

func TestAsks(t *testing.T) {
	flag := onIf(t, rules.Any(rules.Flag("b", "on"), rules.AllOf(rules.InSegment("a"))), rules.Not(rules.Flag("b", "off")))
	if got := fmt.Sprint(flag.Rules.Asks()); got != "[b segment:a]" {
		t.Errorf("it asks %s", got)
	}
}
