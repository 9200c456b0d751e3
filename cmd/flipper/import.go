// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/flipper-go/flipper/internal/exchange"
	"github.com/flipper-go/flipper/internal/words"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
)

func (p *program) importCommand() *cli.Command {
	return &cli.Command{
		Name:      "import",
		Usage:     "bring the store into the state of a file that export wrote",
		ArgsUsage: "FILE | -",
		Description: "Flags that the file does not have stay, unless --prune is given. All of the file is\n" +
			"checked before anything is written. A flag that somebody changes meanwhile keeps that\n" +
			"change. If the store fails half way, the message says what was done; doing it again\n" +
			"does the rest.",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "dry-run", Usage: "only show what would change"},
			&cli.BoolFlag{Name: "prune", Usage: "delete flags that the file does not have; asks before it does"},
			yesFlag("delete without asking"),
		},
		Action: p.withStore(creating, p.importFile),
	}
}

func (p *program) importFile(ctx context.Context, c *cli.Command, s *opened) error {
	if c.NArg() != 1 {
		return usagef("import takes one file: write %s FILE, or - for standard input", c.FullName())
	}
	path := c.Args().First()
	text, err := p.readFile(ctx, path)
	if err != nil {
		return err
	}
	wanted, err := exchange.Read(text)
	if err != nil {
		if path == "-" {
			path = "standard input"
		}
		return fmt.Errorf("%s: %w; nothing was changed", path, err)
	}
	state, err := exchange.ReadState(ctx, s.watcher)
	if err != nil {
		return err
	}
	changes, err := exchange.Plan(state, wanted, c.Bool("prune"))
	if err != nil {
		return fmt.Errorf("nothing was changed: %w", err)
	}
	done := &imported{c: c, p: p, total: len(changes), same: len(wanted)}
	for _, change := range changes {
		if change.Kind != exchange.Delete {
			done.same--
		}
	}
	if c.Bool("dry-run") {
		return done.showPlan(changes)
	}
	deletions := 0
	for _, change := range changes {
		if change.Kind == exchange.Delete {
			deletions++
		}
	}
	if deletions > 0 {
		if err := p.confirm(ctx, c.Bool("yes"), fmt.Sprintf("Delete %d flags that %s does not have, for good?", deletions, path)); err != nil {
			return err
		}
	}
	return done.apply(ctx, s, changes)
}

func (p *program) readFile(ctx context.Context, path string) ([]byte, error) {
	if path == "-" {
		return p.readAll(ctx)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, &codedError{exitFailed, fmt.Errorf("import: %w", err)}
	}
	return text, nil
}

// An imported is how far an import is.
type imported struct {
	c           *cli.Command
	p           *program
	total, same int
	done        []exchange.Change
}

// showPlan shows what would be done.
func (i *imported) showPlan(changes []exchange.Change) error {
	for _, change := range changes {
		if asJSON(i.c) {
			break
		}
		if err := i.p.printf("%s", i.p.describeChange(change)); err != nil {
			return err
		}
	}
	i.done = changes
	return i.showSummary("would ")
}

// apply makes the changes. A flag that was changed meanwhile does not stop the
// others; that the store fails does.
func (i *imported) apply(ctx context.Context, s *opened, changes []exchange.Change) error {
	var errs []error
	erase := func() {}
	for n, change := range changes {
		if n%progressEvery == 0 && n > 0 {
			erase = i.p.report("imported %d of %d flags", n, i.total)
		}
		err := change.Apply(ctx, s.watcher)
		if errors.Is(err, store.ErrConflict) {
			errs = append(errs, &restated{words.Name(change.Name) + ": changed meanwhile, and left so: " + meanwhile(ctx, s, change), err})
			continue
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w, so it may or may not be done", words.Name(change.Name), err))
			break
		}
		i.done = append(i.done, change)
	}
	erase()
	if !asJSON(i.c) {
		for _, change := range i.done {
			if err := i.p.printf("%sd %s", change.Kind, words.Name(change.Name)); err != nil {
				return err
			}
		}
	}
	err := i.showSummary("")
	if len(errs) > 0 {
		err = errors.Join(err, &restated{
			fmt.Sprintf("%d of %d changes done, run it again for the rest: %s", len(i.done), i.total, someOf(errs)), errors.Join(errs...),
		})
	}
	return err
}

// meanwhile says what somebody else changed between the plan of a change and its
// turn.
func meanwhile(ctx context.Context, s *opened, planned exchange.Change) string {
	now, err := s.Get(ctx, planned.Name)
	switch {
	case err != nil && !errors.Is(err, store.ErrNotFound):
		return err.Error()
	case planned.Kind == exchange.Delete && planned.Before == nil:
		return "it can be read again"
	}
	differences := words.Difference(planned.Before, now)
	if len(differences) == 0 {
		return "it is again as it was"
	}
	return strings.Join(differences, ", ")
}

// shownErrors is how many errors of an import are told at most: thousands of
// conflicts are no message.
const shownErrors = 3

// someOf tells of errors. The last comes first: only the last can be that the
// store failed.
func someOf(errs []error) string {
	last := len(errs) - 1
	told := []string{errs[last].Error()}
	for _, err := range errs[:min(last, shownErrors-1)] {
		told = append(told, err.Error())
	}
	if more := len(errs) - len(told); more > 0 {
		told = append(told, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(told, "; ")
}

// showSummary says how many flags there were of each kind.
func (i *imported) showSummary(would string) error {
	names := map[exchange.Kind][]targeting.Value{exchange.Create: nil, exchange.Update: nil, exchange.Delete: nil}
	for _, change := range i.done {
		names[change.Kind] = append(names[change.Kind], targeting.Text(change.Name))
	}
	kinds := []exchange.Kind{exchange.Create, exchange.Update, exchange.Delete}
	if asJSON(i.c) {
		members := []targeting.Member{{Key: "dry_run", Value: targeting.Bool(would != "")}}
		for _, kind := range kinds {
			members = append(members, targeting.Member{Key: string(kind) + "d", Value: targeting.List(names[kind]...)})
		}
		members = append(members, targeting.Member{Key: "unchanged", Value: targeting.Int(int64(i.same))})
		return i.p.printf("%s", targeting.Object(members...))
	}
	var counts []string
	for _, kind := range kinds {
		verb := string(kind)
		if would == "" {
			verb += "d"
		}
		counts = append(counts, fmt.Sprintf("%s%s %d", would, verb, len(names[kind])))
	}
	return i.p.printf("%s, unchanged %d", strings.Join(counts, ", "), i.same)
}
