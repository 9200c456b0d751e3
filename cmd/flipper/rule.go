// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/flipper-go/flipper/internal/words"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/rules"
)

const ruleHelp = `The first rule whose conditions all hold decides. It serves a variant (--serve), or
splits the requests between variants (--split 10%=on, or 10%=blue,20%=red). A rule
without conditions holds for everyone. The first rule of a flag that had none makes off
its default: rule default changes that.`

func (p *program) ruleCommand() *cli.Command {
	return &cli.Command{
		Name:  "rule",
		Usage: "say by rules who gets what",
		Commands: []*cli.Command{
			{
				Name: "list", Usage: "show the rules, numbered from 1", ArgsUsage: "NAME",
				Description: "With -o json, writes the rules' stored form.",
				Metadata:    completesFlags,
				Action:      p.withStore(existing, p.listRules),
			},
			{
				Name: "add", Usage: "add a rule behind the others, or --at a position", ArgsUsage: "NAME [CONDITION...]",
				Description: ruleHelp + "\n\n" + conditionHelp,
				Flags:       append(servingFlags(), &cli.IntFlag{Name: "at", Usage: "the position of the new rule, from 1"}),
				Metadata:    completesFlags,
				Action:      p.withStore(existing, p.addRule),
			},
			{
				Name: "replace", Usage: "put a rule in the place of another", ArgsUsage: "NAME POSITION [CONDITION...]",
				Description: ruleHelp + "\n\n" + conditionHelp,
				Flags:       servingFlags(),
				Metadata:    completesThen(completesRules),
				Action:      p.withStore(existing, p.replaceRule),
			},
			{
				Name: "move", Usage: "take a rule to another position", ArgsUsage: "NAME FROM TO",
				Metadata: completesThen(completesRules),
				Action: p.withStore(existing, func(ctx context.Context, c *cli.Command, s *opened) error {
					return p.editRules(ctx, c, s, 2, func(name string, positions []int) error {
						return s.MoveRule(ctx, name, positions[0], positions[1])
					})
				}),
			},
			{
				Name: "remove", Usage: "remove a rule", ArgsUsage: "NAME POSITION",
				Metadata: completesThen(completesRules),
				Action: p.withStore(existing, func(ctx context.Context, c *cli.Command, s *opened) error {
					return p.editRules(ctx, c, s, 1, func(name string, positions []int) error {
						return s.RemoveRule(ctx, name, positions[0])
					})
				}),
			},
			{
				Name: "default", Usage: "set what everyone else gets", ArgsUsage: "NAME VARIANT",
				Metadata: completesThen(completesVariants),
				Action: p.withStore(existing, func(ctx context.Context, c *cli.Command, s *opened) error {
					args := c.Args().Slice()
					if len(args) != 2 {
						return usagef("write %s NAME VARIANT, such as %[1]s NEW_CHECKOUT off", c.FullName())
					}
					if err := s.SetDefault(ctx, args[0], args[1]); err != nil {
						return s.noSuchFlag(ctx, args[0], err)
					}
					return p.changed(ctx, c, s, args[0], retargeted)
				}),
			},
		},
	}
}

// servingFlags are the options that say what a rule serves.
func servingFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "name", Usage: "what the rule is for"},
		&cli.StringFlag{Name: "serve", Usage: "the variant that it serves", DefaultText: "on"},
		&cli.StringFlag{Name: "split", Usage: "shares and the variants that they get, such as 10%=on or 10%=blue,20%=red"},
		&cli.StringFlag{Name: "by", Usage: "the attribute that a split is by", Value: defaultBasis},
		&cli.StringFlag{Name: "salt", Usage: "what makes a split independent of others", DefaultText: "the flag's name"},
		&cli.BoolFlag{Name: "random", Usage: "split at random, at each evaluation anew"},
	}
}

// parseRule reads a rule from conditions and options.
func parseRule(c *cli.Command, conditions []string) (rules.Rule, error) {
	rule := rules.Rule{Name: c.String("name"), Serve: c.String("serve")}
	var err error
	if len(conditions) > 0 {
		if rule.If, err = parseRuleConditions(conditions); err != nil {
			return rule, err
		}
	}
	if !c.IsSet("split") {
		for _, name := range []string{"by", "salt", "random"} {
			if c.IsSet(name) {
				return rule, usagef("--%s needs --split: it says whom a split is by", name)
			}
		}
		if rule.Serve == "" {
			rule.Serve = "on"
		}
		return rule, nil
	}
	if c.IsSet("serve") {
		return rule, usagef("a rule serves one variant or splits, not both: write --serve or --split")
	}
	rule.Split = &rules.Split{By: c.String("by"), Salt: c.String("salt")}
	if c.Bool("random") {
		if c.IsSet("by") {
			return rule, usagef("a split is --random or --by an attribute, not both")
		}
		rule.Split.By = ""
	}
	for part := range strings.SplitSeq(c.String("split"), ",") {
		share, variant, ok := strings.Cut(strings.TrimSpace(part), "=")
		if !ok || variant == "" {
			return rule, usagef("split %q: write a share and a variant, such as 10%%=on", part)
		}
		fraction, err := parseShare(share)
		if err != nil {
			return rule, err
		}
		if fraction < 0 || fraction > 1 {
			return rule, usagef("share %s is not from 0 to 1: for %s %%, write %s%%", share, share, share)
		}
		rule.Split.Shares = append(rule.Split.Shares, rules.Share{Variant: variant, Share: rules.ShareOf(fraction * 100)})
	}
	return rule, nil
}

