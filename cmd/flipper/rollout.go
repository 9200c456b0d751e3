// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"slices"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting/carta"
	"github.com/flipper-go/flipper/targeting/rules"
)

const rolloutHelp = `A share is written 0.1 or 10%. The same users get the flag every time, and stay in
when the share grows. Users are told apart by the attribute user_id, unless --by names
another; services have to give it in the same kind, as an int or as text. With --random,
each evaluation draws anew. A rollout that is there keeps its own way unless told
otherwise. There are 100 buckets, and 10% turns on buckets 0 to 10: eleven of them, as in
the Python client. A flag that has conditions does not ask its rollout when a request
has attributes.`

func (p *program) rolloutCommand() *cli.Command {
	return &cli.Command{
		Name:  "rollout",
		Usage: "give a flag to a share of the traffic",
		Commands: []*cli.Command{
			{
				Name: "percentage", Usage: "a share that stays as it is", ArgsUsage: "NAME SHARE",
				Description: rolloutHelp,
				Flags:       shareFlags(),
				Metadata:    completesFlags,
				Action:      p.withStore(existing, p.rolloutPercentage),
			},
			{
				Name: "ramp", Usage: "a share that rises over time", ArgsUsage: "NAME",
				Description: rolloutHelp,
				Flags: append([]cli.Flag{
					&cli.StringFlag{Name: "from", Usage: "share at the start", Value: "0%"},
					&cli.StringFlag{Name: "to", Usage: "share at the end", Value: "100%"},
					&cli.StringFlag{Name: "over", Usage: "how long it takes, such as 90m, 24h or 7d"},
					&cli.StringFlag{Name: "start", Usage: "when it begins: seconds since 1970, or as in 2026-01-31T18:00:00Z", Value: "now"},
				}, shareFlags()...),
				Metadata: completesFlags,
				Action:   p.withStore(existing, p.rolloutRamp),
			},
			{
				Name: "off", Usage: "remove the rollout: conditions, or other rules and the default, decide alone", ArgsUsage: "NAME",
				Metadata: completesFlags,
				Action:   p.withStore(existing, p.rolloutOff),
			},
		},
	}
}

func shareFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "by", Usage: "sticky, by this attribute; several: repeat it, or a,b (default: user_id)"},
		&cli.BoolFlag{Name: "by-all", Usage: "sticky, by all attributes of the request"},
		&cli.BoolFlag{Name: "random", Usage: "drawn anew for each evaluation"},
	}
}

// defaultBasis is the attribute that tells users apart unless another is named.
const defaultBasis = "user_id"

// bucketer returns what makes a bucketer of a share, as the flags of shareFlags say,
// in place of one that is there.
func bucketer(c *cli.Command, share carta.Percentage) (func(there carta.Bucketer) carta.Bucketer, error) {
	by := c.StringSlice("by")
	given := 0
	for _, set := range []bool{c.IsSet("by"), c.Bool("by-all"), c.Bool("random")} {
		if set {
			given++
		}
	}
	switch {
	case given > 1:
		return nil, usagef("use one of --by, --by-all and --random (see %s --help)", c.FullName())
	case c.IsSet("by") && (len(by) == 0 || slices.Contains(by, "")):
		return nil, usagef("--by needs the name of an attribute, such as %s; --by-all is for all attributes", defaultBasis)
	}
	return func(there carta.Bucketer) carta.Bucketer {
		random := c.Bool("random") || given == 0 && !there.IsNoOp() && there.Type() != "ConsistentHashPercentageBucketer"
		switch {
		case random:
			return carta.NewPercentageBucketer(share)
		case given == 0 && there.IsNoOp():
			return carta.NewConsistentHashBucketer(share, defaultBasis)
		case given == 0:
			return carta.NewConsistentHashBucketer(share, there.Keys()...)
		}
		return carta.NewConsistentHashBucketer(share, by...)
	}, nil
}

func (p *program) rolloutPercentage(ctx context.Context, c *cli.Command, s *opened) error {
	if c.NArg() != 2 {
		return usagef("write %s NAME 10%% (see %[1]s --help)", c.FullName())
	}
	share, err := parseShare(c.Args().Get(1))
	if err != nil {
		return err
	}
	return p.setRollout(ctx, c, s, c.Args().First(), carta.FixedPercentage(share))
}

