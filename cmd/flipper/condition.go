// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/internal/words"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting/carta"
)

const checkHelp = `A check is an attribute, an operator and a value: 'plan=pro', 'plan!=free',
'age>=18', 'age<65', 'plan in (pro, team)', 'plan not in (free)', or as the Python
client writes it: age__gte=18, plan__in=pro,team. The operators are = != > >= < <= in
and not in, or eq ne gt gte lt lte in not_in after two underscores. Quote what a shell
reads: > < ( ) and spaces. What get shows can be typed: 'age >= 18 and plan = pro'.
All checks must hold. A flag with conditions is on for whom all of them let
through; its rollout is not asked then. A check on an attribute that a request
does not have is passed.`

func (p *program) conditionCommand() *cli.Command {
	return &cli.Command{
		Name:  "condition",
		Usage: "say whom a flag is on for",
		Commands: []*cli.Command{
			{
				Name: "add", Usage: "add a condition to those that must hold", ArgsUsage: "NAME CHECK... | JSON",
				Description: checkHelp + "\n\n" + valueHelp,
				Metadata:    completesFlags,
				Action: p.withStore(existing, func(ctx context.Context, c *cli.Command, s *opened) error {
					return p.changeConditions(ctx, c, s, func(name string, conditions []carta.Condition) error {
						return updateCarta(ctx, s, name, func(f *store.Flag) error {
							f.Conditions = append(f.Conditions, conditions...)
							return nil
						})
					})
				}),
			},
			{
				Name: "set", Usage: "replace all conditions", ArgsUsage: "NAME CHECK... | JSON",
				Description: "As JSON, several conditions can be given: a list of stored forms.\n\n" + checkHelp + "\n\n" + valueHelp,
				Metadata:    completesFlags,
				Action: p.withStore(existing, func(ctx context.Context, c *cli.Command, s *opened) error {
					return p.changeConditions(ctx, c, s, func(name string, conditions []carta.Condition) error {
						return s.SetConditions(ctx, name, conditions...)
					})
				}),
			},
			{
				Name: "remove", Usage: "remove one condition, or some of its checks", ArgsUsage: "NAME CHECK... | JSON",
				Description: "The checks are written as get shows them, or in any other way that add takes.",
				Metadata:    completesFlags,
				Action: p.withStore(existing, func(ctx context.Context, c *cli.Command, s *opened) error {
					return p.changeConditions(ctx, c, s, func(name string, conditions []carta.Condition) error {
						if len(conditions) != 1 {
							return usagef("condition remove takes one condition, not %d: give one after another, or use condition set", len(conditions))
						}
						return updateCarta(ctx, s, name, func(f *store.Flag) error { return removeCondition(f, conditions[0]) })
					})
				}),
			},
			{
				Name: "clear", Usage: "remove all conditions", ArgsUsage: "NAME",
				Metadata: completesFlags,
				Action:   p.withStore(existing, p.clearConditions),
			},
		},
	}
}

func (p *program) changeConditions(ctx context.Context, c *cli.Command, s *opened, change func(string, []carta.Condition) error) error {
	args := c.Args().Slice()
	if len(args) < 2 {
		return usagef("write %s NAME CHECK, as in %[1]s NAME age__gte=18 (see %[1]s --help)", c.FullName())
	}
	conditions, err := parseConditions(args[1:])
	if err != nil {
		return err
	}
	if c.Name == "add" && strings.HasPrefix(strings.TrimSpace(args[1]), "[") && len(conditions) != 1 {
		return usagef("condition add takes one condition, not %d: write several, or none, with condition set", len(conditions))
	}
	if err := change(args[0], conditions); err != nil {
		return s.noSuchFlag(ctx, args[0], err)
	}
	return p.changed(ctx, c, s, args[0], retargeted)
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
	if err := s.SetConditions(ctx, name); err != nil {
		return s.noSuchFlag(ctx, name, err)
	}
	return p.changed(ctx, c, s, name, retargeted)
}
