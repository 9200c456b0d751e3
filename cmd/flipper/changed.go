// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/flipper-go/flipper/internal/words"
	"github.com/flipper-go/flipper/store"
)

// changed reads a flag that was changed and says what it is now: with -o json its
// stored form, else what say makes of it.
func (p *program) changed(ctx context.Context, c *cli.Command, s *opened, name string, say func(f *store.Flag) string) error {
	f, err := s.Get(ctx, name)
	if err != nil {
		return fmt.Errorf("%s was changed, but what it is now is not known: %w", words.Name(name), err)
	}
	if asJSON(c) {
		return p.printFlag(c, f)
	}
	return p.printf("%s: %s", words.Name(name), say(f))
}

// state is what a command says that switches a flag.
func state(f *store.Flag) string { return words.State(f, time.Now()) }

// created is what a command says that made a flag.
func created(f *store.Flag) string {
	if f.Enabled {
		return "created, " + state(f)
	}
	return "created, off; " + howToEnable(f)
}

// retargeted is what a command says that changed whom a flag is on for: somebody
// who did so and forgot that the flag is off has done nothing yet.
func retargeted(f *store.Flag) string {
	if f.Enabled {
		return state(f)
	}
	return "still off; " + howToEnable(f)
}

func howToEnable(f *store.Flag) string {
	return "flipper enable " + shellWord(f.Name) + " switches it on " + words.Audience(f, time.Now())
}

// plainWord is what no shell reads as anything else.
var plainWord = regexp.MustCompile(`^[\pL\pN_][\pL\pN_./:@%+-]*$`)

// shellWord returns a name as it is typed in a shell. Of a name that cannot be
// typed it returns a placeholder.
func shellWord(name string) string {
	switch shown := words.Name(name); {
	case plainWord.MatchString(name):
		return name
	case shown == name, words.Quote(name) == `"`+name+`"`:
		return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
	}
	return "NAME"
}
