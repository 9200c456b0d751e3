// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package repository_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The README's quickstart is a whole program. It compiles in a module of its own, as
// that of somebody who imports ours, and prints what its last comment says.
func TestQuickstart(t *testing.T) {
	here, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	readme := read(t, "README.md")
	program := regexp.MustCompile("(?s)```go\n(package main.*?)```").FindStringSubmatch(readme)
	if program == nil {
		t.Fatal("README.md has no program")
	}
	says := outputComment.FindStringSubmatch(program[1])
	if says == nil {
		t.Fatal("the first program in README.md does not say what it prints")
	}
	directory := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":  fmt.Sprintf("module example.com/quickstart\n\ngo 1.26.0\n\nrequire %s v0.0.0\n\nreplace %[1]s => %q\n", module, here),
		"main.go": program[1],
	} {
		if err := os.WriteFile(filepath.Join(directory, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want := strings.Fields(strings.ReplaceAll(says[1], "//", ""))
	if got := goCommand(t, directory, "run", "."); !slices.Equal(got, want) {
		t.Errorf("prints %s, and the README says %s", got, want)
	}
}

// The session in the README is a part of the recorded one, which the command's
// tests check against the command.
func TestSession(t *testing.T) {
	session := regexp.MustCompile("(?s)```console\n(.*?)```").FindStringSubmatch(read(t, "README.md"))
	if session == nil {
		t.Fatal("README.md has no session")
	}
	if !strings.Contains(read(t, "docs/session.txt"), session[1]) {
		t.Error("the session in README.md is not in docs/session.txt, as it stands there")
	}
}
