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
The store is not asked then. The order of attributes counts.`,
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
		err = p.printAnswer(f, r, d.Enabled, d.Reason)
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

// Target is what [rules.Flags] asks for.
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

func (p *program) printAnswer(f *store.Flag, r *targeting.Request, on bool, reason targeting.Reason) error {
	answer := cell{"off", red}
	if on {
		answer = cell{"on", green}
	}
	request := "a request without attributes"
	var shown []string
	for _, a := range r.Attrs {
		shown = append(shown, fmt.Sprintf("%s=%s (%s)", words.Name(a.Name), a.Value, a.Value.Kind()))
	}
	if len(shown) > 0 {
		request = strings.Join(shown, ", ")
	}
	return p.printf("%s is %s for %s\n%s: %s", words.Name(f.Name), p.paint(answer.colour, answer.text), request, reason, why(f, r, on, reason))
}

// why says in words what decided.
func why(f *store.Flag, r *targeting.Request, on bool, reason targeting.Reason) string {
	switch reason {
	case targeting.ReasonDisabled:
		return "the flag is disabled"
	case targeting.ReasonTargetingMatch:
		return "its conditions let the request through: " + words.Conditions(f.Conditions)
	case targeting.ReasonDefault:
		return "a condition does not hold: " + describeFailed(f, r)
	case targeting.ReasonStatic:
		if len(f.Conditions) > 0 {
			return "the flag is enabled, and conditions are not asked about a request without attributes"
		}
		return "the flag is enabled, without conditions and rollout"
	case targeting.ReasonSplit:
		return "the rollout decided: " + describeSplit(f.Bucketer, r, on)
	}
	return "no answer"
}

// describeFailed finds the first condition that does not hold.
func describeFailed(f *store.Flag, r *targeting.Request) string {
	for _, c := range f.Conditions {
		if holds, _, err := carta.Evaluate(true, []carta.Condition{c}, carta.NoBucketer(), r); err == nil && !holds {
			return words.Condition(c)
		}
	}
	return words.Conditions(f.Conditions)
}

func describeSplit(b carta.Bucketer, r *targeting.Request, on bool) string {
	share := words.Rollout(b, now(r))
	if b.Type() != "ConsistentHashPercentageBucketer" {
		return share
	}
	within := "within"
	if !on {
		within = "beyond"
	}
	return fmt.Sprintf("bucket %d is %s %s", b.Bucket(r), within, share)
}

func now(r *targeting.Request) time.Time {
	if r.Time.IsZero() {
		return time.Now()
	}
	return r.Time
}
