// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/flipper-go/flipper/internal/words"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
	"github.com/flipper-go/flipper/targeting/rules"
)

func (p *program) evalCommand() *cli.Command {
	return &cli.Command{
		Name:      "eval",
		Usage:     "say whether a flag is on for a request, and why",
		ArgsUsage: "NAME [USER_ID] [attribute=value...]",
		Description: "A value without a name is that of user_id: flipper eval NAME 42.\n\n" + valueHelp + `

Without NAME, reads JSON lines from standard input, and answers each with one:
  {"item": <stored form>, "attributes": {...}, "now": <seconds since 1970, optional>,
   "others": [<stored forms of flags that conditions ask, optional>]}
  {"enabled": true, "variant": "on", "value": true, "reason": "STATIC", "rule": null},
  or {"error": "..."}
The store is not asked then. The order of attributes counts. rule is the position of the
rule that decided, from 0, or null; where people read, rules count from 1. A line that has
no answer does not end the command, but makes its exit code 1.`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "attributes", Usage: "attributes as a JSON object, after those given as arguments"},
			&cli.StringFlag{Name: "now", Usage: "when: seconds since 1970, or as in 2026-01-31T18:00:00Z", Value: "now"},
			&cli.BoolFlag{Name: "exit-code", Usage: fmt.Sprintf("end with %d if the flag is on, and with %d if it is off", exitOK, exitOff)},
		},
		Metadata: completesFlags,
		Action: func(ctx context.Context, c *cli.Command) error {
			if !c.Args().Present() {
				return p.evalInput(ctx, c)
			}
			return p.withStore(existing, p.eval)(ctx, c)
		},
	}
}

func (p *program) eval(ctx context.Context, c *cli.Command, s *opened) error {
	name := c.Args().First()
	if strings.Contains(name, "=") {
		return usagef("the name of the flag comes first, but %q is an attribute: write %s NAME %[1]s", name, c.FullName())
	}
	attrs, err := parseRequest(c.Args().Tail(), c.String("attributes"))
	if err != nil {
		return err
	}
	now, err := parseTime(c.String("now"))
	if err != nil {
		return err
	}
	f, err := s.Get(ctx, name)
	if err != nil {
		return s.noSuchFlag(ctx, name, err)
	}
	r := &targeting.Request{Attrs: attrs, Time: now}
	d, err := f.Evaluate(r, askedFlags{ctx, s})
	if err != nil {
		return fmt.Errorf("evaluate %s: %w", words.Name(name), err)
	}
	if asJSON(c) {
		err = p.printf("%s", answerOf(d))
	} else {
		err = p.printAnswer(f, r, d, askedFlags{ctx, s})
	}
	if err == nil && c.Bool("exit-code") && !d.Enabled {
		return &codedError{code: exitOff}
	}
	return err
}

// askedFlags are the flags of a store that conditions can ask.
type askedFlags struct {
	ctx   context.Context
	store *opened
}

// Target implements [rules.Flags].
func (a askedFlags) Target(name string) (rules.Target, error) {
	f, err := a.store.Get(a.ctx, name)
	if err != nil {
		return rules.Target{}, err
	}
	return f.Target(), nil
}

// parseRequest is parseAttributes, and takes one value without a name for that of
// user_id.
func parseRequest(args []string, object string) ([]targeting.Attr, error) {
	args = slices.Clone(args)
	unnamed := ""
	for i, arg := range args {
		switch {
		case strings.Contains(arg, "="):
		case unnamed != "":
			return nil, usagef("two values without a name, %q and %q: the first is %s, write name=value for the other", unnamed, arg, defaultBasis)
		case arg == "":
			return nil, usagef("a value is empty: write name=value")
		default:
			unnamed, args[i] = arg, defaultBasis+"="+arg
		}
	}
	return parseAttributes(args, object)
}

func (p *program) printAnswer(f *store.Flag, r *targeting.Request, d targeting.Decision, flags rules.Flags) error {
	on, reason := d.Enabled, d.Reason
	answer := cell{"off", red}
	if on {
		answer = cell{"on", green}
	}
	request := "a request without attributes"
	var shown []string
	for _, a := range r.Attrs {
		shown = append(shown, words.Name(a.Name)+"="+words.Value(a.Value))
	}
	if len(shown) > 0 {
		request = strings.Join(shown, ", ")
	}
	if !f.Rules().IsZero() {
		return p.printRulesAnswer(f, r, d, flags, p.paint(answer.colour, answer.text), request)
	}
	return p.printf("%s is %s for %s\n%s: %s", words.Name(f.Name), p.paint(answer.colour, answer.text), request, reason, why(f, r, on, reason))
}

