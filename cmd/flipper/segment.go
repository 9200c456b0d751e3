// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/flipper-go/flipper/internal/words"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting/rules"
)

func (p *program) segmentCommand() *cli.Command {
	return &cli.Command{
		Name:  "segment",
		Usage: "say who belongs together",
		Commands: []*cli.Command{
			{
				Name: "list", Usage: "show all segments, and which flags ask them",
				Description: "With -o json, writes a list of the segments' stored forms.",
				Action:      p.withStore(existing, p.listSegments),
			},
			{
				Name: "get", Usage: "show who belongs to a segment, and which flags ask it", ArgsUsage: "NAME",
				Description: "With -o json, writes the segment's stored form, byte for byte.",
				Metadata:    completesSegments,
				Action:      p.withStore(existing, p.getSegment),
			},
			{
				Name: "create", Usage: "make a segment of requests for which all conditions hold", ArgsUsage: "NAME [CONDITION...]",
				Description: "A segment is the flag segment:NAME: rule, get, eval and destroy work on it, and rules\nof other flags ask it: rule add FLAG 'in segment NAME'.\n\n" + conditionHelp,
				Action:      p.withStore(creating, p.createSegment),
			},
			{
				Name: "add", Usage: "add requests for which all conditions hold", ArgsUsage: "NAME CONDITION...",
				Description: "Users are added by their ids: segment add beta user_id=42, or user_id__is=42,43. They\njoin a list of ids that is there. Other conditions become a rule of their own.\n\n" + conditionHelp,
				Metadata:    completesSegments,
				Action: p.withStore(existing, func(ctx context.Context, c *cli.Command, s *opened) error {
					return p.changeSegment(ctx, c, s, s.AddToSegment)
				}),
			},
			{
				Name: "remove", Usage: "remove what was added", ArgsUsage: "NAME CONDITION...",
				Description: "The conditions are those of one rule, or ids that are in a list: segment remove beta\nuser_id=42.",
				Metadata:    completesSegments,
				Action: p.withStore(existing, func(ctx context.Context, c *cli.Command, s *opened) error {
					return p.changeSegment(ctx, c, s, s.RemoveFromSegment)
				}),
			},
			{
				Name: "destroy", Usage: "delete segments, for good", ArgsUsage: "NAME...",
				Description: "Asks before it does. A segment that rules ask is not deleted; the message names them.",
				Flags:       destroyFlags(),
				Metadata:    completesSegments,
				Action:      p.withStore(existing, p.destroySegments),
			},
		},
	}
}

// conditionsAfterName reads the arguments of a command that are conditions.
func conditionsAfterName(c *cli.Command) ([]rules.Condition, error) {
	if c.NArg() == 0 {
		return nil, usagef("write %s %s, such as %[1]s staff 'email ends with @example.com'", c.FullName(), c.ArgsUsage)
	}
	if c.NArg() == 1 {
		return nil, nil
	}
	return parseRuleConditions(c.Args().Tail())
}

func (p *program) createSegment(ctx context.Context, c *cli.Command, s *opened) error {
	conditions, err := conditionsAfterName(c)
	if err != nil {
		return err
	}
	name := segmentName(c.Args().First())
	flag, err := s.CreateSegment(ctx, name, conditions...)
	if errors.Is(err, store.ErrExists) {
		return &restated{fmt.Sprintf("there is a segment %s already: it stays as it is (flipper segment add adds to it)", words.Name(name)), err}
	}
	if err != nil {
		return err
	}
	return p.changed(ctx, c, s, flag.Name(), created)
}

func (p *program) changeSegment(ctx context.Context, c *cli.Command, s *opened, change func(context.Context, string, ...rules.Condition) error) error {
	conditions, err := conditionsAfterName(c)
	if err != nil {
		return err
	}
	name := segmentName(c.Args().First())
	if len(conditions) == 0 {
		return usagef("say who: write %s %s user_id=42", c.FullName(), shellWord(name))
	}
	d, err := s.Rules(ctx, rules.SegmentPrefix+name)
	if err != nil {
		return s.noSuchSegment(ctx, name, err)
	}
	if c.Name == "remove" && !d.Exclude("on", conditions...) {
		return usagef("segment %s has no such rule: it has %s", words.Name(name), segmentMembers(&d))
	}
	if err := change(ctx, name, conditions...); err != nil {
		return s.noSuchSegment(ctx, name, err)
	}
	return p.changed(ctx, c, s, rules.SegmentPrefix+name, func(f *store.Flag) string {
		if !f.Enabled {
			return retargeted(f)
		}
		d := f.Rules().Definition()
		return segmentMembers(&d)
	})
}

