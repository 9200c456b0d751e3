// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package conformance_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The programs of docs/ofrep.md run as they are there, but for the server's address.
func TestDocs(t *testing.T) {
	needModules(t)
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "ofrep.md"))
	must(t, err)
	page := newPage(t, emptyPage, "web.mjs")
	s := serve(t, setup{origin: page.origin})
	s.create(t, "NEW_SEARCH", plain)
	const want = "new search"
	for _, block := range regexp.MustCompile("(?ms)^```(js|golang)\n(.*?)^```$").FindAllStringSubmatch(string(text), -1) {
		code := strings.ReplaceAll(block[2], "http://127.0.0.1:8082", s.url)
		if code == block[2] {
			t.Errorf("the program does not say where the server is:\n%s", code)
		}
		// It is where it finds what it imports.
		directory, err := os.MkdirTemp(".", "_program-") //nolint:usetesting // it has to be in the repository
		must(t, err)
		t.Cleanup(func() { os.RemoveAll(directory) })
		write := func(name, code string) string {
			path := filepath.Join(directory, name)
			must(t, os.WriteFile(path, []byte(code), 0o600))
			return path
		}
		var command *exec.Cmd
		switch {
		case block[1] == "golang":
			write("main.go", code)
			command = exec.CommandContext(t.Context(), "go", "run", "./"+directory)
		case strings.Contains(code, "web-sdk"):
			page.script = write("page.mjs", `import { serve } from '../clients/remote.mjs';
const lines = [];
console.log = (line) => lines.push(line);
`+code+`
serve(location.origin, { lines: () => lines });
`)
			page.open("")
			var lines []string
			page.call(&lines, "lines")
			if got := strings.Join(lines, "\n"); got != want {
				t.Errorf("the page says %q, want %q", got, want)
			}
			continue
		default:
			command = exec.CommandContext(t.Context(), "node", write("program.mjs", code))
		}
		if out, err := command.CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != want {
			t.Errorf("%s: got %q, %v, want %q", block[1], out, err, want)
		}
	}
}
