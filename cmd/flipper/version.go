// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"runtime"
	"runtime/debug"

	"github.com/urfave/cli/v3"

	"github.com/flipper-go/flipper/targeting"
)

func (p *program) versionCommand() *cli.Command {
	return &cli.Command{
		Name:  "version",
		Usage: "show what this program was built from",
		Action: func(_ context.Context, c *cli.Command) error {
			if err := noArguments(c); err != nil {
				return err
			}
			if err := checkOutput(c); err != nil {
				return err
			}
			return p.printVersion(c)
		},
	}
}

func (p *program) printVersion(c *cli.Command) error {
	facts := []struct{ name, value string }{
		{"version", version()},
		{"commit", commit()},
		{"go", runtime.Version()},
		{"platform", runtime.GOOS + "/" + runtime.GOARCH},
	}
	var members []targeting.Member
	var rows [][]cell
	for _, f := range facts {
		members = append(members, targeting.Member{Key: f.name, Value: targeting.Text(f.value)})
		rows = append(rows, []cell{{text: f.name + ":"}, {text: f.value}})
	}
	if asJSON(c) {
		return p.printf("%s", targeting.Object(members...))
	}
	return p.printTable(rows)
}

// version gives the module version that the binary was built from.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

// commit gives the commit that the binary was built from, and whether there were
// changes beside it.
func commit() string {
	revision, modified := "unknown", ""
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return revision
	}
	for _, setting := range info.Settings {
		switch setting.Key {
		case "vcs.revision":
			revision = setting.Value
		case "vcs.modified":
			if setting.Value == "true" {
				modified = " with changes"
			}
		}
	}
	return revision + modified
}
