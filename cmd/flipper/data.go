// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"io"
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
	if f.ClientData == "" {
		return p.printf("{}")
	}
	return p.printJSON(string(f.ClientData))
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
