// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// A console is where the program's user is.
type console struct {
	in       io.Reader
	out, err io.Writer

	askable  bool // there is somebody to ask: input and messages are a terminal
	progress bool // messages are a terminal
	terminal bool // results are a terminal
	colours  bool // results are a terminal that has colours
	width    int  // of the terminal that results are; 0 if they are none
}

func newConsole(in io.Reader, out, err io.Writer) console {
	c := console{in: in, out: out, err: err, progress: isTerminal(err)}
	c.askable = c.progress && isTerminal(in)
	// See https://no-color.org: set and not empty.
	c.terminal = isTerminal(out)
	c.colours = c.terminal && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	if f, ok := out.(*os.File); ok && c.terminal {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil {
			c.width = width
		}
	}
	return c
}

func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// confirm asks before what cannot be undone. Without somebody to ask, yes has to
// be given on the command line.
func (c *console) confirm(ctx context.Context, yes bool, question string) error {
	switch {
	case yes:
		return nil
	case !c.askable:
		return usagef("not done, since there is no terminal to ask on: give --yes to confirm")
	}
	fmt.Fprintf(c.err, "%s [y/N] ", question)
	answer, err := next(ctx, readLines(ctx, c.in))
	if err != nil {
		fmt.Fprintln(c.err)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch strings.ToLower(strings.TrimSpace(string(answer))) {
	case "y", "yes":
		return nil
	}
	return &codedError{exitFailed, errors.New("not done: the answer was not yes")}
}

// A line is one of the input, with its line break, or why there are no more.
type line struct {
	text []byte
	err  error
}

// readLines returns the lines of the input until it or ctx ends. A read from a
// terminal cannot be interrupted: the goroutine of one that is under way when ctx
// ends lasts until the process does, which is at once.
func readLines(ctx context.Context, in io.Reader) <-chan line {
	lines := make(chan line)
	go func() {
		defer close(lines)
		reader := bufio.NewReaderSize(in, 1<<16)
		for {
			text, err := reader.ReadBytes('\n')
			if len(text) == 0 && err == io.EOF {
				return
			}
			if err == io.EOF {
				err = nil // the next read says so again
			}
			select {
			case lines <- line{text, err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return lines
}

// next returns the next line, or an error: [io.EOF], or that ctx ended.
func next(ctx context.Context, lines <-chan line) ([]byte, error) {
	select {
	case l, ok := <-lines:
		if !ok {
			return nil, io.EOF
		}
		return l.text, l.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// The colours of states, which need not be seen to understand the output.
const (
	green  = "\x1b[32m"
	red    = "\x1b[31m"
	yellow = "\x1b[33m"
	plain  = "\x1b[0m"
)

// paint returns text in a colour, where there are colours.
func (c *console) paint(colour, text string) string {
	if !c.colours || colour == "" {
		return text
	}
	return colour + text + plain
}

// report shows how far long work is, on a terminal. The function that it returns
// takes that away again.
func (c *console) report(format string, args ...any) (done func()) {
	if !c.progress {
		return func() {}
	}
	fmt.Fprintf(c.err, "\r\x1b[K"+format, args...)
	return func() { fmt.Fprint(c.err, "\r\x1b[K") }
}
