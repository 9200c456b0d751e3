// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/flipper-go/flipper/internal/words"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
)

func (p *program) getCommand() *cli.Command {
	return &cli.Command{
		Name:        "get",
		Usage:       "show a flag",
		ArgsUsage:   "NAME",
		Description: "With -o json, gives the flag's stored form, byte for byte.",
		Metadata:    completesFlags,
		Action:      p.withStore(existing, p.get),
	}
}

func (p *program) get(ctx context.Context, c *cli.Command, s *opened) error {
	name, err := oneName(c)
	if err != nil {
		return err
	}
	f, err := s.Get(ctx, name)
	if err != nil {
		return s.noSuchFlag(ctx, name, err)
	}
	return p.printFlag(c, f)
}

// printFlag shows one flag.
func (p *program) printFlag(c *cli.Command, f *store.Flag) error {
	if asJSON(c) {
		text, err := stored(f)
		if err != nil {
			return err
		}
		return p.printJSON(text)
	}
	data := userData(f)
	if data == "" {
		data = "{}"
	}
	rollout := words.Rollout(f.Bucketer, time.Now())
	rows := [][]cell{
		{{text: "name:"}, {text: words.Name(f.Name)}},
		{{text: "state:"}, stateCell(f)},
	}
	if f.Rules().IsZero() {
		rows = append(rows,
			[]cell{{text: "conditions:"}, {text: orDash(words.Conditions(f.Conditions))}},
			[]cell{{text: "rollout:"}, {text: orDash(rollout)}},
		)
	} else {
		rows = append(rows, ruleRows(f)...)
	}
	if ramp := words.Ramp(f.Bucketer.Percentage()); f.Rules().IsZero() && !strings.Contains(rollout, ramp) { // it has ended
		rows = append(rows, []cell{{text: "ramp:"}, {text: ramp}})
	}
	about := aboutFlag(f)
	for _, row := range [][]cell{
		{{text: "owner:"}, {text: words.Text(about.owner)}},
		{{text: "expires:"}, about.expiry(time.Now())},
		{{text: "description:"}, {text: words.Text(about.description)}},
	} {
		if row[1].text != "" {
			rows = append(rows, row)
		}
	}
	return p.printFields(append(rows,
		[]cell{{text: "client data:"}, {text: string(canonical(data))}},
		[]cell{{text: "created:"}, {text: words.Time(f.Created)}},
	))
}

// stateCell says whether a flag is switched on.
func stateCell(f *store.Flag) cell {
	if f.Enabled {
		return cell{"enabled", green}
	}
	return cell{"disabled", ""}
}

// canonical returns JSON text in one line.
func canonical(text targeting.JSON) targeting.JSON {
	v, err := targeting.ParseJSON(text)
	if err != nil {
		return text
	}
	return targeting.JSON(v.String())
}