// parsePosition reads a position as people count, and returns it as programs do.
func parsePosition(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, usagef("position %q: write a number from 1, as rule list shows it", text)
	}
	return n - 1, nil
}

// checkPositions refuses positions that there are not, in the numbers that were typed.
func checkPositions(ctx context.Context, s *opened, name string, positions ...int) error {
	d, err := s.Rules(ctx, name)
	if err != nil {
		return s.noSuchFlag(ctx, name, err)
	}
	for _, position := range positions {
		switch {
		case len(d.Rules) == 0:
			return usagef("%s has no rules", words.Name(name))
		case position >= len(d.Rules):
			return usagef("%s has no rule %d: the last is %d", words.Name(name), position+1, len(d.Rules))
		}
	}
	return nil
}

func (p *program) addRule(ctx context.Context, c *cli.Command, s *opened) error {
	if !c.Args().Present() {
		return usagef("write %s NAME [CONDITION...] (see %[1]s --help)", c.FullName())
	}
	name := c.Args().First()
	rule, err := parseRule(c, c.Args().Tail())
	if err != nil {
		return err
	}
	if c.IsSet("at") {
		if c.Int("at") < 1 {
			return usagef("--at counts from 1")
		}
		err = s.InsertRule(ctx, name, c.Int("at")-1, rule)
	} else {
		err = s.AddRule(ctx, name, rule)
	}
	if err != nil {
		return s.noSuchFlag(ctx, name, err)
	}
	return p.changed(ctx, c, s, name, retargeted)
}

func (p *program) replaceRule(ctx context.Context, c *cli.Command, s *opened) error {
	args := c.Args().Slice()
	if len(args) < 2 {
		return usagef("write %s NAME POSITION [CONDITION...] (see %[1]s --help)", c.FullName())
	}
	position, err := parsePosition(args[1])
	if err != nil {
		return err
	}
	if err := checkPositions(ctx, s, args[0], position); err != nil {
		return err
	}
	rule, err := parseRule(c, args[2:])
	if err != nil {
		return err
	}
	if err := s.ReplaceRule(ctx, args[0], position, rule); err != nil {
		return s.noSuchFlag(ctx, args[0], err)
	}
	return p.changed(ctx, c, s, args[0], retargeted)
}

// editRules changes rules by their positions.
func (p *program) editRules(ctx context.Context, c *cli.Command, s *opened, count int, edit func(name string, positions []int) error) error {
	args := c.Args().Slice()
	if len(args) != count+1 {
		return usagef("write %s %s", c.FullName(), c.ArgsUsage)
	}
	var positions []int
	for _, arg := range args[1:] {
		position, err := parsePosition(arg)
		if err != nil {
			return err
		}
		positions = append(positions, position)
	}
	if err := checkPositions(ctx, s, args[0], positions...); err != nil {
		return err
	}
	if err := edit(args[0], positions); err != nil {
		return s.noSuchFlag(ctx, args[0], err)
	}
	return p.changed(ctx, c, s, args[0], retargeted)
}

func (p *program) listRules(ctx context.Context, c *cli.Command, s *opened) error {
	name, err := oneName(c)
	if err != nil {
		return err
	}
	d, err := s.Rules(ctx, name)
	if err != nil {
		return s.noSuchFlag(ctx, name, err)
	}
	if asJSON(c) {
		r, err := rules.New(name, d)
		if err != nil {
			return err
		}
		return p.printJSON(string(r.JSON()))
	}
	return p.printf("%s", strings.Join(numbered(words.Rules(d)), "\n"))
}

// numbered puts numbers before the lines of rules. The last line, about everyone else,
// has none.
func numbered(lines []string) []string {
	lines = slices.Clone(lines)
	for i := range len(lines) - 1 {
		lines[i] = fmt.Sprintf("%d. %s", i+1, lines[i])
	}
	return lines
}

// ruleRows are what get shows of a flag with rules.
func ruleRows(f *store.Flag) [][]cell {
	rows := definitionRows(f.Rules())
	if text := forPython(f); text != "" {
		rows = append(rows, []cell{{text: "for Python:"}, {text: text}})
	}
	return rows
}

// forPython says what clients that know no rules make of an enabled flag with rules:
// they may have changed it. It is empty if they take the flag for off, as a rule.
func forPython(f *store.Flag) string {
	conditions, rollout := words.Conditions(f.Conditions), words.Rollout(f.Bucketer, time.Now())
	share, err := f.Bucketer.Percentage().Value(time.Now())
	switch {
	case conditions == "" && rollout == "":
		return "on"
	case conditions == "" && err == nil && share.Equal(targeting.Int(0)):
		return ""
	case conditions == "" || rollout == "":
		return conditions + rollout
	}
	return conditions + ", " + rollout
}

// definitionRows are the rules.
func definitionRows(s rules.Ruleset) [][]cell {
	if s.Err() != nil {
		return [][]cell{{{text: "rules:"}, {text: words.Text(s.Err().Error()), colour: red}}}
	}
	var rows [][]cell
	d := s.Definition()
	for _, v := range d.Variants {
		rows = append(rows, []cell{{text: "variant:"}, {text: words.Name(v.Name) + " = " + words.Value(v.Value)}})
	}
	for _, line := range numbered(words.Rules(d)) {
		rows = append(rows, []cell{{text: "rules:"}, {text: line}})
	}
	rows = append(rows, []cell{{text: "while off:"}, {text: words.Name(d.Off)}})
	for i := len(rows) - 1; i > 0; i-- { // a name stands once
		if rows[i][0].text == rows[i-1][0].text {
			rows[i][0].text = ""
		}
	}
	return rows
}
