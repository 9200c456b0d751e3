// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package repository_test

import (
	"fmt"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// fullModule is the module that imports all that a page may show.
const fullModule = "examples/storefront"

// A snippet is a fenced block of Go code on a page.
type snippet struct {
	where  string // page:line
	code   string
	pkg    string // its package's name
	folder string // where it is written to
	output string // what the page says that it prints, if it does
}

var (
	goBlock       = regexp.MustCompile("(?ms)^```go\n(.*?)^```$")
	outputComment = regexp.MustCompile(`(?s)\t// Output:(.*?)\n}`)
)

// Each Go block of README.md and docs is a whole file. A program stands alone, and
// prints what its last comment says; the other files of a page that name the same
// package are one package, whose tests pass.
func TestSnippets(t *testing.T) {
	cache := filepath.Join(root, ".cache")
	if err := os.MkdirAll(cache, 0o700); err != nil {
		t.Fatal(err)
	}
	// It is as deep as fullModule, whose go.mod names the modules beside it.
	directory, err := os.MkdirTemp(cache, "snippets-") //nolint:usetesting // it has to be in the repository
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(directory) })
	for _, name := range []string{"go.mod", "go.sum"} {
		writeSnippet(t, filepath.Join(directory, name), read(t, path.Join(fullModule, name)))
	}

	snippets := findSnippets(t)
	var run, tests []string
	for i, s := range snippets {
		name := fmt.Sprintf("block%d.go", i)
		if strings.Contains(s.code, `"testing"`) {
			name = fmt.Sprintf("block%d_test.go", i)
			if folder := "./" + s.folder; !slices.Contains(tests, folder) {
				tests = append(tests, folder)
			}
		}
		if s.output != "" {
			run = append(run, "./"+s.folder)
		}
		writeSnippet(t, filepath.Join(directory, s.folder, name), s.code)
		if strings.Contains(s.code, "//go:embed flags.json") {
			writeSnippet(t, filepath.Join(directory, s.folder, "flags.json"), read(t, path.Join(fullModule, "flags.json")))
		}
	}
	goCommand(t, directory, "vet", "./...")
	command := exec.CommandContext(t.Context(), "go", append([]string{"test"}, tests...)...)
	command.Dir = directory
	if out, err := command.CombinedOutput(); err != nil {
		t.Errorf("the tests of the pages: %v\n%s", err, out)
	}
	goCommand(t, directory, append([]string{"build", "-o", "bin/"}, run...)...)
	for _, s := range snippets {
		if s.output == "" {
			continue
		}
		out, err := exec.CommandContext(t.Context(), filepath.Join(directory, "bin", s.folder)).Output()
		if got := strings.TrimSpace(string(out)); err != nil || got != s.output {
			t.Errorf("%s: the program ends with %v and prints\n%s\nThe page says\n%s", s.where, err, got, s.output)
		}
	}
}

// findSnippets finds all snippets, and complains of those that are no file.
func findSnippets(t *testing.T) []snippet {
	t.Helper()
	var snippets []snippet
	for _, page := range files(t, isPage) {
		text := read(t, page)
		for _, at := range goBlock.FindAllStringSubmatchIndex(text, -1) {
			s := snippet{
				where: fmt.Sprintf("%s:%d", page, strings.Count(text[:at[0]], "\n")+1),
				code:  text[at[2]:at[3]],
			}
			file, err := parser.ParseFile(token.NewFileSet(), s.where, s.code, parser.ParseComments)
			if err != nil {
				t.Errorf("%s: a Go block is a whole file, with package and imports: %v", s.where, err)
				continue
			}
			if formatted, err := format.Source([]byte(s.code)); err != nil || string(formatted) != s.code {
				t.Errorf("%s: not formatted as gofmt does", s.where)
			}
			s.pkg = file.Name.Name
			s.folder = strings.TrimSuffix(strings.ReplaceAll(page, "/", "_"), ".md")
			if s.pkg == "main" {
				s.folder += fmt.Sprint("_", len(snippets))
				s.output = printed(s.code)
			} else {
				s.folder += "_" + strings.TrimSuffix(s.pkg, "_test")
			}
			snippets = append(snippets, s)
		}
	}
	if len(snippets) == 0 {
		t.Fatal("no page has Go code")
	}
	return snippets
}

// isPage reports whether a file is a page of the documentation.
func isPage(name string) bool {
	return strings.HasSuffix(name, ".md") && !strings.HasPrefix(name, "testdata/")
}

// printed returns what the comment at the end of main says that it prints.
func printed(code string) string {
	match := outputComment.FindStringSubmatch(code)
	if match == nil {
		return ""
	}
	var lines []string
	for line := range strings.Lines(match[1]) {
		lines = append(lines, strings.TrimPrefix(strings.TrimPrefix(strings.TrimSpace(line), "//"), " "))
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}

func writeSnippet(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