// segmentMembers says who belongs to a segment, rule by rule.
func segmentMembers(d *rules.Definition) string {
	if len(d.Rules) == 0 {
		if d.Default == "on" {
			return "everyone"
		}
		return "no one"
	}
	lines := words.Rules(*d)
	if d.Default != "on" {
		lines = lines[:len(lines)-1]
	}
	for i, line := range lines {
		if i < len(d.Rules) && d.Rules[i].Split == nil && d.Rules[i].Serve == "on" {
			lines[i] = strings.TrimSuffix(line, ": on")
		}
	}
	return strings.Join(lines, "; ")
}

// noSuchSegment is noSuchFlag for segments.
func (s *opened) noSuchSegment(ctx context.Context, name string, err error) error {
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	var there []string
	for f, err := range s.Segments(ctx) {
		if err == nil {
			there = append(there, segmentName(f.Name))
		}
	}
	return &restated{fmt.Sprintf("there is no segment %s%s (flipper segment list shows all)", words.Name(name), didYouMean(name, there)), err}
}

func (p *program) getSegment(ctx context.Context, c *cli.Command, s *opened) error {
	name, err := oneName(c)
	if err != nil {
		return err
	}
	name = segmentName(name)
	f, err := s.Get(ctx, rules.SegmentPrefix+name)
	if err != nil {
		return s.noSuchSegment(ctx, name, err)
	}
	if asJSON(c) {
		return p.printFlag(c, f)
	}
	asking, err := s.AskedBy(ctx, f.Name)
	if err != nil {
		return err
	}
	for i := range asking {
		asking[i] = words.Name(asking[i])
	}
	rows := [][]cell{{{text: "name:"}, {text: words.Name(name)}}, {{text: "state:"}, stateCell(f)}}
	rows = append(rows, ruleRows(f)...)
	return p.printFields(append(rows, []cell{{text: "asked by:"}, {text: orDash(strings.Join(asking, ", "))}}))
}

func (p *program) listSegments(ctx context.Context, c *cli.Command, s *opened) error {
	if err := noArguments(c); err != nil {
		return err
	}
	var segments []*store.Flag
	var errs []error
	asking := map[string][]string{}
	for f, err := range s.List(ctx) {
		if unreadable, ok := errors.AsType[*store.UnreadableError](err); ok {
			if strings.HasPrefix(unreadable.Name, rules.SegmentPrefix) {
				errs = append(errs, err)
			}
			continue
		}
		if err != nil {
			return err
		}
		for _, name := range f.Rules().Asks() {
			asking[name] = append(asking[name], words.Name(f.Name))
		}
		if strings.HasPrefix(f.Name, rules.SegmentPrefix) {
			segments = append(segments, f)
		}
	}
	if asJSON(c) {
		return errors.Join(append([]error{p.printFlags(segments)}, errs...)...)
	}
	if len(segments) == 0 {
		if p.progress {
			fmt.Fprintln(p.err, "no segments")
		}
		return errors.Join(errs...)
	}
	rows := [][]cell{{{text: "NAME"}, {text: "WHO"}, {text: "ASKED BY"}}}
	for _, f := range segments {
		who := "no one: the segment is disabled"
		if d := f.Rules().Definition(); f.Rules().Err() != nil {
			who = "rules that cannot be read"
		} else if f.Enabled {
			who = segmentMembers(&d)
		}
		slices.Sort(asking[f.Name])
		rows = append(rows, []cell{{text: words.Name(segmentName(f.Name))}, {text: who}, {text: orDash(strings.Join(asking[f.Name], ", "))}})
	}
	return errors.Join(append([]error{p.printTable(rows)}, errs...)...)
}

func (p *program) destroySegments(ctx context.Context, c *cli.Command, s *opened) error {
	args, err := names(c)
	if err != nil {
		return err
	}
	for i, name := range args {
		args[i] = rules.SegmentPrefix + segmentName(name)
		if _, err := s.Get(ctx, args[i]); errors.Is(err, store.ErrNotFound) {
			return s.noSuchSegment(ctx, segmentName(name), err)
		}
	}
	return p.destroyFlags(ctx, c, s, selection{names: withoutRepetition(args)})
}
