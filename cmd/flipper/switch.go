// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v3"
)

func (p *program) enableCommand() *cli.Command {
	return &cli.Command{
		Name:      "enable",
		Usage:     "switch flags on",
		ArgsUsage: "NAME...",
		Description: "From then on the flag's rules, or its conditions and rollout, decide; without any it is\n" +
			"on for all.\n\n" + patternHelp,
		Flags:    []cli.Flag{yesFlag("do not ask, with a pattern")},
		Metadata: completesFlags,
		Action: p.withStore(existing, func(ctx context.Context, c *cli.Command, s *opened) error {
			return p.switchFlags(ctx, c, s, "Enable", s.Enable)
		}),
	}
}

func (p *program) disableCommand() *cli.Command {
	return &cli.Command{
		Name:        "disable",
		Usage:       "switch flags off, for everyone",
		ArgsUsage:   "NAME...",
		Description: patternHelp,
		Flags:       []cli.Flag{yesFlag("do not ask, with a pattern")},
		Metadata:    completesFlags,
		Action: p.withStore(existing, func(ctx context.Context, c *cli.Command, s *opened) error {
			return p.switchFlags(ctx, c, s, "Disable", s.Disable)
		}),
	}
}

func (p *program) switchFlags(ctx context.Context, c *cli.Command, s *opened, verb string, do func(context.Context, string) error) error {
	chosen, err := p.selectFlags(ctx, c, s)
	if err != nil {
		return err
	}
	if chosen.byPattern {
		if err := p.confirm(ctx, c.Bool("yes"), verb+" "+theseFlags(len(chosen.names))+"?"); err != nil {
			return err
		}
	}
	return s.forEach(ctx, chosen.names, func(name string) error {
		if err := do(ctx, name); err != nil {
			return err
		}
		return p.changed(ctx, c, s, name, state)
	})
}

func theseFlags(n int) string {
	if n == 1 {
		return "this flag"
	}
	return fmt.Sprintf("these %d flags", n)
}
