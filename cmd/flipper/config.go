// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"slices"
	"sort"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/flipper-go/flipper/internal/nearest"
	"github.com/flipper-go/flipper/targeting"
)

func (p *program) configCommand() *cli.Command {
	return &cli.Command{
		Name:  "config",
		Usage: "show the configuration, and where each value is from",
		Description: `A value on the command line comes before the environment's, that before the one
in the file .env in the working directory, and that before the default.
FLIPPER_ENV_FILE names another file, or, if empty, none. Of the file, variables
that begin with FLIPPER_ or CONSUL_ are read. Secrets are not shown.`,
		Flags: serveFlags(), // to show them too
		Action: func(_ context.Context, c *cli.Command) error {
			if err := noArguments(c); err != nil {
				return err
			}
			if err := checkOutput(c); err != nil {
				return err
			}
			return p.printConfig(c)
		},
	}
}

// A setting is a part of the configuration.
type setting struct{ name, value, source string }

func (p *program) printConfig(c *cli.Command) error {
	var settings []setting
	for _, f := range slices.Concat(c.Root().Flags, c.Flags) {
		names := f.Names()
		if len(names) == 0 || names[0] == "help" || names[0] == "version" {
			continue
		}
		settings = append(settings, p.settingOf(c, f))
	}
	settings = append(settings, consulSettings()...)
	settings = append(settings, misspeltSettings(settings)...)
	if asJSON(c) {
		var members []targeting.Member
		for _, s := range settings {
			members = append(members, targeting.Member{Key: s.name, Value: targeting.Object(
				targeting.Member{Key: "value", Value: targeting.Text(s.value)},
				targeting.Member{Key: "source", Value: targeting.Text(s.source)},
			)})
		}
		return p.printf("%s", targeting.Object(members...))
	}
	rows := [][]cell{{{text: "SETTING"}, {text: "VALUE"}, {text: "FROM"}}}
	for _, s := range settings {
		rows = append(rows, []cell{{text: s.name}, {text: orDash(s.value)}, {text: s.source}})
	}
	return p.printFields(rows)
}

func (p *program) settingOf(c *cli.Command, f cli.Flag) setting {
	name := f.Names()[0]
	s := setting{name: name, value: fmt.Sprint(c.Value(name)), source: "default"}
	switch {
	case p.onCommandLine(f):
		s.source = "command line"
	case os.Getenv(variable(name)) != "" || f.IsSet():
		s.source = sourceOf(variable(name))
	}
	if list, ok := c.Value(name).([]string); ok {
		s.value = strings.Join(list, ",")
	}
	switch {
	case name == "store" && s.source == "default":
		s.source = "default; serve has " + defaultStore
	case name == "store":
		s.value = redacted(s.value)
	case name == "api-environment":
		for i, named := range c.StringSlice(name) {
			environment, url, _ := strings.Cut(named, "=")
			if i > 0 {
				s.value += ","
			} else {
				s.value = ""
			}
			s.value += environment + "=" + redacted(url)
		}
	case name == "instance-id" && s.value == "":
		s.value = identityOf(c).InstanceID
	}
	return s
}

// sourceOf says where a variable that is set is from.
func sourceOf(variable string) string {
	if file := fromEnvFile[variable]; file != "" {
		return variable + " in " + file
	}
	return "environment, " + variable
}

// onCommandLine reports whether a flag was given as an argument; the library does
// not tell that from one that the environment set.
func (p *program) onCommandLine(f cli.Flag) bool {
	for _, arg := range p.args[min(1, len(p.args)):] {
		if arg == "--" {
			break
		}
		if name, isFlag := strings.CutPrefix(arg, "-"); isFlag {
			name, _, _ = strings.Cut(strings.TrimPrefix(name, "-"), "=")
			if slices.Contains(f.Names(), name) {
				return true
			}
		}
	}
	return false
}

// consulSettings are the variables of Consul's client, which are no flags.
func consulSettings() []setting {
	var settings []setting
	for _, variable := range os.Environ() {
		name, value, _ := strings.Cut(variable, "=")
		if !strings.HasPrefix(name, "CONSUL_") {
			continue
		}
		if secretName.MatchString(name) || name == "CONSUL_HTTP_AUTH" {
			value = hidden
		}
		settings = append(settings, setting{name, redacted(value), sourceOf(name)})
	}
	sort.Slice(settings, func(i, j int) bool { return settings[i].name < settings[j].name })
	return settings
}

// misspeltSettings are the variables that are nearly those of settings, and do
// nothing. Others are not ours to judge: Kubernetes sets FLIPPER_SERVICE_HOST and
// the like where there is a service of that name.
func misspeltSettings(settings []setting) []setting {
	var known []string
	for _, s := range settings {
		known = append(known, strings.TrimPrefix(variable(s.name), variablePrefix))
	}
	var misspelt []setting
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		rest, ours := strings.CutPrefix(name, variablePrefix)
		if !ours || slices.Contains(known, rest) || name == envFileVariable {
			continue
		}
		if near := nearest.Names(rest, known); len(near) > 0 {
			misspelt = append(misspelt, setting{name, hidden, "not used: did you mean " + variablePrefix + strings.Join(near, " or "+variablePrefix) + "?"})
		}
	}
	slices.SortFunc(misspelt, func(a, b setting) int { return strings.Compare(a.name, b.name) })
	return misspelt
}

// hidden is shown in place of a secret.
const hidden = "xxxxx"

var secretName = regexp.MustCompile(`(?i)passw|secret|token|credential`)

// redacted returns a URL without its secrets.
func redacted(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		scheme, _, _ := strings.Cut(text, ":")
		return scheme + ":" + hidden // nobody knows where in it the secret is
	}
	if u.Scheme != "bolt" && u.Host == "" && strings.Contains(u.Opaque+u.Path, "@") {
		return hidden // user:password@host, of which the scheme is missing
	}
	query := u.Query()
	for name := range query {
		if secretName.MatchString(name) {
			query.Set(name, hidden)
		}
	}
	if u.RawQuery != "" {
		u.RawQuery = query.Encode()
	}
	return u.Redacted()
}
