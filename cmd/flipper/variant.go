// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/flipper-go/flipper/internal/words"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/rules"
)

const variantHelp = `The variants of a flag are all booleans, all text, all numbers, or all objects or lists.
A value is read as the flag's other variants are. For a flag that has only on and off,
the values decide: all numbers, all true or false, all objects or lists, and otherwise
text; --kind decides in their place. Text may stand in JSON's quotes: '"#000"'. A value
that begins with a dash is written cold=-5.
Values of another kind take the place of on and off. Then the first variant that is
named becomes the off variant and the default, unless --off and --default name others.`

func (p *program) variantCommand() *cli.Command {
	return &cli.Command{
		Name:  "variant",
		Usage: "say what a flag can serve",
		Commands: []*cli.Command{
			{
				Name: "list", Usage: "show the variants, and where each is served", ArgsUsage: "NAME",
				Description: "With -o json, writes a list of objects, in which rules are positions from 0.",
				Metadata:    completesFlags,
				Action:      p.withStore(existing, p.listVariants),
			},
			{
				Name: "set", Usage: "add variants, or change their values", ArgsUsage: "NAME VARIANT VALUE | NAME VARIANT=VALUE...",
				Description: variantHelp,
				Flags: []cli.Flag{
					&cli.StringFlag{Name: "kind", Usage: "how to read the values: text, number, boolean or object"},
					&cli.BoolFlag{Name: "replace", Usage: "let them take the place of all others"},
					&cli.StringFlag{Name: "off", Usage: "the variant to serve while the flag is off"},
					&cli.StringFlag{Name: "default", Usage: "the variant for whom no rule decides"},
				},
				Metadata: completesThen(completesVariants),
				Action:   p.withStore(existing, p.setVariants),
			},
			{
				Name: "remove", Usage: "remove variants that nothing serves", ArgsUsage: "NAME VARIANT...",
				Metadata: completesThen(completesVariants),
				Action:   p.withStore(existing, p.removeVariants),
			},
			{
				Name: "off", Usage: "set what a flag serves while it is off", ArgsUsage: "NAME VARIANT",
				Metadata: completesThen(completesVariants),
				Action:   p.withStore(existing, p.setOff),
			},
		},
	}
}

// kindNames are the kinds of variants, by the names that people have for them.
var kindNames = map[string]string{
	"text": "text", "string": "text", "str": "text",
	"number": "number", "int": "number", "float": "number",
	"boolean": "boolean", "bool": "boolean",
	"object": "object", "json": "object", "list": "object",
}

// kindNoun says what a value of a kind is.
var kindNoun = map[string]string{"text": "text", "number": "a number", "boolean": "true or false", "object": "an object or a list"}

func kindOf(v targeting.Value) string {
	switch v.Kind() {
	case targeting.KindText:
		return "text"
	case targeting.KindInt, targeting.KindFloat:
		return "number"
	case targeting.KindBool:
		return "boolean"
	case targeting.KindList, targeting.KindObject:
		return "object"
	}
	return ""
}

// A namedText is a variant whose value has not been read yet.
type namedText struct{ name, text string }

// cutVariants parts VARIANT=VALUE arguments.
func cutVariants(args []string) ([]namedText, error) {
	var all []namedText
	for _, arg := range args {
		name, text, ok := strings.Cut(arg, "=")
		if !ok || name == "" {
			return nil, usagef("variant %q: write VARIANT=VALUE, such as light=#fff", arg)
		}
		if slices.ContainsFunc(all, func(n namedText) bool { return n.name == name }) {
			return nil, usagef("variant %s is given twice: leave one", words.Name(name))
		}
		all = append(all, namedText{name, text})
	}
	return all, nil
}

