// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// The Go code in the guide to observability is that of this program, and of
// examples that tests run.
func TestGuide(t *testing.T) {
	read := func(name string) string {
		t.Helper()
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return regexp.MustCompile(`(?m)^\t+`).ReplaceAllString(string(text), "")
	}
	sources := read("main.go") + read("../../telemetry/example_test.go") + read("../../telemetry/flipperotel/example_test.go")
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(read("../../docs/observability.md"), -1)
	if len(blocks) == 0 {
		t.Fatal("the guide has no code")
	}
	for _, block := range blocks {
		if !strings.Contains(sources, block[1]) {
			t.Errorf("no tested program has this code:\n%s", block[1])
		}
	}
}