func (p *program) rolloutRamp(ctx context.Context, c *cli.Command, s *opened) error {
	name, err := oneName(c)
	if err != nil {
		return err
	}
	from, err := parseShare(c.String("from"))
	if err != nil {
		return err
	}
	to, err := parseShare(c.String("to"))
	if err != nil {
		return err
	}
	if !c.IsSet("over") {
		return usagef("say how long the ramp takes, with --over 24h (see %s --help)", c.FullName())
	}
	over, err := parseDuration(c.String("over"))
	if err != nil {
		return err
	}
	start, err := parseTime(c.String("start"))
	if err != nil {
		return err
	}
	return p.setRollout(ctx, c, s, name, carta.LinearRamp(from, to, start.Truncate(time.Second), over))
}

func (p *program) setRollout(ctx context.Context, c *cli.Command, s *opened, name string, share carta.Percentage) error {
	replace, err := bucketer(c, share)
	if err != nil {
		return err
	}
	if err := share.Err(); err != nil {
		return err
	}
	if d, hasRules, err := rulesOf(ctx, s, name); err != nil {
		return err
	} else if hasRules {
		split, err := ruleRollout(c, d.Rollout(), share)
		if err == nil {
			err = s.SetRollout(ctx, name, split)
		}
		if err != nil {
			return err
		}
		return p.changed(ctx, c, s, name, retargeted)
	}
	if err := updateCarta(ctx, s, name, func(f *store.Flag) error {
		f.Bucketer = replace(f.Bucketer)
		return nil
	}); err != nil {
		return s.noSuchFlag(ctx, name, err)
	}
	return p.changed(ctx, c, s, name, retargeted)
}

func (p *program) rolloutOff(ctx context.Context, c *cli.Command, s *opened) error {
	name, err := oneName(c)
	if err != nil {
		return err
	}
	if _, hasRules, err := rulesOf(ctx, s, name); err != nil {
		return err
	} else if hasRules {
		if err := s.SetRollout(ctx, name, nil); err != nil {
			return err
		}
		return p.changed(ctx, c, s, name, retargeted)
	}
	if err := s.SetBucketer(ctx, name, carta.NoBucketer()); err != nil {
		return s.noSuchFlag(ctx, name, err)
	}
	return p.changed(ctx, c, s, name, retargeted)
}

// rulesOf returns the rules of a flag that has some.
func rulesOf(ctx context.Context, s *opened, name string) (d rules.Definition, hasRules bool, err error) {
	f, err := s.Get(ctx, name)
	if err != nil {
		return d, false, s.noSuchFlag(ctx, name, err)
	}
	if f.Rules().IsZero() {
		return d, false, nil
	}
	d, err = s.Rules(ctx, name)
	return d, true, err
}

// ruleRollout returns the split of a rollout of a flag with rules, in place of one that
// is there, whose attribute and salt it keeps unless the options say otherwise.
func ruleRollout(c *cli.Command, there *rules.Split, share carta.Percentage) (*rules.Split, error) {
	by := c.StringSlice("by")
	if c.Bool("by-all") || len(by) > 1 {
		return nil, usagef("rules split by one attribute: write --by %s", defaultBasis)
	}
	split := &rules.Split{By: defaultBasis}
	if there != nil {
		split.By, split.Salt, split.Hash = there.By, there.Salt, there.Hash
	}
	switch {
	case c.Bool("random"):
		*split = rules.Split{}
	case len(by) == 1:
		split.By = by[0]
	}
	on := rules.Share{Variant: "on"}
	if ramp, ok := share.Ramp(); ok {
		on.Ramp = &rules.Ramp{
			From: rules.ShareOf(ramp.Initial * 100), To: rules.ShareOf(ramp.Final * 100), Start: ramp.Start, End: ramp.End,
		}
	} else if v, err := share.Value(time.Time{}); err == nil {
		fraction, _ := v.AsFloat()
		on.Share = rules.ShareOf(fraction * 100)
	}
	split.Shares = []rules.Share{on}
	return split, nil
}
