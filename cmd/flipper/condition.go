// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/internal/words"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
	"github.com/flipper-go/flipper/targeting/rules"
)

const checkHelp = `A flag that has Carta's model already, or is given --carta, keeps to that model, which
Python clients read. A check is an attribute, an operator and a value: 'plan=pro',
'plan!=free', 'age>=18', 'age<65', 'plan in (pro, team)', 'plan not in (free)', or as
the Python client writes it: age__gte=18, plan__in=pro,team. The operators are = != >
>= < <= in and not in, or eq ne gt gte lt lte in not_in after two underscores. All
checks must hold, also those of several conditions. Requests with attributes do not
ask the rollout then, and a check on an attribute that a request does not give is
passed.`

const ruleConditionHelp = `Adds a rule that serves on to requests for which all these conditions hold; rule add can
do more. Other rules, such as a rollout, stay, and each lets in on its own.

`

func (p *program) conditionCommand() *cli.Command {
	return &cli.Command{
		Name:  "condition",
		Usage: "say whom a flag is on for",
		Commands: []*cli.Command{
			{
				Name: "list", Usage: "show whom a flag is on for", ArgsUsage: "NAME",
				Metadata: completesFlags,
				Action:   p.withStore(existing, p.listConditions),
			},
			{
				Name: "add", Usage: "add requests for which conditions hold", ArgsUsage: "NAME CONDITION... | JSON",
				Description: ruleConditionHelp + conditionHelp + "\n\n" + checkHelp,
				Flags:       []cli.Flag{cartaFlag()},
				Metadata:    completesFlags,
				Action:      p.withStore(existing, p.addConditions),
			},
			{
				Name: "set", Usage: "replace all conditions of Carta's model", ArgsUsage: "NAME CHECK... | JSON",
				Description: "As JSON, several conditions can be given: a list of stored forms. A flag that has\nneither conditions nor a rollout gets a rule, as from condition add.\n\n" + checkHelp + "\n\n" + valueHelp,
				Flags:       []cli.Flag{cartaFlag()},
				Metadata:    completesFlags,
				Action:      p.withStore(existing, p.addConditions),
			},
			{
				Name: "remove", Usage: "remove one condition, or some of its checks", ArgsUsage: "NAME CONDITION... | JSON",
				Description: "The conditions are written as get shows them, or in any other way that add takes. Of a\nflag with rules, the rule goes that serves on where they hold, or values from its list.",
				Metadata:    completesFlags,
				Action:      p.withStore(existing, p.removeConditions),
			},
			{
				Name: "clear", Usage: "remove all conditions", ArgsUsage: "NAME",
				Metadata: completesFlags,
				Action:   p.withStore(existing, p.clearConditions),
			},
		},
	}
}

// addConditions adds conditions: a rule, or in Carta's model a condition. There, set
// replaces them all.
func (p *program) addConditions(ctx context.Context, c *cli.Command, s *opened) error {
	args := c.Args().Slice()
	if len(args) < 2 {
		return usagef("write %s NAME CONDITION, as in %[1]s NAME age__gte=18 (see %[1]s --help)", c.FullName())
	}
	name := args[0]
	if c.Bool("carta") { // what is typed is looked at before the store is
		if _, err := parseAddedConditions(c.Name, args[1:]); err != nil {
			return err
		}
	}
	f, err := s.Get(ctx, name)
	if err != nil {
		return s.noSuchFlag(ctx, name, err)
	}
	byCarta, err := decidesByCarta(c, f)
	switch {
	case err != nil:
		return err
	case byCarta:
		return p.addCartaConditions(ctx, c, s)
	case c.Name == "set" && !f.Rules().IsZero():
		return usagef("%s has rules: flipper rule replace %s POSITION CONDITION... changes one", words.Name(name), shellWord(name))
	}
	conditions, err := parseRuleConditions(args[1:])
	if err != nil {
		return err
	}
	d, err := s.Rules(ctx, name)
	if err != nil {
		return err
	}
	if d.AllVariants()[0].Value.Kind() != targeting.KindBool {
		return usagef("%s serves %s: say which, with flipper rule add %s CONDITION --serve VARIANT", words.Name(name), variantList(&d), shellWord(name))
	}
	rule := rules.Rule{If: conditions, Serve: "on"}
	if err := s.AddRule(ctx, name, rule); err != nil {
		return err
	}
	return p.changed(ctx, c, s, name, func(f *store.Flag) string {
		return fmt.Sprintf("rule %d added (%s); %s", len(f.Rules().Definition().Rules), short(words.Rule(rule)), retargeted(f))
	})
}

// parseAddedConditions reads conditions of Carta's model for condition add or set.
func parseAddedConditions(command string, args []string) ([]carta.Condition, error) {
	conditions, err := parseConditions(args)
	if err == nil && command == "add" && strings.HasPrefix(strings.TrimSpace(args[0]), "[") && len(conditions) != 1 {
		err = usagef("condition add takes one condition, not %d: write several, or none, with condition set", len(conditions))
	}
	return conditions, err
}

