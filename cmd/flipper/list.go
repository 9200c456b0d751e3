// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
		Description: "With TEXT, shows only flags whose name, description or owner has it, in upper or lower\n" +
			"case. With -o json, writes a list of the flags' stored forms.",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "enabled", Usage: "only flags that are enabled"},
			&cli.BoolFlag{Name: "disabled", Usage: "only flags that are disabled"},
			&cli.StringFlag{Name: keyOwner, Usage: "only flags of this owner"},
			&cli.BoolFlag{Name: "expired", Usage: "only flags whose last day is over"},
		},
		Action: p.withStore(existing, p.list),
	}
}

func (p *program) list(ctx context.Context, c *cli.Command, s *opened) error {
	if c.NArg() > 1 {
		return usagef("list takes one text at most (see %s --help)", c.FullName())
	}
	text, now := strings.ToLower(c.Args().First()), time.Now()
	wanted := func(f *store.Flag) bool {
		about := aboutFlag(f)
		switch {
		case !strings.Contains(strings.ToLower(f.Name), text) && !about.matches(text),
			c.Bool("enabled") && !c.Bool("disabled") && !f.Enabled,
			c.Bool("disabled") && !c.Bool("enabled") && f.Enabled,
			c.IsSet(keyOwner) && !strings.EqualFold(about.owner, c.String(keyOwner)),
			c.Bool("expired") && !about.hasExpired(now):
			return false
		}
		return true
	}
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
		case wanted(f):
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

// printFlags returns a list of stored forms, one in a line.
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
	rows := [][]cell{{{text: "NAME"}, {text: "STATE"}, {text: "OWNER"}, {text: "EXPIRES"}, {text: "CREATED"}, {text: "DESCRIPTION"}}}
	for _, f := range flags {
		about := aboutFlag(f)
		rows = append(rows, []cell{
			{text: words.Name(f.Name)},
			{words.State(f, now), stateCell(f).colour},
			{text: words.Text(about.owner)},
			about.expiry(now),
			{text: day(f.Created)},
			{text: words.Text(about.description)},
		})
	}
	rows = withoutEmptyColumns(rows)
	for _, bad := range unreadable {
		rows = append(rows, []cell{{text: words.Name(bad.Name)}, {"unreadable", red}})
	}
	return p.printTable(rows)
}

// withoutEmptyColumns leaves out the columns of a table that have nothing but a
// title, and writes a dash where there is nothing in others.
func withoutEmptyColumns(rows [][]cell) [][]cell {
	var kept []int
	for column := range rows[0] {
		if slices.ContainsFunc(rows[1:], func(row []cell) bool { return row[column].text != "" }) {
			kept = append(kept, column)
		}
	}
	if len(rows) == 1 {
		kept = []int{0, 1} // for the flags that are unreadable
	}
	slim := make([][]cell, len(rows))
	for i, row := range rows {
		for _, column := range kept {
			c := row[column]
			c.text = orDash(c.text)
			slim[i] = append(slim[i], c)
		}
	}
	return slim
}

// day returns the day of a time, or a dash for none.
func day(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.DateOnly)
}
