// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/flipper-go/flipper/internal/words"
	"github.com/flipper-go/flipper/targeting/rules"
)

func (p *program) convertCommand() *cli.Command {
	return &cli.Command{
		Name:      "convert",
		Usage:     "turn a flag of Carta's model into one with rules",
		ArgsUsage: "NAME",
		Description: "Says what the flag becomes and which requests will be answered otherwise, and asks\n" +
			"before it does. A rollout keeps Carta's hash, so nobody changes sides. Python\n" +
			"clients take the flag for off from then on.",
		Flags:    []cli.Flag{yesFlag("convert without asking")},
		Metadata: completesFlags,
		Action:   p.withStore(existing, p.convert),
	}
}

func (p *program) convert(ctx context.Context, c *cli.Command, s *opened) error {
	name, err := oneName(c)
	if err != nil {
		return err
	}
	f, err := s.Get(ctx, name)
	if err != nil {
		return s.noSuchFlag(ctx, name, err)
	}
	if !f.Rules().IsZero() {
		return errors.New(words.Name(name) + " has rules already")
	}
	conversion, err := rules.FromCarta(f.Conditions, f.Bucketer, time.Now())
	if err != nil {
		return err
	}
	lines := append([]string{words.Name(name) + " becomes:"}, numbered(words.Rules(conversion.Definition))...)
	for _, difference := range conversion.Differences {
		lines = append(lines, "* "+difference)
	}
	if !asJSON(c) {
		if err := p.printf("%s", strings.Join(lines, "\n")); err != nil {
			return err
		}
	}
	if err := p.confirm(ctx, c.Bool("yes"), "Convert "+words.Name(name)+"?"); err != nil {
		return err
	}
	if _, err := s.Convert(ctx, name); err != nil {
		return err
	}
	return p.changed(ctx, c, s, name, retargeted)
}

func (p *program) segmentCommand() *cli.Command {
	return &cli.Command{
		Name:  "segment",
		Usage: "say who belongs together",
		Commands: []*cli.Command{{
			Name: "create", Usage: "make a segment of requests for which all conditions hold", ArgsUsage: "NAME [CONDITION...]",
			Description: "A segment is the flag segment:NAME: rule, get, eval and destroy work on it, and rules\nof other flags ask it: rule add FLAG 'in segment NAME'.\n\n" + conditionHelp,
			Action:      p.withStore(creating, p.createSegment),
		}},
	}
}

func (p *program) createSegment(ctx context.Context, c *cli.Command, s *opened) error {
	if !c.Args().Present() {
		return usagef("write %s NAME [CONDITION...], such as %[1]s staff 'email ends with @example.com'", c.FullName())
	}
	var conditions []rules.Condition
	if args := c.Args().Tail(); len(args) > 0 {
		var err error
		if conditions, err = parseRuleConditions(args); err != nil {
			return err
		}
	}
	flag, err := s.CreateSegment(ctx, segmentName(c.Args().First()), conditions...)
	if err != nil {
		return err
	}
	return p.changed(ctx, c, s, flag.Name(), created)
}
