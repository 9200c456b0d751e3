// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v3"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/internal/words"
	"github.com/flipper-go/flipper/store"
)

func (p *program) createCommand() *cli.Command {
	return &cli.Command{
		Name:      "create",
		Usage:     "make a flag",
		ArgsUsage: "NAME",
		Description: "The flag is disabled, unless --enabled is given. A flag that exists stays as it is.\n\n" +
			"--variant light=#fff --variant dark=#000 makes a flag that serves these values. They are\n" +
			"all numbers, all true or false, all objects or lists, or else text; --kind decides in\n" +
			"their place. The first is the off variant and the default, unless --off and --default\n" +
			"name others.",
		DisableSliceFlagSeparator: true, // values of variants have commas
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "enabled", Usage: "make it enabled"},
			&cli.StringFlag{Name: "data", Usage: "client data, a JSON object"},
			&cli.StringSliceFlag{Name: "variant", Usage: "a variant and its value, such as light=#fff; repeat it for others"},
			&cli.StringFlag{Name: "kind", Usage: "how to read the values: text, number, boolean or object"},
			&cli.StringFlag{Name: "off", Usage: "the variant to serve while the flag is off"},
			&cli.StringFlag{Name: "default", Usage: "the variant to serve while the flag is on"},
		}, aboutFlags()...),
		Action: p.withStore(creating, p.create),
	}
}

func (p *program) create(ctx context.Context, c *cli.Command, s *opened) error {
	name, err := oneName(c)
	if err != nil {
		return err
	}
	opts := []flipper.CreateOption{flipper.WithEnabled(c.Bool("enabled"))}
	data := map[string]any{}
	if text := c.String("data"); text != "" {
		if data, err = parseObject("--data", text); err != nil {
			return err
		}
	}
	if err := addAbout(c, data); err != nil {
		return err
	}
	opts = append(opts, flipper.WithClientData(data))
	d, ok, err := newVariants(c)
	if err != nil {
		return err
	}
	if ok {
		opts = append(opts, flipper.WithRules(d))
	}
	_, err = s.Create(ctx, name, opts...)
	if errors.Is(err, store.ErrExists) {
		return &restated{fmt.Sprintf("there is a flag %s already: it stays as it is (flipper get shows it)", words.Name(name)), err}
	}
	if err != nil {
		return err
	}
	return p.changed(ctx, c, s, name, created)
}
