// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/flipper-go/flipper/internal/words"
	"github.com/flipper-go/flipper/store"
)

func (p *program) listCommand() *cli.Command {
	return &cli.Command{
		Name:      "list",
		Usage:     "show all flags",
		ArgsUsage: "[TEXT]",
		Description: "With TEXT, shows only flags whose name holds it, in upper or lower case.\n" +
			"With -o json, gives a list of the flags' stored forms.",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "enabled", Usage: "only flags that are enabled"},
			&cli.BoolFlag{Name: "disabled", Usage: "only flags that are disabled"},
		},
		Action: p.withStore(existing, p.list),
	}
}

func (p *program) list(ctx context.Context, c *cli.Command, s *opened) error {
	if c.NArg() > 1 {
		return usagef("list takes one text at most (see %s --help)", c.FullName())
	}
	text := strings.ToLower(c.Args().First())
	var flags []*store.Flag
	var unreadable []*store.UnreadableError
	for f, err := range s.List(ctx) {
		bad, isUnreadable := errors.AsType[*store.UnreadableError](err)
		switch {
		case isUnreadable:
			if strings.Contains(strings.ToLower(bad.Name), text) {
				unreadable = append(unreadable, bad)
			}
		case err != nil:
			return err
		case !strings.Contains(strings.ToLower(f.Name), text),
			c.Bool("enabled") && !c.Bool("disabled") && !f.Enabled,
			c.Bool("disabled") && !c.Bool("enabled") && f.Enabled:
		default:
			flags = append(flags, f)
		}
	}
	var err error
	if asJSON(c) {
		err = p.printFlags(flags)
	} else {
		err = p.printFlagTable(flags, unreadable)
	}
	if len(unreadable) > 0 {
		var errs []error
		for _, bad := range unreadable {
			errs = append(errs, bad)
		}
		err = errors.Join(err, errors.Join(errs...))
	}
	return err
}

// printFlags gives a list of stored forms, one in a line.
func (p *program) printFlags(flags []*store.Flag) error {
	var b strings.Builder
	b.WriteByte('[')
	for i, f := range flags {
		if i > 0 {
			b.WriteByte(',')
		}
		text, err := stored(f)
		if err != nil {
			return err
		}
		b.WriteString("\n" + text)
	}
	if len(flags) > 0 {
		b.WriteByte('\n')
	}
	b.WriteByte(']')
	return p.printJSON(b.String())
}

func (p *program) printFlagTable(flags []*store.Flag, unreadable []*store.UnreadableError) error {
	if len(flags) == 0 && len(unreadable) == 0 {
		if p.progress {
			fmt.Fprintln(p.err, "no flags")
		}
		return nil
	}
	now := time.Now()
	rows := [][]cell{{{text: "NAME"}, {text: "STATE"}, {text: "CREATED"}}}
	for _, f := range flags {
		rows = append(rows, []cell{
			{text: words.Name(f.Name)},
			{words.State(f, now), stateCell(f).colour},
			{text: day(f.Created)},
		})
	}
	for _, bad := range unreadable {
		rows = append(rows, []cell{{text: words.Name(bad.Name)}, {"unreadable", red}})
	}
	return p.printTable(rows)
}

// day returns the day of a time, or a dash for none.
func day(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.DateOnly)
}
