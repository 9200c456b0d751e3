// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipperopenfeature_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/flipper-go/flipper"

// In the go.mod of who imports the provider are our modules and what the SDK itself
// needs. What runs the scenarios of conformance is not even in the go.sum.
func TestImportersModule(t *testing.T) {
	const sdk = "github.com/open-feature/go-sdk/openfeature"
	sdkOnly, _ := tidied(t, sdk)
	with, sums := tidied(t, sdk, module, module+"/openfeature")
	want := slices.Sorted(slices.Values(append(sdkOnly, module, module+"/openfeature")))
	if !slices.Equal(with, want) {
		t.Errorf("an importer requires %q, want %q", with, want)
	}
	if strings.Contains(sums, "cucumber") {
		t.Errorf("an importer has to know what runs our scenarios:\n%s", sums)
	}
}

// tidied returns the modules that the go.mod of a new module has which imports some
// packages, sorted, and its go.sum.
func tidied(t *testing.T, imports ...string) (requires []string, sums string) {
	t.Helper()
	here, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	directory := t.TempDir()
	program := "package main\n\nimport (\n"
	for _, name := range imports {
		program += fmt.Sprintf("\t_ %q\n", name)
	}
	version := goCommand(t, here, "list", "-m", "-f", "{{.Version}}", "github.com/open-feature/go-sdk")
	for name, text := range map[string]string{
		"go.mod": fmt.Sprintf("module example.com/importer\n\ngo 1.26.0\n\nrequire github.com/open-feature/go-sdk %s\nreplace %s => %q\n\nreplace %[2]s/openfeature => %[4]q\n",
			version, module, filepath.Dir(here), here),
		"main.go": program + ")\n\nfunc main() {}\n",
	} {
		if err := os.WriteFile(filepath.Join(directory, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	goCommand(t, directory, "mod", "tidy")
	var written struct{ Require []struct{ Path string } }
	if err := json.Unmarshal([]byte(goCommand(t, directory, "mod", "edit", "-json")), &written); err != nil {
		t.Fatal(err)
	}
	for _, required := range written.Require {
		requires = append(requires, required.Path)
	}
	text, err := os.ReadFile(filepath.Join(directory, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(requires)
	return requires, string(text)
}

// goCommand runs the go command in a directory and gives what it prints.
func goCommand(t *testing.T, directory string, args ...string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", args...)
	command.Dir = directory
	command.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off")
	var stderr strings.Builder
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return string(out)
}
