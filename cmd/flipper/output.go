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

	"github.com/flipper-go/flipper/internal/words"
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

// printTable writes rows in columns. On a terminal, what does not fit into its width
// is cut, first in the widest columns. Elsewhere nothing is cut, but a long cell does
// not push the cells of other rows away.
func (p *program) printTable(rows [][]cell) error {
	widths := naturalWidths(rows)
	if p.width > 0 {
		narrow(widths, p.width)
		cut := make([][]cell, len(rows))
		for i, row := range rows {
			for j, c := range row {
				cut[i] = append(cut[i], cell{words.Cut(c.text, widths[j]), c.colour})
			}
		}
		rows = cut
	}
	return p.printColumns(rows, widths)
}

// printFields writes rows of names and values, of which nothing is cut.
func (p *program) printFields(rows [][]cell) error { return p.printColumns(rows, naturalWidths(rows)) }

func (p *program) printColumns(rows [][]cell, widths []int) error {
	var b strings.Builder
	for _, row := range rows {
		for i, c := range row {
			b.WriteString(p.paint(c.colour, c.text))
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", max(0, min(widths[i], maxPadded)-utf8.RuneCountInString(c.text))+gap))
			}
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(p.out, b.String())
	return err
}

const (
	gap       = 2  // between columns
	maxPadded = 60 // a column is filled up to so many characters at most
	minColumn = 10 // a column is not cut below that
)

// naturalWidths returns how wide the columns are if nothing is cut.
func naturalWidths(rows [][]cell) []int {
	var widths []int
	for _, row := range rows {
		for i, c := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(c.text))
		}
	}
	return widths
}

// narrow takes away from the widest columns until all fit into a width, if they can.
func narrow(widths []int, width int) {
	total := gap * (len(widths) - 1)
	for _, w := range widths {
		total += w
	}
	for ; total > width; total-- {
		widest := 0
		for i, w := range widths {
			if w > widths[widest] {
				widest = i
			}
		}
		if widths[widest] <= minColumn {
			return
		}
		widths[widest]--
	}
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

// stored returns a flag's stored form as it lies in Redis and Consul: what -o json
// shows of a flag.
func stored(f *store.Flag) (string, error) {
	text, err := store.Encode(f)
	return string(text), err
}
