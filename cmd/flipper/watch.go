// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/flipper-go/flipper/internal/exchange"
	"github.com/flipper-go/flipper/internal/words"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
)

func (p *program) watchCommand() *cli.Command {
	return &cli.Command{
		Name:      "watch",
		Usage:     "show changes as they happen, until Ctrl-C",
		ArgsUsage: "[NAME...]",
		Description: "Shows each change in words. Several changes of a flag within moments may show as\n" +
			"one. With -o json, writes a line for each change, with the stored forms before and\n" +
			"after it, null for none.",
		Metadata: completesFlags,
		Action:   p.withStore(existing, p.watch),
	}
}

// A watching is what the command watch knows.
type watching struct {
	p     *program
	s     *opened
	c     *cli.Command
	only  []string // names; all if empty
	flags map[string]*store.Flag
	bad   map[string]bool // flags that are unreadable; flags has what they were before
	began bool
	lost  bool // the store cannot be asked
}

func (p *program) watch(ctx context.Context, c *cli.Command, s *opened) error {
	w := &watching{p: p, s: s, c: c, only: c.Args().Slice(), flags: map[string]*store.Flag{}, bad: map[string]bool{}}
	for change, err := range s.watcher.Watch(ctx) {
		if err == nil {
			err = w.look(ctx, change)
		}
		switch {
		case ctx.Err() != nil:
			if p.progress {
				fmt.Fprintln(p.err) // the terminal shows ^C
			}
			return nil // the way to end it
		case errors.Is(err, store.ErrUnavailable) && w.began:
			w.tellLost(err)
		case err != nil:
			return err
		}
	}
	if ctx.Err() == nil {
		return errors.New("the store does not tell of changes any more")
	}
	return nil
}

// look reads what may have changed, and shows what has.
func (w *watching) look(ctx context.Context, change store.Change) error {
	names := change.Names
	current := exchange.State{Flags: map[string]*store.Flag{}, Unreadable: map[string]error{}}
	if change.All {
		var err error
		if current, err = exchange.ReadState(ctx, w.s.watcher); err != nil {
			return err
		}
		names = nil
		names = slices.AppendSeq(names, maps.Keys(current.Flags))
		names = slices.AppendSeq(names, maps.Keys(current.Unreadable))
		names = slices.AppendSeq(names, maps.Keys(w.flags))
		names = slices.AppendSeq(names, maps.Keys(w.bad))
		slices.Sort(names)
		names = slices.Compact(names)
	} else {
		for _, name := range names {
			f, err := w.s.Get(ctx, name)
			switch {
			case err == nil:
				current.Flags[name] = f
			case errors.Is(err, store.ErrUnreadable):
				current.Unreadable[name] = err
			case !errors.Is(err, store.ErrNotFound):
				return err
			}
		}
	}
	for _, name := range names {
		if len(w.only) > 0 && !slices.Contains(w.only, name) {
			continue
		}
		if unreadable, ok := errors.AsType[*store.UnreadableError](current.Unreadable[name]); ok {
			if !w.bad[name] && w.began {
				fmt.Fprintln(w.p.err, oneLine(unreadable))
			}
			w.bad[name] = true
			continue
		}
		c, changed := exchange.Compare(name, w.flags[name], current.Flags[name])
		if w.bad[name] && current.Flags[name] == nil {
			c, changed = exchange.Change{Name: name, Kind: exchange.Delete}, true
		}
		delete(w.bad, name)
		if current.Flags[name] == nil {
			delete(w.flags, name)
		} else {
			w.flags[name] = current.Flags[name]
		}
		if changed && w.began {
			if err := w.show(c); err != nil {
				return err
			}
		}
	}
	return w.tellBegan()
}

func (w *watching) tellBegan() error {
	var err error
	switch {
	case !w.began:
		_, err = fmt.Fprintf(w.p.err, "watching %d flags in %s; Ctrl-C ends it\n", len(w.flags), w.s.place)
	case w.lost:
		_, err = fmt.Fprintln(w.p.err, "connected again")
	}
	w.began, w.lost = true, false
	return err
}

func (w *watching) tellLost(err error) {
	if !w.lost {
		fmt.Fprintln(w.p.err, "connection lost, trying again:", oneLine(err))
	}
	w.lost = true
}

// The signs of changes, as diff has them, and their colours.
var changeSigns = map[exchange.Kind]cell{
	exchange.Create: {"+", green},
	exchange.Update: {"~", yellow},
	exchange.Delete: {"-", red},
}

func (w *watching) show(c exchange.Change) error {
	now := time.Now()
	if asJSON(w.c) {
		text, err := changeJSON(c, now)
		if err != nil {
			return err
		}
		return w.p.printJSON(string(text))
	}
	return w.p.printf("%s %s", now.Format(time.TimeOnly), w.p.describeChange(c))
}

// describeChange says what a change changes, in a line for each difference.
func (c *console) describeChange(change exchange.Change) string {
	sign := changeSigns[change.Kind]
	differences := words.Difference(change.Before, change.After)
	if change.Kind == exchange.Delete && change.Before == nil {
		differences = []string{"deleted, was unreadable"}
	}
	return c.paint(sign.colour, sign.text+" "+words.Name(change.Name)+":") + " " + strings.Join(differences, "\n    ")
}

// changeJSON returns a change in a line.
func changeJSON(c exchange.Change, at time.Time) ([]byte, error) {
	fields := []targeting.Field{
		{Name: "time", Value: targeting.JSON(targeting.Text(at.UTC().Format(time.RFC3339Nano)).String())},
		{Name: "change", Value: targeting.JSON(targeting.Text(string(c.Kind)).String())},
		{Name: "name", Value: targeting.JSON(targeting.AppendText(nil, c.Name))},
	}
	for _, state := range []struct {
		name string
		flag *store.Flag
	}{{"before", c.Before}, {"after", c.After}} {
		value := targeting.JSON("null")
		if state.flag != nil {
			text, err := stored(state.flag)
			if err != nil {
				return nil, err
			}
			value = targeting.JSON(strings.ReplaceAll(text, "\n", " ")) // only between tokens: in text it is escaped
		}
		fields = append(fields, targeting.Field{Name: state.name, Value: value})
	}
	return targeting.AppendObject(nil, fields), nil
}
