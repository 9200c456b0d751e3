// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
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
	return p.printFields(rows)
}

// buildVersion is the version that the build names with the linker's -X, as make
// and the Dockerfile do: the image is built without the repository.
var buildVersion string

// unknownVersion is what go build says where it knows none.
const unknownVersion = "(devel)"

// version returns what the binary was built from: what the build named, or the
// version of the module, for which go build takes the tag or makes one of the
// commit, or the commit.
func version() string {
	info, _ := debug.ReadBuildInfo()
	return versionOf(buildVersion, info)
}

// versionOf is version for what the build named, which may be empty, and what Go
// recorded, which may be nil.
func versionOf(named string, info *debug.BuildInfo) string {
	if named != "" || info == nil {
		return cmp.Or(named, unknownVersion)
	}
	if info.Main.Version != "" && info.Main.Version != unknownVersion {
		return info.Main.Version
	}
	revision, modified := revisionOf(info)
	if revision == "" {
		return unknownVersion
	}
	version := revision[:min(len(revision), shortRevision)]
	if modified {
		version += "-dirty" // as git describe says it
	}
	return version
}

// shortRevision is how much of a commit's name tells it from others.
const shortRevision = 12

// commit returns the commit that the binary was built from, and whether there were
// changes beside it.
func commit() string {
	info, _ := debug.ReadBuildInfo()
	revision, modified := revisionOf(info)
	switch {
	case revision == "":
		return "unknown"
	case modified:
		return revision + " with changes"
	}
	return revision
}

// revisionOf returns the commit that Go recorded, which may be empty, and whether
// there were changes beside it.
func revisionOf(info *debug.BuildInfo) (revision string, modified bool) {
	if info == nil {
		return "", false
	}
	for _, setting := range info.Settings {
		switch setting.Key {
		case "vcs.revision":
			revision = setting.Value
		case "vcs.modified":
			modified = setting.Value == "true"
		}
	}
	return revision, modified
}