func (p *program) addCartaConditions(ctx context.Context, c *cli.Command, s *opened) error {
	name, args := c.Args().First(), c.Args().Tail()
	conditions, err := parseAddedConditions(c.Name, args)
	if err != nil {
		return err
	}
	if c.Name == "set" {
		err = s.SetConditions(ctx, name, conditions...)
	} else {
		err = updateCarta(ctx, s, name, func(f *store.Flag) error {
			f.Conditions = append(f.Conditions, conditions...)
			return nil
		})
	}
	if err != nil {
		return s.noSuchFlag(ctx, name, err)
	}
	return p.changedCarta(ctx, c, s, name)
}

func (p *program) removeConditions(ctx context.Context, c *cli.Command, s *opened) error {
	args := c.Args().Slice()
	if len(args) < 2 {
		return usagef("write %s NAME CONDITION, as in %[1]s NAME age__gte=18 (see %[1]s --help)", c.FullName())
	}
	name := args[0]
	f, err := s.Get(ctx, name)
	if err != nil {
		return s.noSuchFlag(ctx, name, err)
	}
	if f.Rules().IsZero() {
		conditions, err := parseConditions(args[1:])
		if err != nil {
			return err
		}
		if len(conditions) != 1 {
			return usagef("condition remove takes one condition, not %d: give one after another, or use condition set", len(conditions))
		}
		if err := updateCarta(ctx, s, name, func(f *store.Flag) error { return removeCondition(f, conditions[0]) }); err != nil {
			return s.noSuchFlag(ctx, name, err)
		}
		return p.changed(ctx, c, s, name, retargeted)
	}
	conditions, err := parseRuleConditions(args[1:])
	if err != nil {
		return err
	}
	err = s.UpdateRules(ctx, name, func(d *rules.Definition) error {
		if !d.Exclude("on", conditions...) {
			return usagef("%s has no such rule that serves on: it has %s", words.Name(name), short(strings.Join(words.Rules(*d), "; ")))
		}
		return nil
	})
	if usage, ok := errors.AsType[*codedError](err); ok {
		return usage
	}
	if err != nil {
		return err
	}
	return p.changed(ctx, c, s, name, retargeted)
}

func (p *program) listConditions(ctx context.Context, c *cli.Command, s *opened) error {
	name, err := oneName(c)
	if err != nil {
		return err
	}
	f, err := s.Get(ctx, name)
	if err != nil {
		return s.noSuchFlag(ctx, name, err)
	}
	if len(f.Conditions) == 0 && f.Bucketer.IsNoOp() || !f.Rules().IsZero() {
		return p.listRules(ctx, c, s)
	}
	if asJSON(c) {
		return p.printFlag(c, f)
	}
	lines := []string{"Carta's model: all of these must hold"}
	if len(f.Conditions) == 0 {
		lines[0] = "Carta's model: no conditions"
	}
	for _, condition := range f.Conditions {
		lines = append(lines, words.Condition(condition))
	}
	return p.printf("%s", strings.Join(lines, "\n"))
}

// updateCarta changes conditions or the bucketer of a flag that has no rules.
func updateCarta(ctx context.Context, s *opened, name string, change func(f *store.Flag) error) error {
	_, err := store.Update(ctx, s.watcher, name, func(f *store.Flag) error {
		if !f.Rules().IsZero() {
			return fmt.Errorf("%s has rules, which decide alone: %w", words.Name(name), flipper.ErrModel)
		}
		return change(f)
	})
	return err
}

// removeCondition removes a condition that has just these checks, or, if there is
// none, these checks from a condition that has more.
func removeCondition(f *store.Flag, unwanted carta.Condition) error {
	keys := map[string]bool{}
	for _, check := range unwanted.Checks() {
		keys[checkKey(check)] = true
	}
	best, rest := -1, []carta.Check(nil)
	for i, condition := range f.Conditions {
		others, found := []carta.Check(nil), 0
		for _, check := range condition.Checks() {
			if keys[checkKey(check)] {
				found++
			} else {
				others = append(others, check)
			}
		}
		if len(keys) == 0 && len(others) > 0 {
			continue
		}
		if found == len(keys) && (best < 0 || len(others) == 0 && len(rest) > 0) {
			best, rest = i, others
		}
	}
	if best < 0 {
		var there []string
		for _, condition := range f.Conditions {
			there = append(there, short(words.Condition(condition)))
		}
		if len(there) == 0 {
			return usagef("%s has no conditions", words.Name(f.Name))
		}
		return usagef("%s has no condition %s: it has %s", words.Name(f.Name), short(words.Condition(unwanted)), strings.Join(there, "; "))
	}
	if len(rest) == 0 {
		f.Conditions = slices.Delete(f.Conditions, best, best+1)
	} else {
		f.Conditions[best] = carta.NewCondition(rest...)
	}
	return nil
}

// checkKey tells checks apart, however they were written.
func checkKey(check carta.Check) string {
	return string(carta.NewCondition(check).AppendCanonical(nil))
}

func (p *program) clearConditions(ctx context.Context, c *cli.Command, s *opened) error {
	name, err := oneName(c)
	if err != nil {
		return err
	}
	f, err := s.Get(ctx, name)
	if err != nil {
		return s.noSuchFlag(ctx, name, err)
	}
	if !f.Rules().IsZero() {
		return usagef("%s has rules: flipper rule remove %s POSITION removes one", words.Name(name), shellWord(name))
	}
	if err := s.SetConditions(ctx, name); err != nil {
		return s.noSuchFlag(ctx, name, err)
	}
	return p.changed(ctx, c, s, name, retargeted)
}
