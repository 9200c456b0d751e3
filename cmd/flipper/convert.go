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
