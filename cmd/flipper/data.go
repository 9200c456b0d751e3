// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/flipper-go/flipper/internal/words"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
)

func (p *program) dataCommand() *cli.Command {
	return &cli.Command{
		Name:  "data",
		Usage: "show and change a flag's client data",
		Commands: []*cli.Command{
			{
				Name: "show", Usage: "show the client data, as JSON", ArgsUsage: "NAME",
				Metadata: completesFlags,
				Action:   p.withStore(existing, p.showData),
			},
			{
				Name: "merge", Usage: "merge into the client data", ArgsUsage: "NAME key=value... | JSON | -",
				Description: "Keys that are there are replaced, others stay. What to merge is written as\n" +
					"key=value, as a JSON object, or comes from standard input, for -.\n\n" + valueHelp,
				Metadata: completesFlags,
				Action:   p.withStore(existing, p.mergeData),
			},
			{
				Name: "remove", Usage: "remove keys from the client data", ArgsUsage: "NAME KEY...",
				Metadata: completesFlags,
				Action:   p.withStore(existing, p.removeData),
			},
		},
	}
}

func (p *program) showData(ctx context.Context, c *cli.Command, s *opened) error {
	name, err := oneName(c)
	if err != nil {
		return err
	}
	f, err := s.Get(ctx, name)
	if err != nil {
		return s.noSuchFlag(ctx, name, err)
	}
	if data := userData(f); data != "" {
		return p.printJSON(string(data))
	}
	return p.printf("{}")
}

func (p *program) mergeData(ctx context.Context, c *cli.Command, s *opened) error {
	args := c.Args().Slice()
	if len(args) < 2 {
		return usagef("write %s NAME key=value (see %[1]s --help)", c.FullName())
	}
	name, args := args[0], args[1:]
	data, err := p.parseData(ctx, args)
	if err != nil {
		return err
	}
	return p.changeData(ctx, c, s, name, func() error { return s.SetClientData(ctx, name, data) })
}

func (p *program) removeData(ctx context.Context, c *cli.Command, s *opened) error {
	args := c.Args().Slice()
	if len(args) < 2 {
		return usagef("write %s NAME KEY (see %[1]s --help)", c.FullName())
	}
	name, keys := args[0], args[1:]
	return p.changeData(ctx, c, s, name, func() error {
		_, err := store.Update(ctx, s.watcher, name, func(f *store.Flag) error { return removeKeys(f, keys) })
		return err
	})
}

// removeKeys removes keys from a flag's client data. What stays keeps its text.
func removeKeys(f *store.Flag, keys []string) error {
	var fields []targeting.Field
	if f.ClientData != "" {
		var err error
		if fields, err = targeting.SplitObject(f.ClientData); err != nil {
			return fmt.Errorf("its client data is no object, so it has no keys: %w", err)
		}
	}
	for _, key := range keys {
		if err := checkNotReserved(key); err != nil {
			return err
		}
		i := slices.IndexFunc(fields, func(f targeting.Field) bool { return f.Name == key })
		if i < 0 {
			var there []string
			for _, f := range fields {
				if !store.IsReserved(f.Name) {
					there = append(there, f.Name)
				}
			}
			return usagef("its client data has no key %s%s", words.Name(key), didYouMean(key, there))
		}
		fields = slices.Delete(fields, i, i+1)
	}
	f.ClientData = targeting.JSON(targeting.AppendObject(nil, fields))
	return nil
}

// checkNotReserved refuses the keys of client data under which rules are stored.
func checkNotReserved(key string) error {
	if store.IsReserved(key) {
		return usagef("the key %s of client data is reserved: flipper rule and flipper rollout change rules", words.Name(key))
	}
	return nil
}

// changeData changes client data, and says what that changed.
func (p *program) changeData(ctx context.Context, c *cli.Command, s *opened, name string, change func() error) error {
	before, err := s.Get(ctx, name)
	if err == nil {
		err = change()
	}
	if err != nil {
		return s.noSuchFlag(ctx, name, err)
	}
	return p.changed(ctx, c, s, name, func(after *store.Flag) string {
		differences := words.Difference(before, after)
		if len(differences) == 0 {
			return "nothing changed"
		}
		return strings.Join(differences, "\n    ")
	})
}

// parseData reads key=value arguments, an object, or an object from the input.
func (p *program) parseData(ctx context.Context, args []string) (map[string]any, error) {
	switch {
	case len(args) == 1 && args[0] == "-":
		text, err := p.readAll(ctx)
		if err != nil {
			return nil, err
		}
		return parseObject("standard input", string(text))
	case len(args) == 1 && strings.HasPrefix(strings.TrimSpace(args[0]), "{"):
		return parseObject("client data", args[0])
	case len(args) == 1 && strings.HasPrefix(strings.TrimSpace(args[0]), "["):
		return nil, usagef("client data: a list cannot be merged: %s", objectExample)
	}
	attrs, err := parseAttributes(args, "")
	if err != nil {
		return nil, err
	}
	data := map[string]any{}
	for _, a := range attrs {
		if err := checkNotReserved(a.Name); err != nil {
			return nil, err
		}
		data[a.Name] = a.Value
	}
	return data, nil
}

// objectExample shows what a JSON object is, quoted for a shell.
const objectExample = `write a JSON object, such as '{"owner": "search"}'`

// parseObject reads the text of a JSON object.
func parseObject(what, text string) (map[string]any, error) {
	v, err := targeting.ParseJSON(targeting.JSON(text))
	if err != nil {
		return nil, usagef("%s: %w: %s", what, err, objectExample)
	}
	if v.Kind() != targeting.KindObject {
		return nil, usagef("%s: is of kind %s: %s", what, v.Kind(), objectExample)
	}
	data := map[string]any{}
	for _, m := range v.Members() {
		if err := checkNotReserved(m.Key); err != nil {
			return nil, err
		}
		data[m.Key] = m.Value
	}
	return data, nil
}

// readAll reads the input to its end.
func (p *program) readAll(ctx context.Context) ([]byte, error) {
	var all []byte
	lines := readLines(ctx, p.in)
	for {
		text, err := next(ctx, lines)
		all = append(all, text...)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
	}
}
