// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package words

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
	"github.com/flipper-go/flipper/targeting/rules"
)

// everyone is the audience of a flag that has neither conditions nor a rollout.
const everyone = "for everyone"

// audience is Audience, of any length.
func audience(f *store.Flag, at time.Time) string {
	if !f.Rules().IsZero() {
		return rulesAudience(f, at)
	}
	rollout := Rollout(f.Bucketer, at)
	conditions := style{short: true, bare: true}.conditions(f.Conditions)
	switch {
	case len(f.Conditions) == 0 && rollout == "":
		return everyone
	case len(f.Conditions) == 0:
		return "for " + rollout
	case conditions == "" && rollout == "":
		return everyone
	case conditions == "":
		return "for every request with attributes; without attributes, for " + rollout
	case rollout == "":
		return "where " + conditions
	}
	return "where " + conditions + "; without attributes, for " + rollout
}

// Conditions returns what conditions ask, as it can be typed as arguments of the
// command: "age >= 18 and plan in (pro, team)". Conditions that ask nothing are left
// out. The text is as long as they are.
func Conditions(conditions []carta.Condition) string { return style{bare: true}.conditions(conditions) }

// Condition is [Conditions] for one, and "anyone" for one that asks nothing.
func Condition(c carta.Condition) string { return style{bare: true}.condition(c) }

// Check returns what one check asks, in the same form as [Conditions].
func Check(c carta.Check) string { return style{bare: true}.check(c) }

func (s style) conditions(conditions []carta.Condition) string {
	var all []string
	for _, c := range conditions {
		if len(c.Checks()) > 0 {
			all = append(all, s.condition(c))
		}
	}
	return strings.Join(all, " and ")
}

func (s style) condition(c carta.Condition) string {
	var checks []string
	for _, check := range c.Checks() {
		checks = append(checks, s.check(check))
	}
	if len(checks) == 0 {
		return "anyone"
	}
	return strings.Join(checks, " and ")
}

// operatorSigns are the operators as people write them.
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

// Sign returns an operator as people write it, such as ">=".
func Sign(o carta.Operator) string {
	if sign, ok := operatorSigns[o]; ok {
		return sign
	}
	return o.String()
}

func (s style) check(c carta.Check) string {
	attribute := c.Variable
	if !isBare(attribute) || strings.Contains(attribute, ":") || strings.Contains(attribute, "__") {
		attribute = Quote(attribute)
	}
	switch c.Operator {
	case carta.OpEqual, carta.OpNotEqual, carta.OpIn, carta.OpNotIn:
	default:
		s.bare = false // order of text is rare enough to be made plain
	}
	value := s.value(c.Value)
	if elements := c.Value.Elements(); len(elements) > 0 && (c.Operator == carta.OpIn || c.Operator == carta.OpNotIn) {
		value = "(" + s.list(elements) + ")"
	}
	return s.cut(attribute) + " " + Sign(c.Operator) + " " + value
}

// Rollout returns the share of the traffic that a bucketer turns a flag on for at
// a time, such as "10 % by user_id". It is empty if there is no bucketer.
func Rollout(b carta.Bucketer, at time.Time) string {
	if b.IsNoOp() {
		return ""
	}
	share, plan := shareAt(b.Percentage(), at)
	return share + " " + basis(b) + plan
}

// basis says what a share is a share of.
func basis(b carta.Bucketer) string {
	if b.Type() != "ConsistentHashPercentageBucketer" {
		return "at random"
	}
	keys := b.Keys()
	if len(keys) == 0 {
		return "by all attributes"
	}
	var names []string
	for i, key := range keys {
		if i == maxElements {
			names = append(names, "…")
			break
		}
		names = append(names, Cut(Name(key), maxValue))
	}
	return "by " + strings.Join(names, ", ")
}

// shareAt returns the share that a percentage is at a time, and of a ramp that has
// not ended what it is up to.
func shareAt(p carta.Percentage, at time.Time) (share, plan string) {
	v, err := p.Value(at)
	r, isRamp := rampOf(p)
	switch {
	case err != nil:
		return "an unknown share", ""
	case !isRamp || !at.Before(r.end):
		return Share(v), ""
	case at.Before(r.start):
		return "0 %", " now (a ramp " + r.String() + ")"
	}
	return Share(v), " now (a ramp " + r.String() + ")"
}

// Share returns a percentage as people say it, without the noise of binary
// fractions: 0.07 is "7 %".
func Share(share targeting.Value) string {
	var f float64
	switch v := share.Any().(type) {
	case float64:
		f = v
	case int64:
		f = float64(v)
	default:
		return style{short: true}.value(share)
	}
	return strconv.FormatFloat(f*100, 'g', 6, 64) + " %"
}

// Ramp returns the plan of a percentage that is a ramp: "from 0 % at
// 2026-01-31T18:00:00Z to 50 % at 2026-02-01T18:00:00Z". It is empty for others.
func Ramp(p carta.Percentage) string {
	r, ok := rampOf(p)
	if !ok {
		return ""
	}
	return r.String()
}

// A ramp is what a percentage that changes over time consists of.
type ramp struct {
	from, to   targeting.Value
	start, end time.Time
}

func (r ramp) String() string {
	return "from " + Share(r.from) + " at " + Time(r.start) + " to " + Share(r.to) + " at " + Time(r.end)
}

