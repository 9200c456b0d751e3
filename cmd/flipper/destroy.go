// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/internal/words"
)

func (p *program) destroyCommand() *cli.Command {
	return &cli.Command{
		Name:      "destroy",
		Usage:     "delete flags, for good",
		ArgsUsage: "NAME...",
		Description: "Asks before it does. Python services on Consul keep a flag that they have seen\n" +
			"until they restart: disable it first.\n\n" + patternHelp,
		Flags:    destroyFlags(),
		Metadata: completesFlags,
		Action:   p.withStore(existing, p.destroy),
	}
}

func destroyFlags() []cli.Flag {
	return []cli.Flag{
		yesFlag("delete without asking"),
		&cli.BoolFlag{Name: "even-if-asked", Usage: "delete also what rules of other flags ask"},
	}
}

func yesFlag(usage string) cli.Flag {
	return &cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, Usage: usage}
}

func (p *program) destroy(ctx context.Context, c *cli.Command, s *opened) error {
	chosen, err := p.selectFlags(ctx, c, s)
	if err != nil {
		return err
	}
	return p.destroyFlags(ctx, c, s, chosen)
}

func (p *program) destroyFlags(ctx context.Context, c *cli.Command, s *opened, chosen selection) error {
	question, err := p.questionBefore(ctx, s, chosen)
	if err != nil {
		return err
	}
	if question != "" { // else there is nothing to ask about
		if err := p.confirm(ctx, c.Bool("yes"), question); err != nil {
			return err
		}
	}
	return s.forEach(ctx, chosen.names, func(name string) error {
		var opts []flipper.DestroyOption
		if c.Bool("even-if-asked") {
			opts = append(opts, flipper.EvenIfAsked())
		}
		err := s.Destroy(ctx, name, opts...)
		if errors.Is(err, flipper.ErrAsked) {
			return fmt.Errorf("%w: change their rules first, or delete it with --even-if-asked", err)
		}
		if err != nil {
			return err
		}
		if asJSON(c) {
			return nil
		}
		return p.printf("%s: destroyed", words.Name(name))
	})
}

// questionBefore returns what to ask before flags are deleted, of which some may not
// be there. It is empty if none is.
func (p *program) questionBefore(ctx context.Context, s *opened, chosen selection) (string, error) {
	if chosen.byPattern {
		return "Delete " + theseFlags(len(chosen.names)) + " for good?", nil
	}
	var shown []string
	for _, name := range chosen.names {
		exists, err := s.Exists(ctx, name)
		if err != nil {
			return "", err
		}
		if exists {
			shown = append(shown, words.Name(name))
		}
	}
	if len(shown) == 0 {
		return "", nil
	}
	return fmt.Sprintf("Delete %s for good?", strings.Join(shown, ", ")), nil
}
