// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/urfave/cli/v3"
)

// helpWidth is the longest line of a help, in characters.
const helpWidth = 100

// helpWord asks for help in place of a command. It is no command of the library's:
// that help is asked for is found out before any command runs.
const helpWord = "help"

const helpUsage = "show the help of a command"

// helpTopic finds out whether words ask for help, and on which command: it returns
// the commands from the root to that one, or nil. Help is asked for with --help or
// -h anywhere, with help in place of a command, and by leaving out a command where
// one is needed. A word that should be a command and is none is an error.
func helpTopic(root *cli.Command, words []string) (path []*cli.Command, err error) {
	typed := newTypedWords(root)
	wanted, lost := false, false
	for _, word := range words {
		isValue := typed.value != nil
		isFlag := !isValue && strings.HasPrefix(word, "-") && word != "-"
		needsCommand := !isValue && !isFlag && !lost && len(typed.command.VisibleCommands()) > 0
		switch {
		case !isValue && word == "--", typed.command.SkipFlagParsing:
			return typed.helpPath(wanted), nil
		case isFlag && (word == "--help" || word == "-h"):
			wanted = true
		case isFlag && (word == "--version" || word == "-v"):
			return typed.helpPath(wanted), nil
		case needsCommand && word == helpWord:
			wanted = true
		case needsCommand && typed.command.Command(word) == nil:
			return nil, unknownCommand(typed.path, word)
		default:
			// The library complains of a flag that it does not know. Whether the next
			// word is its value or a command cannot be said.
			name, _, _ := strings.Cut(word, "=")
			lost = lost || isFlag && typed.flag(name) == nil
			typed.read(word)
		}
	}
	return typed.helpPath(wanted || !lost && typed.value == nil && len(typed.command.VisibleCommands()) > 0), nil
}

func (t *typedWords) helpPath(wanted bool) []*cli.Command {
	if !wanted {
		return nil
	}
	return t.path
}

// nameOf returns the words with which a command is called.
func nameOf(path []*cli.Command) string {
	var names []string
	for _, c := range path {
		names = append(names, c.Name)
	}
	return strings.Join(names, " ")
}

// unknownCommand is the error of a word that should be a command below the last of
// path.
func unknownCommand(path []*cli.Command, word string) error {
	suggestion := ""
	if usual := usualNames[nameOf(path)][strings.ToLower(word)]; usual != "" {
		suggestion = ": did you mean " + usual + "?"
	} else {
		var names []string
		for _, below := range path[len(path)-1].VisibleCommands() {
			names = append(names, below.Name)
		}
		suggestion = didYouMean(word, names)
	}
	return usagef("unknown command %q%s (see %s --help)", word, suggestion, nameOf(path))
}

// noCommand runs if what should be a command is none. As a rule helpTopic has seen
// to that before.
func noCommand(_ context.Context, c *cli.Command) error {
	path := c.Lineage()
	slices.Reverse(path)
	return unknownCommand(path, c.Args().First())
}

// showHelp shows the help of the last command of a path: its own options, and the
// names of the global ones.
func (p *program) showHelp(path []*cli.Command) error {
	c, root := path[len(path)-1], path[0]
	var b strings.Builder
	section := func(title, text string) {
		if text != "" {
			fmt.Fprintf(&b, "%s:\n%s\n", title, indent(text))
		}
	}
	section("NAME", wrapped(nameOf(path)+" - "+c.Usage, helpWidth-3, 0))
	section("USAGE", usageLine(path))
	section("DESCRIPTION", c.Description)
	section("COMMANDS", commandColumns(path))
	if c == root {
		section("GLOBAL OPTIONS", columns(append(optionRows(c.Flags), helpRow, [2]string{"--version, -v", "print the version"})))
	} else {
		section("OPTIONS", columns(append(optionRows(c.Flags), helpRow)))
		section("GLOBAL OPTIONS", globalOptions(root))
	}
	_, err := io.WriteString(p.out, strings.TrimRight(b.String(), "\n")+"\n")
	return err
}

var helpRow = [2]string{"--help, -h", "show this help"}

func indent(text string) string {
	var b strings.Builder
	for line := range strings.SplitSeq(text, "\n") {
		b.WriteString(strings.TrimRight("   "+line, " ") + "\n")
	}
	return b.String()
}

