// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/flipper-go/flipper/internal/words"
)

func (p *program) destroyCommand() *cli.Command {
	return &cli.Command{
		Name:      "destroy",
		Usage:     "delete flags, for good",
		ArgsUsage: "NAME...",
		Description: "Asks before it does. Python services on Consul keep a flag that they have seen\n" +
			"until they restart: disable it first.",
		Flags:    []cli.Flag{yesFlag("delete without asking")},
		Metadata: completesFlags,
		Action:   p.withStore(existing, p.destroy),
	}
}

func yesFlag(usage string) cli.Flag {
	return &cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, Usage: usage}
}

func (p *program) destroy(ctx context.Context, c *cli.Command, s *opened) error {
	flags, err := names(c)
	if err != nil {
		return err
	}
	var shown []string
	for _, name := range flags {
		exists, err := s.Exists(ctx, name)
		if err != nil {
			return err
		}
		if exists {
			shown = append(shown, words.Name(name))
		}
	}
	if len(shown) > 0 { // else there is nothing to ask about
		if err := p.confirm(ctx, c.Bool("yes"), fmt.Sprintf("Delete %s for good?", strings.Join(shown, ", "))); err != nil {
			return err
		}
	}
	return s.forEach(ctx, flags, func(name string) error {
		if err := s.Destroy(ctx, name); err != nil {
			return err
		}
		if asJSON(c) {
			return nil
		}
		return p.printf("%s: destroyed", words.Name(name))
	})
}
