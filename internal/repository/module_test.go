// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package repository_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

func TestGoMod(t *testing.T) {
	text := read(t, "go.mod")
	// With a patch version or a toolchain, who imports this module would have to
	// have, or download, just that one. The first release, 1.26.0, is what some
	// of our dependencies ask for.
	if !regexp.MustCompile(`(?m)^go 1\.\d+(\.0)?$`).MatchString(text) {
		t.Error("the go line has to name a language version, such as 1.26, and no later patch of it")
	}
	for _, directive := range []string{"toolchain", "replace", "exclude", "tool", "godebug"} {
		if regexp.MustCompile(`(?m)^` + directive + `\b`).MatchString(text) {
			t.Errorf("go.mod has a %s directive", directive)
		}
	}
}

// An application that imports the client needs no module besides this one.
func TestConsumerModule(t *testing.T) {
	here, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	directory := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(directory, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("go.mod", fmt.Sprintf("module example.com/consumer\n\ngo 1.26\n\nrequire %s v0.0.0\n\nreplace %[1]s => %q\n", module, here))
	write("main.go", fmt.Sprintf("package main\n\nimport _ %q\n\nfunc main() {}\n", module))
	goCommand(t, directory, "mod", "tidy")
	text, err := os.ReadFile(filepath.Join(directory, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	if requires := regexp.MustCompile(`(?m)^(require )?\t?\S+ v\d`).FindAllString(string(text), -1); len(requires) != 1 {
		t.Errorf("%d requirements, want 1:\n%s", len(requires), text)
	}
	goCommand(t, directory, "build", "-o", os.DevNull, ".")
}
