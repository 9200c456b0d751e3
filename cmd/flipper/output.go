// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/urfave/cli/v3"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
)

// checkOutput refuses forms of results that there are not.
func checkOutput(c *cli.Command) error {
	switch form := c.String("output"); form {
	case "table", "json":
		return nil
	default:
		return usagef("--output %q: use table or json", form)
	}
}

// asJSON reports whether results are to be JSON.
func asJSON(c *cli.Command) bool { return c.String("output") == "json" }

// A cell is one of a table, with its colour.
type cell struct{ text, colour string }

// printTable writes rows in columns that are as wide as they have to be.
func (p *program) printTable(rows [][]cell) error {
	var widths []int
	for _, row := range rows {
		for i, c := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(c.text))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		for i, c := range row {
			b.WriteString(p.paint(c.colour, c.text))
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c.text)+2))
			}
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(p.out, b.String())
	return err
}

// printf writes a line of results.
func (p *program) printf(format string, args ...any) error {
	_, err := fmt.Fprintf(p.out, format+"\n", args...)
	return err
}

// orDash returns a dash in place of no text.
func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// escapeControls writes what a terminal might take for a command as Go does in
// quotes: paths, words that were typed, and what servers say can have it.
func escapeControls(text string) string {
	return replaceControls(text, func(r rune) string { return strings.Trim(strconv.QuoteRune(r), "'") })
}

// escapeJSON writes the same as JSON does, which leaves a JSON text equal: in valid
// JSON such characters are only in texts.
func escapeJSON(text string) string {
	return replaceControls(text, func(r rune) string {
		s := targeting.Text(string(r)).String()
		return s[1 : len(s)-1]
	})
}

func replaceControls(text string, escape func(rune) string) string {
	isControl := func(r rune) bool { return !unicode.IsPrint(r) && !unicode.Is(unicode.Zs, r) && r != '\n' && r != '\t' }
	text = strings.ToValidUTF8(text, string(utf8.RuneError))
	if strings.IndexFunc(text, isControl) < 0 {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if isControl(r) {
			b.WriteString(escape(r))
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// printJSON writes stored text as a line of results: byte for byte, but on a
// terminal without what that might take for a command.
func (p *program) printJSON(text string) error {
	if p.terminal {
		text = escapeJSON(text)
	}
	return p.printf("%s", text)
}

// stored gives a flag's stored form as it lies in Redis and Consul: what -o json
// shows of a flag.
func stored(f *store.Flag) (string, error) {
	text, err := store.Encode(f)
	return string(text), err
}