// parseVariants reads the values of variants. kind is empty if the values decide.
func parseVariants(texts []namedText, kind string) ([]targeting.Variant, error) {
	if kind == "" {
		kind = commonKind(texts)
	}
	var variants []targeting.Variant
	for _, n := range texts {
		v, err := parseVariantValue(kind, n.text)
		if err != nil {
			return nil, usagef("variant %s: %w", words.Name(n.name), err)
		}
		variants = append(variants, targeting.Variant{Name: n.name, Value: v})
	}
	return variants, nil
}

// commonKind returns the kind that all values are of, or text.
func commonKind(texts []namedText) string {
	kind := ""
	for _, n := range texts {
		v, err := targeting.ParseJSON(targeting.JSON(n.text))
		this := kindOf(v)
		switch {
		case strings.HasPrefix(n.text, "{"), strings.HasPrefix(n.text, "["):
			this = "object" // also what is no JSON: the error says so
		case err != nil, isNotFinite(v), this == "", kind != "" && this != kind:
			return "text"
		}
		if kind != "" && this != kind {
			return "text"
		}
		kind = this
	}
	return kind
}

func parseVariantValue(kind, text string) (targeting.Value, error) {
	v, err := targeting.ParseJSON(targeting.JSON(text))
	switch kind {
	case "text":
		if strings.HasPrefix(text, `"`) {
			if err != nil {
				return v, fmt.Errorf("%q begins like JSON, but %w: leave the quotes, or write them as in '\"#000\"'", text, err)
			}
			return v, nil
		}
		return validText(text)
	case "number":
		if err != nil || kindOf(v) != kind || isNotFinite(v) {
			return v, fmt.Errorf("%q is no number, and the variants are numbers: write one such as 10 or 2.5", text)
		}
	case "boolean":
		if err != nil || kindOf(v) != kind {
			return v, fmt.Errorf("%q is neither true nor false, and the variants are booleans: write one of these", text)
		}
	default:
		if err != nil {
			return v, fmt.Errorf(`%w: write JSON, such as '{"limit": 10}' or '["a", "b"]'`, err)
		}
		if kindOf(v) != kind {
			return v, fmt.Errorf(`%s is no object and no list, and the variants are: write JSON, such as '{"limit": 10}'`, text)
		}
	}
	return v, nil
}

// variantArguments reads VARIANT VALUE, or VARIANT=VALUE...
func variantArguments(c *cli.Command) ([]namedText, error) {
	args := c.Args().Tail()
	switch {
	case len(args) == 0:
		return nil, usagef("write %s NAME VARIANT=VALUE..., such as %[1]s theme light=#fff dark=#000", c.FullName())
	case len(args) == 2 && !strings.Contains(args[0], "="):
		return []namedText{{args[0], args[1]}}, nil
	}
	return cutVariants(args)
}

// wantedKind returns the kind that --kind names, in our words. It is empty if there is
// none.
func wantedKind(c *cli.Command) (string, error) {
	typed := c.String("kind")
	kind := kindNames[strings.ToLower(typed)]
	if typed != "" && kind == "" {
		return "", usagef("--kind %q: use text, number, boolean or object", typed)
	}
	return kind, nil
}

func (p *program) setVariants(ctx context.Context, c *cli.Command, s *opened) error {
	texts, err := variantArguments(c)
	if err != nil {
		return err
	}
	kind, err := wantedKind(c)
	if err != nil {
		return err
	}
	name := c.Args().First()
	d, err := s.Rules(ctx, name)
	if err != nil {
		return s.noSuchFlag(ctx, name, err)
	}
	// Text that looks like a number stays text in a flag of text.
	if kind == "" && !c.Bool("replace") && len(d.Variants) > 0 {
		kind = kindOf(d.Variants[0].Value)
		stays := slices.ContainsFunc(d.Variants, func(v targeting.Variant) bool {
			return !slices.ContainsFunc(texts, func(n namedText) bool { return n.name == v.Name })
		})
		if _, err := parseVariants(texts, kind); err != nil && !stays {
			kind = "" // all at once may be of another kind
		}
	}
	variants, err := parseVariants(texts, kind)
	if err != nil {
		return err
	}
	if err := checkReplaced(c, &d, variants); err != nil {
		return err
	}
	err = s.UpdateRules(ctx, name, func(d *rules.Definition) error {
		if c.IsSet("off") {
			d.Off = c.String("off")
		}
		if c.IsSet("default") {
			d.Default = c.String("default")
		}
		if c.Bool("replace") {
			return d.ReplaceVariants(variants...)
		}
		return d.SetVariants(variants...)
	})
	if err != nil {
		return s.noSuchFlag(ctx, name, err)
	}
	return p.changed(ctx, c, s, name, withVariants)
}

