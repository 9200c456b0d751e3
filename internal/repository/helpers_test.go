// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package repository_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	module = "github.com/flipper-go/flipper"
	root   = "../.."
)

// notOurs are directories that hold what is built or kept by tools.
var notOurs = []string{".git", ".cache", "bin", "node_modules"}

// files returns the paths of the repository's files that keep wants, relative to
// its root and with slashes.
func files(t *testing.T, keep func(path string) bool) []string {
	t.Helper()
	var paths []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && slices.Contains(notOurs, entry.Name()) {
			return filepath.SkipDir
		}
		relative, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if relative = filepath.ToSlash(relative); entry.Type().IsRegular() && keep(relative) {
			paths = append(paths, relative)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) == 0 {
		t.Fatal("no files")
	}
	return paths
}

func isGo(path string) bool     { return strings.HasSuffix(path, ".go") }
func isGoTest(path string) bool { return strings.HasSuffix(path, "_test.go") }

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// parse reads a Go file; with parser.ImportsOnly that is enough for its comments
// and imports.
func parse(t *testing.T, path string, mode parser.Mode) *ast.File {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, path), nil, mode)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// goCommand runs the go command in a directory, and returns the words that it prints.
// On a fresh machine it downloads the modules that it needs.
func goCommand(t *testing.T, directory string, args ...string) []string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", args...)
	command.Dir = directory
	command.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off", "GOTOOLCHAIN=local")
	var stderr strings.Builder
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return strings.Fields(string(out))
}
