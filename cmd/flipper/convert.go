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
	"github.com/flipper-go/flipper/targeting"
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
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "dry-run", Usage: "only say what would change"},
			yesFlag("convert without asking"),
		},
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
	if len(conversion.Differences) == 0 {
		lines = append(lines, "No request will be answered otherwise.")
	} else {
		lines = append(lines, "These requests will be answered otherwise:")
	}
	for _, difference := range conversion.Differences {
		lines = append(lines, "* "+difference)
	}
	if asJSON(c) && c.Bool("dry-run") {
		return p.printConversion(name, conversion)
	}
	if !asJSON(c) {
		if err := p.printf("%s", strings.Join(lines, "\n")); err != nil {
			return err
		}
	}
	if c.Bool("dry-run") {
		return nil
	}
	if err := p.confirm(ctx, c.Bool("yes"), "Convert "+words.Name(name)+"?"); err != nil {
		return err
	}
	if _, err := s.Convert(ctx, name); err != nil {
		return err
	}
	return p.changed(ctx, c, s, name, retargeted)
}

// printConversion writes what a flag would become, as JSON.
func (p *program) printConversion(name string, conversion rules.Conversion) error {
	r, err := rules.New(name, conversion.Definition)
	if err != nil {
		return err
	}
	var differences []targeting.Value
	for _, difference := range conversion.Differences {
		differences = append(differences, targeting.Text(difference))
	}
	return p.printJSON(string(targeting.AppendObject(nil, []targeting.Field{
		{Name: "dry_run", Value: "true"},
		{Name: "rules", Value: r.JSON()},
		{Name: "differences", Value: targeting.JSON(targeting.List(differences...).String())},
	})))
}