// withVariants is what a command says that changed variants.
func withVariants(f *store.Flag) string {
	var all []string
	for _, v := range f.Rules().Variants() {
		all = append(all, words.Name(v.Name)+" = "+words.VariantValue(v.Value))
	}
	return words.Cut(strings.Join(all, ", "), 200) + "; " + retargeted(f)
}

// checkReplaced says in words why variants cannot be set. What it does not find, the
// rules refuse themselves.
func checkReplaced(c *cli.Command, d *rules.Definition, variants []targeting.Variant) error {
	if len(d.Variants) == 0 {
		return nil
	}
	name, changed := c.Args().First(), *d
	if c.IsSet("off") {
		changed.Off = c.String("off")
	}
	if c.IsSet("default") {
		changed.Default = c.String("default")
	}
	for _, v := range d.Variants {
		if slices.ContainsFunc(variants, func(w targeting.Variant) bool { return w.Name == v.Name }) {
			continue
		}
		if !c.Bool("replace") {
			if first := variants[0]; kindOf(first.Value) != kindOf(v.Value) {
				return usagef("%s would be %s, and the other variants of %s are not: give --replace to let it take the place of all others",
					words.Name(first.Name), kindNoun[kindOf(first.Value)], words.Name(name))
			}
			continue
		}
		if paths := changed.Serving(v.Name); len(paths) > 0 {
			return servedError(name, v.Name, paths)
		}
	}
	return nil
}

func servedError(name, variant string, paths []string) error {
	var options []string
	for _, path := range paths {
		switch path {
		case "default":
			options = append(options, "flipper rule default "+shellWord(name)+" VARIANT")
		case "off":
			options = append(options, "flipper variant off "+shellWord(name)+" VARIANT")
		default:
			options = append(options, "flipper rule replace "+shellWord(name)+" POSITION")
		}
	}
	return usagef("%s still serves %s, by %s: change that first (%s)",
		words.Name(name), words.Name(variant), strings.Join(words.ServedBy(paths), ", "), strings.Join(withoutRepetition(options), ", "))
}

func (p *program) removeVariants(ctx context.Context, c *cli.Command, s *opened) error {
	args := c.Args().Slice()
	if len(args) < 2 {
		return usagef("write %s NAME VARIANT..., such as %[1]s theme dark", c.FullName())
	}
	name, unwanted := args[0], withoutRepetition(args[1:])
	d, err := s.Rules(ctx, name)
	if err != nil {
		return s.noSuchFlag(ctx, name, err)
	}
	for _, variant := range unwanted {
		if err := checkVariant(&d, name, variant); err != nil {
			return err
		}
		if paths := d.Serving(variant); len(paths) > 0 {
			return servedError(name, variant, paths)
		}
	}
	if err := s.RemoveVariants(ctx, name, unwanted...); err != nil {
		return s.noSuchFlag(ctx, name, err)
	}
	return p.changed(ctx, c, s, name, withVariants)
}

// checkVariant refuses a variant that a flag does not have.
func checkVariant(d *rules.Definition, name, variant string) error {
	var there, shown []string
	for _, v := range d.AllVariants() {
		there = append(there, v.Name)
		shown = append(shown, words.Name(v.Name))
	}
	if slices.Contains(there, variant) {
		return nil
	}
	return usagef("%s has no variant %s%s (it has %s)", words.Name(name), words.Name(variant), didYouMean(variant, there), strings.Join(shown, ", "))
}

