// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
)

func TestVersionOf(t *testing.T) {
	info := func(version string, settings ...debug.BuildSetting) *debug.BuildInfo {
		return &debug.BuildInfo{Main: debug.Module{Version: version}, Settings: settings}
	}
	revision := debug.BuildSetting{Key: "vcs.revision", Value: "65ae5210123456789"}
	modified := debug.BuildSetting{Key: "vcs.modified", Value: "true"}
	for _, c := range []struct {
		named string
		info  *debug.BuildInfo
		want  string
	}{
		{"v1.2.3", info("v1.2.2"), "v1.2.3"},
		{"v1.2.3", nil, "v1.2.3"},
		{"", info("v1.2.2", revision), "v1.2.2"},
		{"", info("(devel)", revision), "65ae52101234"},
		{"", info("(devel)", revision, modified), "65ae52101234-dirty"},
		{"", info("", revision), "65ae52101234"},
		{"", info("(devel)"), "(devel)"},
		{"", nil, "(devel)"},
	} {
		if got := versionOf(c.named, c.info); got != c.want {
			t.Errorf("%q, %v: %q, want %q", c.named, c.info, got, c.want)
		}
	}
}

// make names the version by what git says: the last tag of this module, or the
// commit; and nothing outside a repository.
func TestMakeNamesVersion(t *testing.T) {
	makefile, err := filepath.Abs("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	directory := t.TempDir()
	run := func(name string, args ...string) string {
		t.Helper()
		command := exec.CommandContext(t.Context(), name, args...)
		command.Dir = directory
		command.Env = append(command.Environ(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(directory), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
			"GIT_AUTHOR_NAME=x", "GIT_AUTHOR_EMAIL=x@y", "GIT_COMMITTER_NAME=x", "GIT_COMMITTER_EMAIL=x@y", "MAKEFLAGS=")
		output, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %q: %v\n%s", name, args, err, output)
		}
		return string(output)
	}
	made := func(target string, args ...string) string {
		t.Helper()
		return run("make", append([]string{"-n", "-f", makefile, target}, args...)...)
	}
	says := func(version string, args ...string) {
		t.Helper()
		if got := made("build", args...); !strings.Contains(got, "-X main.buildVersion="+version+"'") {
			t.Errorf("%s: make build does %s", version, got)
		}
		if got := made("image", args...); !strings.Contains(got, "--build-arg VERSION="+version+" ") {
			t.Errorf("%s: make image does %s", version, got)
		}
	}
	for _, target := range []string{"build", "image"} {
		if got := made(target); strings.Contains(got, "buildVersion") || strings.Contains(got, "VERSION") {
			t.Errorf("outside a repository: %s", got)
		}
	}
	run("git", "init", "-q")
	run("git", "commit", "-q", "--allow-empty", "-m", "x")
	commit := strings.TrimSpace(run("git", "rev-parse", "--short=7", "HEAD"))
	says(commit)
	run("git", "tag", "openfeature/v9.9.9")
	says(commit)
	run("git", "tag", "v1.2.3")
	says("v1.2.3")
	run("git", "commit", "-q", "--allow-empty", "-m", "y")
	says("v1.2.3-1-g" + strings.TrimSpace(run("git", "rev-parse", "--short=7", "HEAD")))
	says("v7", "VERSION=v7")
}
