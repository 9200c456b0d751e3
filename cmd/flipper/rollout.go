// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/flipper-go/flipper/internal/words"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
	"github.com/flipper-go/flipper/targeting/rules"
)

const rolloutHelp = `A share is written 0.1 or 10%. The same users get the flag every time, and stay in when
the share grows. Users are told apart by the attribute user_id, unless --by names
another. With --random, each evaluation draws anew. A rollout that is there keeps its
own way unless told otherwise. Whoever is not in gets what everyone else gets.

A flag that has more than on and off names its variants: light=50% dark=10%. The shares
are 100 % together at most.

A flag that has Carta's model already, or is given --carta, keeps to that model, which
Python clients read. There, 10% turns on eleven of 100 buckets, conditions switch the
rollout off for requests with attributes, and --by may name several attributes.`

func (p *program) rolloutCommand() *cli.Command {
	return &cli.Command{
		Name:  "rollout",
		Usage: "give a flag to a share of the traffic",
		Commands: []*cli.Command{
			{
				Name: "percentage", Usage: "a share that stays as it is", ArgsUsage: "NAME SHARE | NAME VARIANT=SHARE...",
				Description: rolloutHelp,
				Flags:       shareFlags(),
				Metadata:    completesFlags,
				Action:      p.withStore(existing, p.rolloutPercentage),
			},
			{
				Name: "ramp", Usage: "a share that rises over time", ArgsUsage: "NAME [VARIANT=SHARE...] [VARIANT]",
				Description: "The share of the last variant rises, or falls; those before it have one that stays:\nrollout ramp theme blue=20% dark --to 50% --over 7d.\n\n" + rolloutHelp,
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

// withRolloutKind completes flipper rollout NAME SHARE... to rollout percentage, which is
// what a name and shares behind rollout mean.
func withRolloutKind(root *cli.Command, args []string) []string {
	typed, at := newTypedWords(root), -1
	for i, word := range args[min(1, len(args)):] {
		isValue := typed.value != nil || strings.HasPrefix(word, "-")
		switch {
		case isValue:
		case at < 0 && nameOf(typed.path) == "flipper rollout":
			if at = i + 1; typed.command.Command(word) != nil {
				return args
			}
		case at >= 0:
			if _, err := parseShares([]string{word}); err != nil && !strings.Contains(word, "%") {
				return args
			}
			return slices.Insert(slices.Clone(args), at, "percentage")
		}
		typed.read(word)
	}
	return args
}

func shareFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "by", Usage: "sticky, by this attribute; several: repeat it, or a,b (default: user_id)"},
		&cli.BoolFlag{Name: "by-all", Usage: "sticky, by all attributes of the request (Carta's model only)"},
		&cli.BoolFlag{Name: "random", Usage: "drawn anew for each evaluation"},
		&cli.StringFlag{Name: "salt", Usage: "what makes it independent of others; none stands for the flag's name"},
		cartaFlag(),
	}
}

func cartaFlag() cli.Flag {
	return &cli.BoolFlag{Name: "carta", Usage: "use Carta's model, for services that share the flag with Python"}
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

// decidesByCarta reports whether a change of a flag is one of Carta's model: the flag
// has it, or the person asks for it.
func decidesByCarta(c *cli.Command, f *store.Flag) (bool, error) {
	if !f.Rules().IsZero() {
		if c.Bool("carta") {
			return false, usagef("%s has rules, which decide alone: leave --carta, or make another flag", words.Name(f.Name))
		}
		return false, nil
	}
	return c.Bool("carta") || len(f.Conditions) > 0 || !f.Bucketer.IsNoOp(), nil
}

// A variantShare is a share of a rollout as it was typed. The variant is empty for on.
type variantShare struct {
	variant string
	share   float64
}

func parseShares(args []string) ([]variantShare, error) {
	var all []variantShare
	for _, arg := range args {
		variant, text, named := strings.Cut(arg, "=")
		if !named {
			variant, text = "", arg
		}
		if named && variant == "" {
			return nil, usagef("share %q: write VARIANT=SHARE, such as dark=10%%", arg)
		}
		if share, _, ok := strings.Cut(arg, "="); ok && strings.HasSuffix(share, "%") {
			return nil, usagef("share %q: the variant comes first: write %s=%s", arg, text, share)
		}
		share, err := parseShare(text)
		if err != nil {
			return nil, err
		}
		if !named && len(args) > 1 {
			return nil, usagef("share %q: with several shares, each names its variant: write VARIANT=%[1]s", arg)
		}
		all = append(all, variantShare{variant, share})
	}
	return all, nil
}

func (p *program) rolloutPercentage(ctx context.Context, c *cli.Command, s *opened) error {
	if c.NArg() < 2 {
		return usagef("write %s NAME 10%% (see %[1]s --help)", c.FullName())
	}
	shares, err := parseShares(c.Args().Tail())
	if err != nil {
		return err
	}
	var list []rules.Share
	for _, v := range shares {
		list = append(list, rules.Share{Variant: v.variant, Share: rules.ShareOf(v.share * 100)})
	}
	return p.setRollout(ctx, c, s, list, carta.FixedPercentage(shares[0].share))
}

func (p *program) rolloutRamp(ctx context.Context, c *cli.Command, s *opened) error {
	if c.NArg() == 0 {
		return usagef("write %s NAME --over 24h (see %[1]s --help)", c.FullName())
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
	start = start.Truncate(time.Second)
	var list []rules.Share
	ramp := rules.Share{Ramp: &rules.Ramp{From: rules.ShareOf(from * 100), To: rules.ShareOf(to * 100), Start: start.UTC(), End: start.Add(over).UTC()}}
	if args := c.Args().Tail(); len(args) > 0 {
		last := len(args) - 1
		if ramp.Variant = args[last]; strings.Contains(ramp.Variant, "=") {
			return usagef("the last variant has the ramp, and no share: write %s, and its shares with --from and --to", words.Name(strings.SplitN(ramp.Variant, "=", 2)[0]))
		}
		fixed, err := parseShares(args[:last])
		if err != nil {
			return err
		}
		for _, v := range fixed {
			if v.variant == "" {
				return usagef("a share before the ramp names its variant: write VARIANT=SHARE")
			}
			list = append(list, rules.Share{Variant: v.variant, Share: rules.ShareOf(v.share * 100)})
		}
	}
	return p.setRollout(ctx, c, s, append(list, ramp), carta.LinearRamp(from, to, start, over))
}

// setRollout sets a rollout: shares where the flag decides by rules, and share where it
// decides by Carta's model.
func (p *program) setRollout(ctx context.Context, c *cli.Command, s *opened, shares []rules.Share, share carta.Percentage) error {
	name := c.Args().First()
	replace, err := bucketer(c, share)
	if err != nil {
		return err
	}
	f, err := s.Get(ctx, name)
	if err != nil {
		return s.noSuchFlag(ctx, name, err)
	}
	byCarta, err := decidesByCarta(c, f)
	if err != nil {
		return err
	}
	if !byCarta {
		d, err := s.Rules(ctx, name)
		if err != nil {
			return err
		}
		split, err := ruleRollout(c, &d, shares)
		if err == nil {
			err = s.SetRollout(ctx, name, split)
		}
		if err != nil {
			return err
		}
		return p.changed(ctx, c, s, name, retargeted)
	}
	if c.IsSet("salt") || shares[0].Variant != "" {
		return usagef("%s has Carta's model, which knows on and off and no salt: %s turns it into rules", words.Name(name), convertCommand(name))
	}
	if err := share.Err(); err != nil {
		return err
	}
	if err := updateCarta(ctx, s, name, func(f *store.Flag) error {
		f.Bucketer = replace(f.Bucketer)
		return nil
	}); err != nil {
		return s.noSuchFlag(ctx, name, err)
	}
	return p.changedCarta(ctx, c, s, name)
}

func convertCommand(name string) string { return "flipper convert " + shellWord(name) }

// changedCarta is changed for a flag of Carta's model, and names the traps of that
// model that the flag has: to the person, so not in the results.
func (p *program) changedCarta(ctx context.Context, c *cli.Command, s *opened, name string) error {
	if err := p.changed(ctx, c, s, name, retargeted); err != nil {
		return err
	}
	f, err := s.Get(ctx, name)
	if err != nil {
		return nil //nolint:nilerr // what was done has been said
	}
	traps := words.CartaTraps(f, time.Now())
	if len(traps) == 0 {
		return nil
	}
	for i, trap := range traps {
		traps[i] = "  " + trap
	}
	_, err = fmt.Fprintf(p.err, "%s decides by Carta's model, in which\n%s\nFor rules, which do not: %s\n",
		words.Name(name), escapeControls(strings.Join(traps, "\n")), convertCommand(name))
	return err
}

func (p *program) rolloutOff(ctx context.Context, c *cli.Command, s *opened) error {
	name, err := oneName(c)
	if err != nil {
		return err
	}
	f, err := s.Get(ctx, name)
	if err != nil {
		return s.noSuchFlag(ctx, name, err)
	}
	if f.Rules().IsZero() {
		err = s.SetBucketer(ctx, name, carta.NoBucketer())
	} else {
		err = s.SetRollout(ctx, name, nil)
	}
	if err != nil {
		return s.noSuchFlag(ctx, name, err)
	}
	return p.changed(ctx, c, s, name, retargeted)
}

// ruleRollout returns the split of a rollout of a flag that decides by rules, in place
// of one that is there, whose attribute and salt it keeps unless the options say
// otherwise.
func ruleRollout(c *cli.Command, d *rules.Definition, shares []rules.Share) (*rules.Split, error) {
	by := c.StringSlice("by")
	if c.Bool("by-all") || len(by) > 1 {
		return nil, usagef("rules split by one attribute: write --by %s (with --carta, a flag that has no rules can have several)", defaultBasis)
	}
	split := &rules.Split{By: defaultBasis}
	if there := d.Rollout(); there != nil {
		split.By, split.Salt, split.Hash = there.By, there.Salt, there.Hash
	}
	switch {
	case c.Bool("random"):
		*split = rules.Split{}
	case len(by) == 1:
		split.By = by[0]
	}
	if c.IsSet("salt") {
		if c.Bool("random") {
			return nil, usagef("a rollout is --random or has a --salt, not both: what is drawn anew has none")
		}
		split.Salt, split.Hash = c.String("salt"), ""
	}
	name, total := c.Args().First(), 0
	for i := range shares {
		share := &shares[i]
		if share.Variant == "" {
			share.Variant = "on"
			if d.AllVariants()[0].Value.Kind() != targeting.KindBool {
				return nil, usagef("%s serves %s: say which of them gets the share, as in %s=10%%", words.Name(name), variantList(d), words.Name(d.AllVariants()[0].Name))
			}
		}
		if err := checkVariant(d, name, share.Variant); err != nil {
			return nil, err
		}
		total += share.Share
		if share.Ramp != nil {
			total += max(share.Ramp.From, share.Ramp.To)
		}
	}
	if total > rules.Buckets {
		return nil, usagef("the shares are %s together: they may be 100 %% at most", words.ShareOf(total))
	}
	split.Shares = shares
	return split, nil
}

func variantList(d *rules.Definition) string {
	var names []string
	for _, v := range d.AllVariants() {
		names = append(names, words.Name(v.Name))
	}
	return strings.Join(names, ", ")
}
