// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"strings"

	"github.com/urfave/cli/v3"

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
						_, err := store.Update(ctx, s.watcher, name, func(f *store.Flag) error {
							f.Conditions = append(f.Conditions, conditions...)
							return nil
						})
						return err
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
