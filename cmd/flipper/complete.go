// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/flipper-go/flipper/internal/words"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting/rules"
)

// completionPatience is how long a person who pressed Tab waits for the names of
// flags: without them there is no completion, and no error.
const completionPatience = 500 * time.Millisecond

// completesFlags marks commands whose arguments are names of flags.
var completesFlags = map[string]any{completes: "flags"}

// completesSegments marks commands whose arguments are names of segments.
var completesSegments = map[string]any{completes: "segments"}

// completesThen marks commands whose first argument is a flag, and the others are what
// that flag has.
func completesThen(what string) map[string]any {
	return map[string]any{completes: "flags", completesAfter: what}
}

// The keys of a command's metadata about arguments, and what may come after a name.
const (
	completes         = "completes"
	completesAfter    = "completes after the name"
	completesVariants = "variants"
	completesRules    = "positions of rules"
)

// completeCommand is what the scripts of the shells call with the words after the
// program's name, the last of which is being typed. It writes a candidate a line,
// with a tab and a description.
func completeCommand(root *cli.Command, out io.Writer) *cli.Command {
	return &cli.Command{
		Name:            "__complete",
		Hidden:          true,
		HideHelp:        true,
		SkipFlagParsing: true,
		Action: func(ctx context.Context, c *cli.Command) error {
			typed := newTypedWords(root)
			typed.store = root.String("store")
			for _, candidate := range typed.complete(ctx, c.Args().Slice()) {
				line := candidate.text
				if candidate.description != "" {
					line += "\t" + candidate.description
				}
				if _, err := fmt.Fprintln(out, line); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

type candidate struct{ text, description string }

// typedWords is what was understood of words that may not be all yet. It does not
// need the library to have read them.
type typedWords struct {
	command *cli.Command   // the innermost one
	path    []*cli.Command // from the root to command
	store   string
	// arguments are the words that are none of commands and flags.
	arguments []string
	value     cli.Flag // the flag whose value is being typed
}

func newTypedWords(root *cli.Command) *typedWords {
	return &typedWords{command: root, path: []*cli.Command{root}}
}

func (t *typedWords) complete(ctx context.Context, typed []string) []candidate {
	if len(typed) == 0 {
		typed = []string{""}
	}
	typed, current := typed[:len(typed)-1], typed[len(typed)-1]
	if current == `""` { // as PowerShell has to pass an empty word
		current = ""
	}
	for _, word := range typed {
		if word == "--" {
			return nil
		}
		t.read(word)
	}
	var all []candidate
	prefix := ""
	name, _, hasValue := strings.Cut(current, "=")
	switch f := t.flag(name); {
	case t.value != nil:
		all = valuesOf(t.value)
	case hasValue && f != nil:
		prefix, all = name+"=", valuesOf(f)
	case strings.HasPrefix(current, "-"):
		all = t.flags()
	case len(t.command.VisibleCommands()) > 0:
		all = commandsOf(t.command)
		if len(t.path) == 1 {
			all = append(all, candidate{helpWord, helpUsage})
		}
	case t.command.Metadata[completes] == "flags" && t.wantsName():
		all = namesIn(ctx, t.store)
	case t.command.Metadata[completes] == "segments" && t.wantsName():
		all = segmentsIn(ctx, t.store)
	case len(t.arguments) > 0:
		all = t.behindName(ctx, current)
	}
	var fitting []candidate
	for _, c := range all {
		if c.text = prefix + c.text; strings.HasPrefix(c.text, current) {
			fitting = append(fitting, c)
		}
	}
	return fitting
}

// read takes one whole word.
func (t *typedWords) read(word string) {
	if t.value != nil {
		t.set(t.value, word)
		t.value = nil
		return
	}
	if strings.HasPrefix(word, "-") {
		name, value, hasValue := strings.Cut(word, "=")
		f := t.flag(name)
		takesValue, ok := f.(cli.DocGenerationFlag)
		switch {
		case f == nil || !ok || !takesValue.TakesValue():
		case hasValue:
			t.set(f, value)
		default:
			t.value = f
		}
		return
	}
	if len(t.path) == 1 && word == helpWord {
		return // what follows is as if it were not there
	}
	if below := t.command.Command(word); below != nil {
		t.command, t.path = below, append(t.path, below)
		return
	}
	t.arguments = append(t.arguments, word)
}

func (t *typedWords) set(f cli.Flag, value string) {
	if f.Names()[0] == "store" {
		t.store = value
	}
}

// wantsName reports whether the next argument is the name of a flag: with some
// commands only the first is.
func (t *typedWords) wantsName() bool {
	return len(t.arguments) == 0 || strings.HasSuffix(t.command.ArgsUsage, "NAME...") || strings.HasSuffix(t.command.ArgsUsage, "[NAME...]")
}

// flag returns the flag that a word such as --store names, with global ones.
func (t *typedWords) flag(word string) cli.Flag {
	name, isFlag := strings.CutPrefix(word, "-")
	if !isFlag {
		return nil
	}
	name = strings.TrimPrefix(name, "-")
	for _, c := range t.path {
		for _, f := range c.Flags {
			if slices.Contains(f.Names(), name) {
				return f
			}
		}
	}
	return nil
}

// flags returns those that the command takes.
func (t *typedWords) flags() []candidate {
	var all []candidate
	for _, c := range t.path {
		for _, f := range c.Flags {
			usage := ""
			if documented, ok := f.(cli.DocGenerationFlag); ok {
				usage = documented.GetUsage()
			}
			all = append(all, candidate{"--" + f.Names()[0], usage})
		}
	}
	if !slices.ContainsFunc(all, func(c candidate) bool { return c.text == "--help" }) {
		all = append(all, candidate{"--help", "show help"})
	}
	slices.SortFunc(all, func(a, b candidate) int { return cmp.Compare(a.text, b.text) })
	return slices.CompactFunc(all, func(a, b candidate) bool { return a.text == b.text })
}

func commandsOf(c *cli.Command) []candidate {
	var all []candidate
	for _, below := range c.VisibleCommands() {
		all = append(all, candidate{below.Name, below.Usage})
	}
	return all
}

// valuesOf returns what a flag can be set to, where that is known.
func valuesOf(f cli.Flag) []candidate {
	var values []string
	switch f.Names()[0] {
	case "output":
		values = []string{"table", "json"}
	case "store":
		values = []string{"thrift://", "thrifts://", "bolt:", "redis://", "rediss://", "redis+cluster://", "redis+sentinel://", "consul://"}
	case "log-format":
		values = []string{"text", "json"}
	case "log-level":
		values = []string{"debug", "info", "warn", "error"}
	}
	var all []candidate
	for _, v := range values {
		all = append(all, candidate{text: v})
	}
	return all
}

// behindName returns what may follow the name of a flag: its variants, the positions of
// its rules, or the operators of conditions.
func (t *typedWords) behindName(ctx context.Context, current string) []candidate {
	what := t.command.Metadata[completesAfter]
	if strings.Contains(t.command.ArgsUsage, "CONDITION") && (what == nil || len(t.arguments) > 1) {
		return operatorsAfter(current)
	}
	switch what {
	case completesVariants:
		return variantsOf(findFlag(ctx, t.store, t.arguments[0]))
	case completesRules:
		return positionsOf(findFlag(ctx, t.store, t.arguments[0]))
	}
	return nil
}

// operatorsAfter completes country__ to conditions in short.
func operatorsAfter(current string) []candidate {
	attribute, typed, ok := strings.Cut(current, "__")
	if !ok || attribute == "" {
		return nil
	}
	var all []candidate
	for _, op := range rules.Operators() {
		sign := "="
		if op == rules.OpExists {
			sign = ""
		}
		forms := words.OperatorWords(op)
		all = append(all, candidate{attribute + "__" + string(op) + sign, forms[0]})
		if strings.HasPrefix(typed, "not_") {
			all = append(all, candidate{attribute + "__not_" + string(op) + sign, forms[2]})
		}
	}
	return all
}

func variantsOf(f *store.Flag) []candidate {
	if f == nil {
		return nil
	}
	d := f.Rules().Definition()
	var all []candidate
	for _, v := range d.AllVariants() {
		if words.Name(v.Name) == v.Name {
			all = append(all, candidate{v.Name, words.VariantValue(v.Value)})
		}
	}
	return all
}

func positionsOf(f *store.Flag) []candidate {
	if f == nil {
		return nil
	}
	var all []candidate
	for i, rule := range f.Rules().Definition().Rules {
		all = append(all, candidate{strconv.Itoa(i + 1), words.Cut(words.Rule(rule), 60)})
	}
	return all
}

func findFlag(ctx context.Context, url, name string) (found *store.Flag) {
	for f := range flagsIn(ctx, url) {
		if f.Name == name {
			found = f
		}
	}
	return found
}

func namesIn(ctx context.Context, url string) []candidate {
	var all []candidate
	for f := range flagsIn(ctx, url) {
		if words.Name(f.Name) == f.Name {
			all = append(all, candidate{f.Name, words.State(f, time.Now())})
		}
	}
	return all
}

func segmentsIn(ctx context.Context, url string) []candidate {
	var all []candidate
	for f := range flagsIn(ctx, url) {
		if name, ok := strings.CutPrefix(f.Name, rules.SegmentPrefix); ok && words.Name(name) == name {
			all = append(all, candidate{name, words.State(f, time.Now())})
		}
	}
	return all
}

// flagsIn yields the flags of a store, if it gives them soon. A bolt file that another
// process has open is not waited for.
func flagsIn(ctx context.Context, url string) iter.Seq[*store.Flag] {
	ctx, cancel := context.WithTimeout(ctx, completionPatience)
	defer cancel()
	// A client that still waits when the time is up must not keep the shell.
	found := make(chan []*store.Flag, 1)
	go func() {
		var all []*store.Flag
		defer func() { found <- all }()
		s, err := openStore(url, existing)
		if err != nil {
			return
		}
		defer func() { _ = s.Close() }()
		for f, err := range s.List(ctx) {
			if err == nil {
				all = append(all, f)
			}
		}
	}()
	select {
	case all := <-found:
		return slices.Values(all)
	case <-ctx.Done():
		return slices.Values[[]*store.Flag](nil)
	}
}
