// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/flipper-go/flipper/internal/words"
	"github.com/flipper-go/flipper/store"
)

const patternHelp = `In place of a name there can be a pattern, in quotes: 'TEAM_*', where * is any text and
? any character, and \* an asterisk. The flags are shown and have to be confirmed.`

// A pattern is what names of flags are like.
type pattern struct{ *regexp.Regexp }

// isPattern reports whether an argument is a pattern and no name.
func isPattern(text string) bool { return strings.ContainsAny(text, `*?`) }

func parsePattern(text string) pattern {
	var b strings.Builder
	b.WriteString(`(?s)^`)
	escaped := false
	for _, r := range text {
		switch {
		case !escaped && r == '\\':
			escaped = true
			continue
		case !escaped && r == '*':
			b.WriteString(`.*`)
		case !escaped && r == '?':
			b.WriteString(`.`)
		default:
			b.WriteString(regexp.QuoteMeta(string(r)))
		}
		escaped = false
	}
	if escaped {
		b.WriteString(`\\`)
	}
	b.WriteString(`$`)
	return pattern{regexp.MustCompile(b.String())}
}

// A selection is the flags that a command is about.
type selection struct {
	names []string
	// byPattern says that they were not all named: they are to be confirmed.
	byPattern bool
}

// selectFlags finds the flags that the arguments name. If there are patterns among
// them, it shows what it found.
func (p *program) selectFlags(ctx context.Context, c *cli.Command, s *opened) (selection, error) {
	args, err := names(c)
	if err != nil {
		return selection{}, err
	}
	if !slices.ContainsFunc(args, isPattern) {
		return selection{names: args}, nil
	}
	states, all, err := statesOf(ctx, s)
	if err != nil {
		return selection{}, err
	}
	chosen := selection{byPattern: true}
	for _, arg := range args {
		if !isPattern(arg) {
			chosen.names = append(chosen.names, arg)
			continue
		}
		found := false
		wanted := parsePattern(arg)
		for _, name := range all {
			if wanted.MatchString(name) {
				found = true
				chosen.names = append(chosen.names, name)
			}
		}
		if !found {
			return selection{}, &restated{fmt.Sprintf("no flag is like %s (flipper list shows all)", words.Name(arg)), store.ErrNotFound}
		}
	}
	chosen.names = withoutRepetition(chosen.names)
	p.showSelection(chosen.names, states)
	return chosen, nil
}

// statesOf reads the names of all flags, sorted, and what state they are in.
func statesOf(ctx context.Context, s *opened) (states map[string]string, names []string, err error) {
	states = map[string]string{}
	now := time.Now()
	for f, err := range s.List(ctx) {
		if unreadable, ok := errors.AsType[*store.UnreadableError](err); ok {
			states[unreadable.Name] = "unreadable"
			names = append(names, unreadable.Name)
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		states[f.Name] = words.State(f, now)
		names = append(names, f.Name)
	}
	slices.Sort(names)
	return states, names, nil
}

func withoutRepetition(names []string) []string {
	seen := make(map[string]bool, len(names))
	var unique []string
	for _, name := range names {
		if !seen[name] {
			unique = append(unique, name)
		}
		seen[name] = true
	}
	return unique
}

// showSelection lists flags with their states: to the person, so not in the results.
func (p *program) showSelection(names []string, states map[string]string) {
	widest := 0
	for _, name := range names {
		widest = max(widest, len([]rune(words.Name(name))))
	}
	for _, name := range names {
		state, there := states[name]
		if !there {
			state = "there is no such flag"
		}
		fmt.Fprintf(p.err, "%-*s  %s\n", min(widest, maxPadded), words.Name(name), state)
	}
}
