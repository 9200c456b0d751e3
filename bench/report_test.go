// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flipper-go/flipper/internal/measure"
)

func testedReport() *report {
	r := newReport()
	r.atMost("fast", 1.5, 1.6, "×")
	r.atMost("slow", 2, 1.6, "×")
	r.atLeast("many", 900, 800, "")
	r.atLeast("few", 700, 800, "")
	r.fact("by the way", "3.00×")
	t := table{title: "Times", columns: []string{"", "time"}}
	t.add("one", nanoseconds(12.3))
	r.table(t)
	r.raw("times", []measure.Result{{Name: "one"}})
	return r
}

func TestReport(t *testing.T) {
	directory := t.TempDir()
	doc, results := filepath.Join(directory, "doc.md"), filepath.Join(directory, "results", "latest.json")
	const before, after = "# Title\n\n" + beginMarker, endMarker + "\n\nThe end.\n"
	if err := os.WriteFile(doc, []byte(before+"\n\nold\n\n"+after), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time changes nothing but the tables
		if err := testedReport().write(doc, results); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(doc)
	if err != nil {
		t.Fatal(err)
	}
	got := string(text)
	if !strings.HasPrefix(got, before+"\n\nMeasured on ") || !strings.HasSuffix(got, "\n\n"+after) || strings.Contains(got, "old") {
		t.Error(got)
	}
	for _, want := range []string{
		"2 of 4 are met.",
		"| fast | 1.50× | ≤ 1.6× | yes |", "| slow | 2.00× | ≤ 1.6× | **no** |",
		"| many | 900 | ≥ 800 | yes |", "| few | 700 | ≥ 800 | **no** |",
		"| by the way | 3.00× |  |  |", "### Times", "| one | 12 ns |",
	} {
		if strings.Count(got, want) != 1 {
			t.Errorf("%q is not in there once:\n%s", want, got)
		}
	}
	encoded, err := os.ReadFile(results)
	if err != nil {
		t.Fatal(err)
	}
	var decoded struct {
		Machine machine
		Goals   []goal
		Results []suiteResults
	}
	if err := json.Unmarshal(encoded, &decoded); err != nil {
		t.Fatal(err)
	}
	if len(decoded.Goals) != 4 || !decoded.Goals[0].Met || decoded.Goals[1].Met || len(decoded.Results) != 1 || decoded.Machine.Go == "" {
		t.Errorf("%s", encoded)
	}
}

// A file without the markers is not overwritten.
func TestNoMarkers(t *testing.T) {
	doc := filepath.Join(t.TempDir(), "doc.md")
	if err := os.WriteFile(doc, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := testedReport().write(doc, ""); !errors.Is(err, errNoMarkers) {
		t.Error(err)
	}
	if text, _ := os.ReadFile(doc); string(text) != "mine" {
		t.Errorf("%s", text)
	}
}

func TestNumbers(t *testing.T) {
	for _, test := range []struct{ got, want string }{
		{nanoseconds(0), dash},
		{nanoseconds(1.25), "1.2 ns"},
		{nanoseconds(1250), "1250 ns"},
		{nanoseconds(12_500), "12.5 µs"},
		{nanoseconds(12_500_000), "12.5 ms"},
		{times(1.234), "1.23×"},
		{times(0), dash},
		{times(123.4), "123×"},
		{thousands(1), "1"},
		{thousands(1_234), "1,234"},
		{thousands(1_234_567), "1,234,567"},
		{limit(1.6, "×"), "1.6×"},
		{limit(3, "×"), "3×"},
		{limit(5, "ns"), "5 ns"},
		{limit(1024, "bytes"), "1,024 B"},
		{number(5.25, "ns"), "5.2 ns"},
		{number(7, ""), "7"},
	} {
		if test.got != test.want {
			t.Errorf("%q, want %q", test.got, test.want)
		}
	}
}