// rampOf reads a ramp from its stored form. ok is false for other percentages, and
// for ramps that only Python can make sense of.
func rampOf(p carta.Percentage) (r ramp, ok bool) {
	if !p.IsRamp() {
		return ramp{}, false
	}
	stored, err := targeting.ParseJSON(targeting.JSON(p.AppendCanonical(nil)))
	if err != nil {
		return ramp{}, false
	}
	member := func(key string) targeting.Value {
		for _, m := range stored.Members() {
			if m.Key == key {
				return m.Value
			}
		}
		return targeting.Null()
	}
	start, isStart := member("initial_time").AsInt()
	var seconds float64
	switch v := member("ramp_duration").Any().(type) {
	case int64:
		seconds = float64(v)
	case float64:
		seconds = v
	default:
		return ramp{}, false
	}
	const longest = 1e9 // seconds that a time.Duration can hold, rounded down
	if !isStart || !(0 <= seconds && seconds < longest) {
		return ramp{}, false
	}
	r = ramp{from: member("initial_value"), to: member("final_value"), start: time.Unix(start, 0)}
	r.end = r.start.Add(time.Duration(seconds * float64(time.Second)))
	return r, true
}

// cartaDifference says how Carta's model changed. Of a flag with rules it is what
// Python clients see, which changes with the rules.
func cartaDifference(before, after *store.Flag) []string {
	all := append(conditionsDifference(before, after), rolloutDifference(before, after)...)
	switch {
	case after.Rules().IsZero():
		return all
	case before.Rules().JSON() != after.Rules().JSON():
		return nil
	}
	for i := range all {
		all[i] = Cut("for Python clients, "+all[i], maxPhrase)
	}
	return all
}

func conditionsDifference(before, after *store.Flag) []string {
	if slices.Equal(before.Conditions, after.Conditions) {
		return nil
	}
	short := style{short: true, bare: true}
	describe := func(conditions []carta.Condition) []described {
		var all []described
		for _, c := range conditions {
			all = append(all, described{string(c.AppendCanonical(nil)), short.condition(c)})
		}
		return all
	}
	removed, added := without(describe(before.Conditions), describe(after.Conditions))
	var all []string
	for _, c := range removed {
		all = append(all, Cut("condition removed: "+c.words, maxPhrase))
	}
	for _, c := range added {
		all = append(all, Cut("condition added: "+c.words, maxPhrase))
	}
	if len(all) == 0 && canonicalConditions(before) != canonicalConditions(after) {
		return []string{"conditions: in another order"}
	}
	return atMost(all, "changes of conditions")
}

func canonicalConditions(f *store.Flag) string {
	var b []byte
	for _, c := range f.Conditions {
		b = append(c.AppendCanonical(b), '\n')
	}
	return string(b)
}

// A described is something in words. Its canonical form says whether it is the
// same as another: words may be cut.
type described struct{ canonical, words string }

// without returns those of a that are not in b, and those of b that are not in a.
// Of those that are there several times, each counts.
func without(a, b []described) (onlyA, onlyB []described) {
	left := map[string]int{}
	for _, d := range b {
		left[d.canonical]++
	}
	for _, d := range a {
		if left[d.canonical] > 0 {
			left[d.canonical]--
		} else {
			onlyA = append(onlyA, d)
		}
	}
	for _, d := range slices.Backward(b) { // the last of equals is the new one
		if left[d.canonical] > 0 {
			left[d.canonical]--
			onlyB = append(onlyB, d)
		}
	}
	slices.Reverse(onlyB)
	return onlyA, onlyB
}

func rolloutDifference(before, after *store.Flag) []string {
	was, is := before.Bucketer, after.Bucketer
	if string(was.AppendCanonical(nil)) == string(is.AppendCanonical(nil)) {
		return nil
	}
	switch {
	case is.IsNoOp() && was.IsNoOp():
		return nil
	case is.IsNoOp():
		return []string{Cut("rollout removed, was "+plannedRollout(was), maxPhrase)}
	case was.IsNoOp():
		return []string{Cut("rollout: "+plannedRollout(is)+", was none", maxPhrase)}
	}
	old := plannedRollout(was)
	if basis(was) == basis(is) {
		old = plannedShare(was.Percentage())
	}
	return []string{Cut("rollout: "+plannedRollout(is)+", was "+old, maxPhrase)}
}

// plannedRollout is Rollout without a time: of a ramp it returns the whole plan.
func plannedRollout(b carta.Bucketer) string { return plannedShare(b.Percentage()) + " " + basis(b) }

func plannedShare(p carta.Percentage) string {
	if r, ok := rampOf(p); ok {
		return "a ramp " + r.String()
	}
	if v, err := p.Value(time.Time{}); err == nil && !p.IsRamp() {
		return Share(v)
	}
	return "an unknown share"
}

// CartaTraps says what surprises people about a flag of Carta's model, a clause each.
func CartaTraps(f *store.Flag, at time.Time) []string {
	var traps []string
	var names []string
	for _, condition := range f.Conditions {
		for _, check := range condition.Checks() {
			if name := Name(check.Variable); !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	if len(names) > 0 {
		traps = append(traps, "a check is passed by a request that does not give "+Cut(strings.Join(names, " or "), maxPhrase))
	}
	if f.Bucketer.IsNoOp() {
		return traps
	}
	if len(f.Conditions) > 0 {
		traps = append(traps, "conditions decide alone: the rollout, "+Rollout(f.Bucketer, at)+", counts only without attributes")
	}
	v, err := f.Bucketer.Percentage().Value(at)
	conversion, unknown := rules.FromCarta(nil, f.Bucketer, at)
	if err != nil || unknown != nil || f.Bucketer.Percentage().IsRamp() || f.Bucketer.Type() != "ConsistentHashPercentageBucketer" {
		return traps
	}
	for _, rule := range conversion.Definition.Rules {
		if rule.Split == nil {
			continue
		}
		if is := shareOf(rule.Split.Shares[0].Share); is != Share(v) {
			traps = append(traps, "a share of "+Share(v)+" lets in "+is)
		}
	}
	return traps
}
