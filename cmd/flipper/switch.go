// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"

	"github.com/urfave/cli/v3"
)

func (p *program) enableCommand() *cli.Command {
	return &cli.Command{
		Name:        "enable",
		Usage:       "switch flags on",
		ArgsUsage:   "NAME...",
		Description: "From then on the flag's conditions and rollout decide; without any it is on for all.",
		Metadata:    completesFlags,
		Action: p.withStore(existing, func(ctx context.Context, c *cli.Command, s *opened) error {
			return p.switchFlags(ctx, c, s, s.Enable)
		}),
	}
}

func (p *program) disableCommand() *cli.Command {
	return &cli.Command{
		Name:      "disable",
		Usage:     "switch flags off, for everyone",
		ArgsUsage: "NAME...",
		Metadata:  completesFlags,
		Action: p.withStore(existing, func(ctx context.Context, c *cli.Command, s *opened) error {
			return p.switchFlags(ctx, c, s, s.Disable)
		}),
	}
}

func (p *program) switchFlags(ctx context.Context, c *cli.Command, s *opened, do func(context.Context, string) error) error {
	flags, err := names(c)
	if err != nil {
		return err
	}
	return s.forEach(ctx, flags, func(name string) error {
		if err := do(ctx, name); err != nil {
			return err
		}
		return p.changed(ctx, c, s, name, state)
	})
}