// printRulesAnswer says what a flag with rules serves, and what was found at each rule.
func (p *program) printRulesAnswer(f *store.Flag, r *targeting.Request, d targeting.Decision, flags rules.Flags, answer, request string) error {
	lines := []string{fmt.Sprintf("%s is %s for %s", words.Name(f.Name), answer, request)}
	if d.Variant != nil && !f.Rules().IsBoolean() {
		lines[0] += ": " + words.Name(d.Variant.Name) + " = " + words.Value(d.Variant.Value)
	}
	target := f.Target()
	lines = append(lines, words.Explain(rules.Explain(&target, r, flags))...)
	switch d.Reason {
	case targeting.ReasonDisabled:
		lines = append(lines, "the flag is disabled")
	case targeting.ReasonDefault:
		lines = append(lines, "no rule decided: everyone else gets "+words.Name(d.Variant.Name))
	case targeting.ReasonStatic:
		lines = append(lines, "there are no rules: everyone gets "+words.Name(d.Variant.Name))
	}
	return p.printf("%s", strings.Join(lines, "\n"))
}

// why says in words what decided.
func why(f *store.Flag, r *targeting.Request, on bool, reason targeting.Reason) string {
	switch reason {
	case targeting.ReasonDisabled:
		return "the flag is disabled"
	case targeting.ReasonTargetingMatch:
		return "all checks passed: " + short(words.Conditions(f.Conditions)) + passedByAbsence(f, r)
	case targeting.ReasonDefault:
		return describeFailed(f, r)
	case targeting.ReasonStatic:
		if len(f.Conditions) > 0 {
			return "the flag is enabled, and conditions are not asked about a request without attributes"
		}
		return "the flag is enabled, and has no rules"
	case targeting.ReasonSplit:
		return describeSplit(f.Bucketer, r, on)
	}
	return "no answer"
}

// short cuts what conditions ask: a list of thousands of values explains nothing.
func short(text string) string { return words.Cut(text, 400) }

// passedByAbsence names the checks that passed because the request does not say
// what they ask for, which surprises people.
func passedByAbsence(f *store.Flag, r *targeting.Request) string {
	var missing, checks []string
	for _, condition := range f.Conditions {
		for _, check := range condition.Checks() {
			if r.Find(check.Variable) == nil {
				checks = append(checks, short(words.Check(check)))
				if name := words.Name(check.Variable); !slices.Contains(missing, name) {
					missing = append(missing, name)
				}
			}
		}
	}
	if len(missing) == 0 {
		return ""
	}
	return fmt.Sprintf("; %s, which passes %s", notGiven(missing), strings.Join(checks, " and "))
}

func notGiven(names []string) string {
	if len(names) == 1 {
		return names[0] + " was not given"
	}
	return strings.Join(names, ", ") + " were not given"
}

// describeFailed finds the check that did not pass. As in an evaluation, that is
// the first one by the order of attributes in the first condition that does not
// hold.
func describeFailed(f *store.Flag, r *targeting.Request) string {
	passes := func(c carta.Condition) bool {
		holds, _, err := carta.Evaluate(true, []carta.Condition{c}, carta.NoBucketer(), r)
		return holds || err != nil
	}
	for _, condition := range f.Conditions {
		if passes(condition) {
			continue
		}
		for i := range r.Len() {
			attribute := r.At(i)
			for _, check := range condition.Checks() {
				if check.Variable == attribute.Name && !r.Overridden(i) && !passes(carta.NewCondition(check)) {
					return fmt.Sprintf("the check %s did not pass: %s is %s%s", short(words.Check(check)), words.Name(attribute.Name), words.Value(attribute.Value), otherKind(check, attribute.Value))
				}
			}
		}
		return "a condition did not hold: " + short(words.Condition(condition))
	}
	return "a condition did not hold: " + short(words.Conditions(f.Conditions))
}

// otherKind says that a value would have passed if it were not text, or were.
func otherKind(check carta.Check, v targeting.Value) string {
	if check.Operator != carta.OpEqual && check.Operator != carta.OpIn {
		return ""
	}
	same := func(w targeting.Value) bool {
		return v.Kind() != w.Kind() && plainText(v) == plainText(w)
	}
	for _, wanted := range append([]targeting.Value{check.Value}, check.Value.Elements()...) {
		if same(wanted) {
			return ", and the check has " + words.Value(wanted)
		}
	}
	return ""
}

func plainText(v targeting.Value) string {
	if text, ok := v.AsText(); ok {
		return text
	}
	return v.String()
}

func describeSplit(b carta.Bucketer, r *targeting.Request, on bool) string {
	share := words.Rollout(b, now(r))
	if b.Type() != "ConsistentHashPercentageBucketer" {
		return "the rollout decided: " + share
	}
	within := "within"
	if !on {
		within = "beyond"
	}
	var missing []string
	for _, key := range b.Keys() {
		if r.Find(key) == nil {
			missing = append(missing, words.Name(key))
		}
	}
	told := "the rollout decided"
	switch {
	case len(missing) > 0:
		told = notGiven(missing)
	case r.Len() == 0:
		told = "no attributes were given"
	}
	return fmt.Sprintf("%s: bucket %d is %s %s", told, b.Bucket(r), within, share)
}

func now(r *targeting.Request) time.Time {
	if r.Time.IsZero() {
		return time.Now()
	}
	return r.Time
}