func usageLine(path []*cli.Command) string {
	c := path[len(path)-1]
	words := []string{nameOf(path)}
	if len(c.Flags) > 0 {
		words = append(words, "[options]")
	}
	if len(c.VisibleCommands()) > 0 {
		words = append(words, "COMMAND")
	}
	if c.ArgsUsage != "" {
		words = append(words, c.ArgsUsage)
	}
	return strings.Join(words, " ")
}

func commandColumns(path []*cli.Command) string {
	var rows [][2]string
	for _, below := range path[len(path)-1].VisibleCommands() {
		rows = append(rows, [2]string{below.Name, below.Usage})
	}
	if len(path) == 1 {
		rows = append(rows, [2]string{helpWord, helpUsage})
	}
	return columns(rows)
}

// globalOptions names the global options, of which the help of the root tells.
func globalOptions(root *cli.Command) string {
	var names []string
	for _, f := range root.Flags {
		if name := f.Names()[0]; name != "version" { // the library adds it, but only later
			names = append(names, "--"+name)
		}
	}
	return wrapped(strings.Join(names, ", ")+": see "+root.Name+" --help", helpWidth-3, 0)
}

func optionRows(flags []cli.Flag) [][2]string {
	var rows [][2]string
	for _, f := range flags {
		documented, ok := f.(cli.DocGenerationFlag)
		if !ok {
			continue
		}
		var names []string
		for _, name := range f.Names() {
			names = append(names, strings.Repeat("-", min(len(name), 2))+name)
		}
		left := strings.Join(names, ", ")
		usage := documented.GetUsage()
		if documented.TakesValue() {
			left += " " + cmp.Or(placeholders[f.Names()[0]], "TEXT")
			// Before the library has read anything, the value is the default.
			if value := documented.GetValue(); documented.IsDefaultVisible() && value != "" && value != "[]" {
				usage += " (default: " + value + ")"
			}
		}
		if variables := documented.GetEnvVars(); len(variables) > 0 {
			usage += " [$" + strings.Join(variables, ", $") + "]"
		}
		rows = append(rows, [2]string{left, usage})
	}
	return rows
}

// placeholders stand for the values of flags.
var placeholders = map[string]string{
	"attributes":       "JSON",
	"by":               "ATTRIBUTE",
	"data":             "JSON",
	"expires":          "DAY",
	"from":             "SHARE",
	"http":             "ADDRESS",
	"idle-timeout":     "DURATION",
	"listen":           "ADDRESS",
	"log-format":       "FORM",
	"log-level":        "LEVEL",
	"max-connections":  "NUMBER",
	"now":              "TIME",
	"output":           "FORM",
	"over":             "DURATION",
	"shutdown-timeout": "DURATION",
	"start":            "TIME",
	"store":            "URL",
	"timeout":          "DURATION",
	"tls-cert":         "FILE",
	"tls-client-ca":    "FILE",
	"tls-key":          "FILE",
	"to":               "SHARE",
}

// widestLeft is how much room the left of two columns has.
const widestLeft = 30

// columns lays rows out in two columns. What does not fit on the left has a line
// of its own.
func columns(rows [][2]string) string {
	left := 0
	for _, row := range rows {
		if n := utf8.RuneCountInString(row[0]); n <= widestLeft {
			left = max(left, n)
		}
	}
	var b strings.Builder
	for _, row := range rows {
		n := utf8.RuneCountInString(row[0])
		b.WriteString(row[0])
		if n > left {
			b.WriteString("\n")
			n = 0
		}
		b.WriteString(strings.Repeat(" ", left-n+2))
		b.WriteString(wrapped(row[1], helpWidth-3-left-2, left+2) + "\n")
	}
	return strings.TrimRight(b.String(), "\n")
}

// wrapped breaks text between words into lines of a width. All but the first are
// indented. A word that is longer has a line of its own.
func wrapped(text string, width, indented int) string {
	var b strings.Builder
	n := 0
	for i, word := range strings.Fields(text) {
		length := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case n+1+length > width:
			b.WriteString("\n" + strings.Repeat(" ", indented))
			n = 0
		default:
			b.WriteByte(' ')
			n++
		}
		b.WriteString(word)
		n += length
	}
	return b.String()
}
