// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package repository_test

import (
	"go/parser"
	"path"
	"strconv"
	"strings"
	"testing"
)

// imports are the rules on which packages of this module the code of a package,
// its tests aside, may import. The first rule that matches a package decides;
// patterns are those of path.Match, below the module's path, and "..." matches
// anything.
var imports = []struct {
	of      string
	allowed []string // of this module
	anyLib  bool     // may import other modules
}{
	{of: "internal/jsonscan"},
	{of: "internal/xxhash"},
	{of: "targeting", allowed: []string{"internal/jsonscan"}},
	{of: "targeting/carta", allowed: []string{"targeting", "internal/jsonscan"}},
	{of: "targeting/rules", allowed: []string{"targeting", "targeting/carta", "internal/jsonscan", "internal/xxhash"}},
	{of: "store", allowed: []string{"targeting", "targeting/..."}},
	{of: ".", allowed: []string{"store", "targeting", "targeting/...", "internal/snapshot", "internal/words"}},
	{of: "middleware", allowed: []string{".", "targeting", "targeting/..."}},
	{of: "impression", allowed: []string{"."}},
	{of: "telemetry", allowed: []string{".", "store", "targeting", "targeting/..."}},
	{of: "telemetry/flipperslog", allowed: []string{".", "targeting", "telemetry"}},
	{of: "telemetry/...", allowed: []string{".", "store", "store/instrumented", "targeting", "targeting/...", "telemetry"}, anyLib: true},
	{of: "bootstrap", allowed: []string{"store", "targeting", "targeting/...", "internal/exchange"}},
	{of: "flippertest", allowed: []string{".", "store", "store/...", "targeting", "targeting/...", "internal/..."}},

	{of: "store/storetest", allowed: []string{"store", "targeting", "targeting/..."}},
	{of: "store/memory", allowed: []string{"store", "targeting", "targeting/...", "internal/..."}},
	{of: "store/...", allowed: []string{"store", "store/...", "targeting", "targeting/...", "internal/..."}, anyLib: true},
	{of: "internal/...", allowed: []string{"store", "targeting", "targeting/...", "internal/..."}, anyLib: true},
	{of: "thrift", allowed: []string{"store", "targeting", "targeting/...", "internal/..."}, anyLib: true},

	{of: "api/token", allowed: []string{"internal/..."}, anyLib: true},
	{of: "api/environment", allowed: []string{".", "store", "targeting", "targeting/...", "internal/..."}, anyLib: true},
	{of: "api/access", allowed: []string{".", "api/token", "api/environment", "internal/..."}, anyLib: true},
	{of: "api/problem", allowed: []string{"api/access"}, anyLib: true},
	{of: "api/rest", allowed: []string{".", "store", "targeting", "targeting/...", "internal/...", "api/access", "api/environment", "api/problem", "api/token", "api/unleash"}, anyLib: true},
	{of: "api/stored", allowed: []string{".", "thrift", "internal/...", "api/access", "api/environment", "api/problem", "api/token"}, anyLib: true},
	{of: "api/...", allowed: []string{".", "store", "targeting", "targeting/...", "internal/...", "api/access", "api/environment", "api/problem", "api/token"}, anyLib: true},
	{of: "api", allowed: []string{"api/access", "api/problem", "api/token"}, anyLib: true},

	{of: "openfeature", allowed: []string{".", "store", "targeting", "targeting/..."}, anyLib: true},
	{of: "server", allowed: []string{".", "api", "api/...", "store", "store/...", "targeting", "targeting/...", "thrift", "middleware", "internal/..."}, anyLib: true},
	{of: "cmd/...", allowed: []string{"..."}, anyLib: true},
	{of: "examples/...", allowed: []string{"..."}, anyLib: true},
}

func TestImportDirection(t *testing.T) {
	modules := files(t, func(name string) bool { return strings.HasSuffix(name, "/go.mod") || name == "go.mod" })
	for _, name := range files(t, func(name string) bool { return isGo(name) && !isGoTest(name) }) {
		if inNestedModule(modules, name) || strings.Contains(name, "testdata/") {
			continue
		}
		directory := path.Dir(name)
		rule := -1
		for i := range imports {
			if matches(imports[i].of, directory) {
				rule = i
				break
			}
		}
		if rule < 0 {
			t.Errorf("%s: no rule says what it may import", directory)
			continue
		}
		for _, spec := range parse(t, name, parser.ImportsOnly).Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if !allowed(imports[rule].allowed, imports[rule].anyLib, imported) {
				t.Errorf("%s must not import %s", name, imported)
			}
		}
	}
}

func inNestedModule(modules []string, name string) bool {
	for _, mod := range modules {
		if directory := path.Dir(mod); directory != "." && strings.HasPrefix(name, directory+"/") {
			return true
		}
	}
	return false
}

func allowed(patterns []string, anyLib bool, imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	ours, isOurs := strings.CutPrefix(imported+"/", module+"/")
	switch {
	case isOurs:
		if ours = strings.TrimSuffix(ours, "/"); ours == "" {
			ours = "."
		}
		for _, pattern := range patterns {
			if matches(pattern, ours) {
				return true
			}
		}
		return false
	case strings.Contains(first, "."):
		return anyLib
	}
	return true // the standard library
}

func matches(pattern, directory string) bool {
	if pattern == "..." {
		return true
	}
	if prefix, ok := strings.CutSuffix(pattern, "..."); ok {
		return strings.HasPrefix(directory, prefix)
	}
	return pattern == directory
}

// The packages that every application links need nothing but the standard
// library.
func TestStandardLibraryOnly(t *testing.T) {
	for _, pkg := range []string{"", "/store", "/store/memory", "/store/instrumented", "/targeting", "/middleware", "/impression", "/telemetry", "/telemetry/flipperslog"} {
		deps := goCommand(t, root, "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", module+pkg)
		for _, dep := range deps {
			if !strings.HasPrefix(dep+"/", module+"/") {
				t.Errorf("%s links %s", module+pkg, dep)
			}
		}
	}
}

// A package that only tests import, or that imports testing, must not be linked
// into programs.
func TestNoTestingInPrograms(t *testing.T) {
	for _, dep := range goCommand(t, root, "list", "-deps", "./cmd/...") {
		switch strings.TrimPrefix(dep, module) {
		case "testing", "/store/storetest", "/flippertest", "/internal/vectors":
			t.Errorf("the command links %s", dep)
		}
	}
}