func (p *program) setOff(ctx context.Context, c *cli.Command, s *opened) error {
	args := c.Args().Slice()
	if len(args) != 2 {
		return usagef("write %s NAME VARIANT, such as %[1]s theme light", c.FullName())
	}
	name, variant := args[0], args[1]
	d, err := s.Rules(ctx, name)
	if err != nil {
		return s.noSuchFlag(ctx, name, err)
	}
	if err := checkVariant(&d, name, variant); err != nil {
		return err
	}
	if err := s.SetOff(ctx, name, variant); err != nil {
		return s.noSuchFlag(ctx, name, err)
	}
	if asJSON(c) {
		return p.changed(ctx, c, s, name, retargeted)
	}
	return p.printf("%s: serves %s while it is off", words.Name(name), words.Name(variant))
}

func (p *program) listVariants(ctx context.Context, c *cli.Command, s *opened) error {
	name, err := oneName(c)
	if err != nil {
		return err
	}
	d, err := s.Rules(ctx, name)
	if err != nil {
		return s.noSuchFlag(ctx, name, err)
	}
	if asJSON(c) {
		var all []targeting.Value
		for _, v := range d.AllVariants() {
			all = append(all, variantObject(&d, v))
		}
		return p.printJSON(targeting.List(all...).String())
	}
	rows := [][]cell{{{text: "VARIANT"}, {text: "VALUE"}, {text: "SERVED BY"}}}
	for _, v := range d.AllVariants() {
		rows = append(rows, []cell{
			{text: words.Name(v.Name)},
			{text: words.VariantValue(v.Value)},
			{text: orDash(strings.Join(words.ServedBy(d.Serving(v.Name)), ", "))},
		})
	}
	return p.printTable(rows)
}

func variantObject(d *rules.Definition, v targeting.Variant) targeting.Value {
	paths := d.Serving(v.Name)
	var positions []targeting.Value
	for _, path := range paths {
		if i, ok := words.RulePosition(path); ok && !slices.ContainsFunc(positions, targeting.Int(int64(i)).Equal) {
			positions = append(positions, targeting.Int(int64(i)))
		}
	}
	return targeting.Object(
		targeting.Member{Key: "name", Value: targeting.Text(v.Name)},
		targeting.Member{Key: "value", Value: v.Value},
		targeting.Member{Key: "rules", Value: targeting.List(positions...)},
		targeting.Member{Key: "default", Value: targeting.Bool(slices.Contains(paths, "default"))},
		targeting.Member{Key: "off", Value: targeting.Bool(slices.Contains(paths, "off"))},
	)
}

// newVariants returns the definition of a new flag that has the variants of --variant.
// ok says whether there are any.
func newVariants(c *cli.Command) (d rules.Definition, ok bool, err error) {
	given := c.StringSlice("variant")
	if len(given) == 0 {
		for _, name := range []string{"off", "default", "kind"} {
			if c.IsSet(name) {
				return d, false, usagef("--%s needs --variant, as in --variant light=#fff --variant dark=#000", name)
			}
		}
		return d, false, nil
	}
	texts, err := cutVariants(given)
	if err != nil {
		return d, false, err
	}
	kind, err := wantedKind(c)
	if err != nil {
		return d, false, err
	}
	variants, err := parseVariants(texts, kind)
	if err != nil {
		return d, false, err
	}
	d.Variants = variants
	for _, option := range []struct {
		name string
		set  *string
	}{{"off", &d.Off}, {"default", &d.Default}} {
		*option.set = variants[0].Name
		if option.name == "default" {
			*option.set = d.Off
		}
		if !c.IsSet(option.name) {
			continue
		}
		*option.set = c.String(option.name)
		if err := checkVariant(&d, c.Args().First(), *option.set); err != nil {
			return d, false, fmt.Errorf("--%s %s: %w", option.name, strconv.Quote(*option.set), err)
		}
	}
	return d, true, nil
}
