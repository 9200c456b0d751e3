// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package repository_test

import (
	"go/ast"
	"go/parser"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const header = "// Copyright The Flipper Authors\n// SPDX-License-Identifier: Apache-2.0\n\n"

func TestHeader(t *testing.T) {
	for _, name := range files(t, isGo) {
		if file := parse(t, name, parser.PackageClauseOnly|parser.ParseComments); ast.IsGenerated(file) {
			continue
		}
		if !strings.HasPrefix(read(t, name), header) {
			t.Errorf("%s does not begin with\n%s", name, header)
		}
	}
}

func TestPackageComments(t *testing.T) {
	documented := map[string]int{} // by directory
	for _, name := range files(t, func(name string) bool { return isGo(name) && !isGoTest(name) }) {
		file := parse(t, name, parser.PackageClauseOnly|parser.ParseComments)
		if ast.IsGenerated(file) {
			continue
		}
		directory := path.Dir(name)
		documented[directory] += 0
		if file.Doc == nil {
			continue
		}
		documented[directory]++
		want := "Package " + file.Name.Name + " "
		if file.Name.Name == "main" {
			want = "" // the command's name, in whatever form
		}
		if !strings.HasPrefix(file.Doc.Text(), want) {
			t.Errorf("%s: the package comment does not begin with %q", name, want)
		}
	}
	for directory, n := range documented {
		if n != 1 {
			t.Errorf("%s has %d package comments, want 1", directory, n)
		}
	}
}

// What belongs to one machine or one way of working must not get into the
// repository. The patterns are written so that this file does not match them.
var unwanted = []*regexp.Regexp{
	regexp.MustCompile(`\.\./` + `shared\b`),
	regexp.MustCompile(`(^|[^\w.])/` + `work/`),
	regexp.MustCompile(`(^|[^\w.])/` + `root/`),
	regexp.MustCompile(`\bproxy` + `\.golang\.org`),
	regexp.MustCompile(`\bregistry` + `\.npmjs\.org`),
	regexp.MustCompile(`\bdeb` + `\.debian\.org`),
	regexp.MustCompile(`\bpypi` + `\.org`),
	regexp.MustCompile(`(?m)^(<{7}|={7}|>{7})( |$)`), // what a merge left
}

func TestUnwantedText(t *testing.T) {
	for _, name := range files(t, func(string) bool { return true }) {
		text := read(t, name)
		for _, pattern := range unwanted {
			if match := pattern.FindString(text); match != "" {
				t.Errorf("%s holds %q", name, match)
			}
		}
	}
}

// A test that is skipped proves nothing, and nobody notices.
func TestNoSkippedTests(t *testing.T) {
	skip := regexp.MustCompile(`\b(t|tb|b|f)\.Skip(f|Now)?` + `\(`)
	for _, name := range files(t, isGoTest) {
		if match := skip.FindString(read(t, name)); match != "" {
			t.Errorf("%s calls %s", name, match)
		}
	}
}

func TestFuzzTargetsHaveCorpora(t *testing.T) {
	targets := 0
	for _, name := range files(t, isGoTest) {
		for _, declaration := range parse(t, name, parser.SkipObjectResolution).Decls {
			function, ok := declaration.(*ast.FuncDecl)
			if !ok || !strings.HasPrefix(function.Name.Name, "Fuzz") {
				continue
			}
			targets++
			corpus := path.Join(path.Dir(name), "testdata/fuzz", function.Name.Name)
			if seeds, err := os.ReadDir(filepath.Join(root, corpus)); err != nil || len(seeds) == 0 {
				t.Errorf("%s in %s has no seeds in %s", function.Name.Name, name, corpus)
			}
		}
	}
	if targets == 0 {
		t.Error("no fuzz targets")
	}
}

// The paths that the README and the guides link to exist.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#?\s]+)`)
	for _, name := range files(t, func(name string) bool { return strings.HasSuffix(name, ".md") }) {
		for _, match := range link.FindAllStringSubmatch(read(t, name), -1) {
			target := match[1]
			if strings.Contains(target, ":") {
				continue // on the web
			}
			if _, err := os.Stat(filepath.Join(root, path.Dir(name), target)); err != nil {
				t.Errorf("%s links to %s, which is not there", name, target)
			}
		}
	}
}
