// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"slices"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
)

const checkHelp = `A check is an attribute, an operator and a value: 'plan=pro', 'plan!=free',
'age>=18', 'age<65', or as the Python client writes it: age__gte=18,
plan__in=pro,team, plan__not_in='["free"]'. The operators are = != > >= < <=, and
eq ne gt gte lt lte in not_in after two underscores. Quote what a shell reads: > <.
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
						for _, condition := range conditions {
							if err := s.AddCondition(ctx, name, condition); err != nil {
								return err
							}
						}
						return nil
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
	if c.Name == "add" && len(conditions) != 1 {
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

// parseConditions reads one condition of checks, or stored forms.
func parseConditions(args []string) ([]carta.Condition, error) {
	if len(args) == 1 {
		text := targeting.JSON(strings.TrimSpace(args[0]))
		var conditions []carta.Condition
		var err error
		switch {
		case strings.HasPrefix(string(text), "["):
			conditions, err = carta.ParseConditions(text)
		case strings.HasPrefix(string(text), "{"):
			conditions = make([]carta.Condition, 1)
			conditions[0], err = carta.ParseCondition(text)
		}
		if err != nil {
			return nil, usagef(`%w: write a check, such as 'age>=18', or a stored form, such as '{"age": [{"variable": "age", "value": 18, "operator": "gte"}]}'`, err)
		}
		if conditions != nil {
			return conditions, nil
		}
	}
	var checks []carta.Check
	for _, arg := range args {
		check, err := parseCheck(arg)
		if err != nil {
			return nil, err
		}
		// In a condition there is room for one: the library would drop the first.
		if slices.ContainsFunc(checks, func(c carta.Check) bool {
			return c.Variable == check.Variable && c.Operator == check.Operator
		}) {
			return nil, usagef("check %q: there is one before it with the same attribute and operator: write __in for one of several values, or add another condition", arg)
		}
		checks = append(checks, check)
	}
	condition := carta.NewCondition(checks...)
	if err := condition.Err(); err != nil {
		return nil, usagef("%w", err)
	}
	return []carta.Condition{condition}, nil
}

// signs are the operators in signs, those that another one begins with later.
var signs = []struct {
	text     string
	operator carta.Operator
}{
	{"!=", carta.OpNotEqual},
	{">=", carta.OpGreaterOrEqual},
	{"<=", carta.OpLessOrEqual},
	{"==", carta.OpEqual},
	{"=", carta.OpEqual},
	{">", carta.OpGreater},
	{"<", carta.OpLess},
}

// parseCheck reads attribute, operator and value.
func parseCheck(text string) (carta.Check, error) {
	at := strings.IndexAny(text, "!=<>")
	if at <= 0 {
		return carta.Check{}, usagef("check %q: write attribute=value, age__gte=18 or 'age>=18'", text)
	}
	left, rest := strings.TrimSpace(text[:at]), text[at:]
	spaced := len(left) < at // as in 'plan = pro'
	for _, sign := range signs {
		right, ok := strings.CutPrefix(rest, sign.text)
		if !ok {
			continue
		}
		key, kind, err := cutKind(left)
		if err != nil {
			return carta.Check{}, err
		}
		variable, operator, err := parseCheckKey(key)
		if err != nil {
			return carta.Check{}, usagef("%w", err)
		}
		if sign.text != "=" {
			if operator != carta.OpEqual {
				return carta.Check{}, usagef("check %q: has two operators", text)
			}
			operator = sign.operator
		}
		if sign.text != "=" || spaced {
			right = strings.TrimSpace(right)
		}
		if kind == kindAny {
			if err := checkRight(text, sign.text, operator, right); err != nil {
				return carta.Check{}, err
			}
		}
		value, err := parseCheckValue(operator, kind, right)
		if err != nil {
			return carta.Check{}, usagef("check %q: %w", text, err)
		}
		return carta.NewCheck(variable, operator, value), nil
	}
	return carta.Check{}, usagef("check %q: write attribute=value, age__gte=18 or 'age>=18'", text)
}

// checkRight refuses what is hardly a value: an operator written the other way
// round, and nothing where there is an order or a list.
func checkRight(text, sign string, operator carta.Operator, right string) error {
	switch {
	case strings.HasPrefix(right, ">"), strings.HasPrefix(right, "<"), sign != "=" && strings.HasPrefix(right, "="):
		return usagef("check %q: the operators are = != > >= < <= (for a value that begins with one, write name:text=…)", text)
	case right == "" && operator != carta.OpEqual && operator != carta.OpNotEqual:
		return usagef("check %q: the value is missing: write 'age>=18', or plan__in=pro,team", text)
	}
	return nil
}

// parseCheckKey takes __eq too, which people expect, and the Python client writes
// as the bare name.
func parseCheckKey(key string) (string, carta.Operator, error) {
	if variable, ok := strings.CutSuffix(key, "__eq"); ok && !strings.Contains(variable, "__") {
		return variable, carta.OpEqual, nil
	}
	return carta.ParseCheckKey(key)
}

// parseCheckValue reads the value; in takes a,b beside a JSON list.
func parseCheckValue(operator carta.Operator, kind, text string) (targeting.Value, error) {
	isList := operator == carta.OpIn || operator == carta.OpNotIn
	if !isList || strings.HasPrefix(text, "[") {
		return parseValue(kind, text)
	}
	var values []targeting.Value
	for element := range strings.SplitSeq(text, ",") {
		v, err := parseValue(kind, strings.TrimSpace(element))
		if err != nil {
			return targeting.Value{}, err
		}
		values = append(values, v)
	}
	return targeting.List(values...), nil
}
