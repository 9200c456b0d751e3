// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/flipper-go/flipper/internal/exchange"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/bolt"
	"github.com/flipper-go/flipper/store/storeurl"
)

// The exit codes. Scripts rely on them: they stay.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitNotFound    = 3
	exitUnavailable = 4
	exitOff         = 5
	exitInterrupted = 130 // as shells say of a program that SIGINT ended
)

const exitCodesHelp = `Exit codes:
  0    done
  1    failed, for a reason that the message says
  2    used in a wrong way: nothing was done
  3    there is no such flag
  4    the store cannot be reached, or another process has its file
  5    eval --exit-code: the flag is off
  130  interrupted`

// A codedError ends the program with a code of its own. Without err, silently.
type codedError struct {
	code int
	err  error
}

func (e *codedError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *codedError) Unwrap() error { return e.err }

// A restated error says in its own words what err is; the chain stays.
type restated struct {
	text string
	err  error
}

func (e *restated) Error() string { return e.text }

func (e *restated) Unwrap() error { return e.err }

// usagef makes the error of a command that was used in a wrong way.
func usagef(format string, args ...any) error {
	return &codedError{exitUsage, fmt.Errorf(format, args...)}
}

// exitCode returns what the process ends with.
func exitCode(err error) int {
	coded, ok := errors.AsType[*codedError](err)
	switch {
	case err == nil:
		return exitOK
	case ok:
		return coded.code
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, context.DeadlineExceeded), errors.Is(err, bolt.ErrLocked):
		return exitUnavailable
	case errors.Is(err, store.ErrNotFound):
		return exitNotFound
	case errors.Is(err, exchange.ErrFormat), errors.Is(err, store.ErrUnreadable):
		return exitFailed // not for what was typed, though it wraps store.ErrInvalid
	case errors.Is(err, store.ErrInvalid), errors.Is(err, storeurl.ErrInvalidURL), isLibraryUsageError(err):
		return exitUsage
	}
	return exitFailed
}

// isLibraryUsageError reports whether the library says that a variable's value is
// not one of its flag; it has no error type for that, and does not tell
// usageError.
func isLibraryUsageError(err error) bool {
	return strings.HasPrefix(err.Error(), "could not parse ")
}

// oneLine returns an error's message in one line, however many errors are in it.
func oneLine(err error) string {
	if err == nil {
		return ""
	}
	if exitCode(err) == exitInterrupted {
		return "interrupted"
	}
	lines := strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\r' })
	return escapeControls(strings.Join(lines, "; "))
}

// usageError says in one line what the library would say with a page of help.
func usageError(_ context.Context, c *cli.Command, err error, _ bool) error {
	see := fmt.Sprintf("(see %s --help)", c.FullName())
	name, unknown := strings.CutPrefix(err.Error(), "flag provided but not defined: -")
	if !unknown {
		return usagef("%w %s", err, see)
	}
	name = "--" + strings.TrimLeft(name, "-")
	var names []string
	for _, ancestor := range c.Lineage() {
		for _, f := range ancestor.Flags {
			for _, n := range f.Names() {
				if len(n) > 1 {
					names = append(names, "--"+n)
				}
			}
		}
	}
	return usagef("unknown flag %s%s %s", name, didYouMean(name, names), see)
}

// noArguments, oneName and names check what comes after a command.
func noArguments(c *cli.Command) error {
	if c.Args().Present() {
		return usagef("%s takes no arguments, but got %q (see %s --help)", c.Name, c.Args().First(), c.FullName())
	}
	return nil
}

func oneName(c *cli.Command) (string, error) {
	if c.NArg() != 1 {
		return "", usagef("%s takes the name of one flag: write %s NAME (see %[1]s --help)", c.FullName(), c.FullName())
	}
	return c.Args().First(), nil
}

func names(c *cli.Command) ([]string, error) {
	if !c.Args().Present() {
		return nil, usagef("the name of a flag is missing: write %s NAME (see %[1]s --help)", c.FullName())
	}
	return c.Args().Slice(), nil
}

// checkNotNegative checks a flag that is a duration.
func checkNotNegative(c *cli.Command, name string) error {
	if d := c.Duration(name); d < 0 {
		return usagef("--%s %v: use a duration that is not negative, such as 10s", name, d)
	}
	return nil
}
