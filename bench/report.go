// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/flipper-go/flipper/internal/measure"
)

// A goal is a promise, and what was measured.
type goal struct {
	What  string  `json:"what"`
	Value float64 `json:"value"`
	Limit float64 `json:"limit"`
	Unit  string  `json:"unit,omitempty"`
	// Least says that the value has to be the limit or more; otherwise it has to be
	// the limit or less.
	Least bool `json:"least,omitempty"`
	Met   bool `json:"met"`
	// fact is the text of what is no goal but belongs among them.
	fact string
}

// A table is one of the report's.
type table struct {
	title, note string
	columns     []string
	rows        [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// A report is what a run found.
type report struct {
	began   time.Time
	machine machine
	goals   []goal
	tables  []table
	results []suiteResults
	spreads []float64 // of the rows, as shares of their medians
	samples int
	spoilt  int
	noisy   []string // rows of which too few samples were not spoilt
}

// suiteResults are what was measured of rows together.
type suiteResults struct {
	Name    string `json:"name"`
	Results any    `json:"results"`
}

func newReport() *report { return &report{began: time.Now(), machine: thisMachine()} }

func (r *report) table(t table) { r.tables = append(r.tables, t) }

func (r *report) raw(name string, results any) {
	r.results = append(r.results, suiteResults{Name: name, Results: results})
}

// rounding is what a value may be beyond its limit without that being seen.
const rounding = 0.005

func (r *report) atMost(what string, value, limit float64, unit string) {
	r.goals = append(r.goals, goal{What: what, Value: value, Limit: limit, Unit: unit, Met: value <= limit+rounding})
}

func (r *report) atLeast(what string, value, limit float64, unit string) {
	r.goals = append(r.goals, goal{What: what, Value: value, Limit: limit, Unit: unit, Least: true, Met: value >= limit-rounding})
}

// fact puts something among the goals that is none, to compare them with.
func (r *report) fact(what, value string) { r.goals = append(r.goals, goal{What: what, fact: value}) }

// noise notes how steady results are.
func (r *report) noise(results rowResults) {
	for _, result := range results {
		for goroutines, t := range result.Times {
			r.note(fmt.Sprintf("%s, %d at a time", result.Name, goroutines), t)
		}
	}
}

func (r *report) note(name string, t measure.Time) {
	r.samples += t.Samples + t.Spoilt
	r.spoilt += t.Spoilt
	r.spreads = append(r.spreads, t.Spread())
	if t.Noisy {
		r.noisy = append(r.noisy, name)
	}
}

// write writes the tables and the results. Without a file, the tables are printed.
func (r *report) write(doc, results string) error {
	text := r.markdown()
	if doc == "" {
		if _, err := os.Stdout.Write(text); err != nil {
			return err
		}
	} else if err := replace(doc, text); err != nil {
		return err
	}
	if results == "" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(results), 0o755); err != nil {
		return err
	}
	encoded, err := r.json()
	if err != nil {
		return err
	}
	return os.WriteFile(results, encoded, 0o644)
}

// json returns the results, with a line for each.
func (r *report) json() ([]byte, error) {
	goals := slices.DeleteFunc(slices.Clone(r.goals), func(g goal) bool { return g.fact != "" })
	var b bytes.Buffer
	var errs []error
	encode := func(value any) {
		text, err := json.Marshal(value)
		errs = append(errs, err)
		b.Write(text)
	}
	b.WriteString("{\"machine\": ")
	encode(r.machine)
	b.WriteString(",\n\"goals\": [")
	for i, g := range goals {
		b.WriteString(separator(i))
		encode(g)
	}
	b.WriteString("\n],\n\"results\": [")
	for i, s := range r.results {
		b.WriteString(separator(i))
		encode(s)
	}
	b.WriteString("\n]}\n")
	return b.Bytes(), errors.Join(errs...)
}

// separator is what comes before the i-th of several lines.
func separator(i int) string {
	if i == 0 {
		return "\n"
	}
	return ",\n"
}

// What is between the markers is replaced.
const (
	beginMarker = "<!-- bench: begin; make bench writes what follows -->"
	endMarker   = "<!-- bench: end -->"
)

// split returns what comes before and after the tables in a file, markers included.
func split(doc string) (before, after []byte, err error) {
	text, err := os.ReadFile(doc)
	if err != nil {
		return nil, nil, err
	}
	before, rest, found := bytes.Cut(text, []byte(beginMarker))
	_, after, ends := bytes.Cut(rest, []byte(endMarker))
	if !found || !ends {
		return nil, nil, fmt.Errorf("%s: %w", doc, errNoMarkers)
	}
	return append(before, beginMarker...), append([]byte(endMarker), after...), nil
}

var errNoMarkers = errors.New("no lines to write between: " + beginMarker + " and " + endMarker)

func replace(doc string, text []byte) error {
	before, after, err := split(doc)
	if err != nil {
		return err
	}
	return os.WriteFile(doc, slices.Concat(before, []byte("\n\n"), text, []byte("\n"), after), 0o644)
}

// markdown returns the tables.
func (r *report) markdown() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "Measured on %s, in %s.\n\n", r.began.UTC().Format("2 January 2006"), time.Since(r.began).Round(time.Second))
	fmt.Fprintf(&b, "- Machine: %s\n- Modules: %s\n- Noise: %s\n\n", r.machine, strings.Join(r.machine.Modules, ", "), r.noiseText())
	met, goals := 0, 0
	for _, g := range r.goals {
		if g.fact == "" {
			goals++
			if g.Met {
				met++
			}
		}
	}
	fmt.Fprintf(&b, "### Goals\n\n%d of %d are met.\n\n", met, goals)
	t := table{columns: []string{"", "measured", "goal", "met"}}
	for _, g := range r.goals {
		t.add(g.cells()...)
	}
	t.write(&b)
	for _, t := range r.tables {
		fmt.Fprintf(&b, "\n### %s\n\n", t.title)
		if t.note != "" {
			fmt.Fprintf(&b, "%s\n\n", t.note)
		}
		t.write(&b)
	}
	return b.Bytes()
}

func (g goal) cells() []string {
	if g.fact != "" {
		return []string{g.What, g.fact, "", ""}
	}
	sign, met := "≤", "yes"
	if g.Least {
		sign = "≥"
	}
	if !g.Met {
		met = "**no**"
	}
	return []string{g.What, number(g.Value, g.Unit), sign + " " + limit(g.Limit, g.Unit), met}
}

func (r *report) noiseText() string {
	text := fmt.Sprintf("%d samples, of which %d are left out because other processes used more than 15%% of a processor meanwhile",
		r.samples, r.spoilt)
	if len(r.noisy) > 0 {
		text += fmt.Sprintf("; %d rows have fewer than 3 without that and keep their least spoilt ones", len(r.noisy))
	}
	slices.Sort(r.spreads)
	if n := len(r.spreads); n > 0 {
		text += fmt.Sprintf(". The distance of the quartiles is %.0f%% of the median in the middle row and %.0f%% at the 90th percentile",
			100*r.spreads[n/2], 100*r.spreads[n*9/10])
	}
	return text + "."
}

func (t table) write(b *bytes.Buffer) {
	line := func(cells []string) { fmt.Fprintf(b, "| %s |\n", strings.Join(cells, " | ")) }
	line(t.columns)
	rule := make([]string, len(t.columns))
	for i := range rule {
		rule[i] = "---:"
	}
	rule[0] = "---"
	line(rule)
	for _, row := range t.rows {
		line(row)
	}
}
