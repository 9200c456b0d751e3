// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"fmt"

	"github.com/flipper-go/flipper/internal/measure"
)

// clientCounts are how many clients ask at the same time.
var clientCounts = []int{1, 16, 64}

// loads measures what several clients ask for, by how many they are.
func (r *runner) loads(what string, make func(clients int) []measure.Load) (map[int]loadResults, error) {
	all := map[int]loadResults{}
	for _, clients := range clientCounts {
		r.progress("%s: %d clients", what, clients)
		results, err := measure.RunLoads(r.Context(), make(clients), r.options)
		if err != nil {
			return nil, err
		}
		all[clients] = results
		r.report.raw(fmt.Sprintf("%s: %s, %d clients", r.Name(), what, clients), results)
		for _, result := range results {
			r.report.note(fmt.Sprintf("%s, %d clients", result.Name, clients), result.Rate)
		}
	}
	return all, nil
}

// loadResults are the results of loads that were measured together.
type loadResults []measure.LoadResult

// find returns the result of a load.
func (l loadResults) find(name string) measure.LoadResult {
	for _, result := range l {
		if result.Name == name {
			return result
		}
	}
	panic("no load " + name) //nolint:forbidigo // a mistake in this program
}

// reportLoads makes a table, with ratios to the row of a name.
func reportLoads(r *runner, title, note, floor string, all map[int]loadResults) {
	t := table{
		title: title, note: note,
		columns: []string{"", "clients", "answers a second", "× floor", "p50", "p99", "allocations"},
	}
	for _, clients := range clientCounts {
		base := all[clients].find(floor).PerSecond()
		for _, result := range all[clients] {
			t.add(result.Name, fmt.Sprint(clients), thousands(result.PerSecond()), times(result.PerSecond()/base),
				nanoseconds(result.P50), nanoseconds(result.P99), fmt.Sprintf("%.0f", result.Allocations))
		}
	}
	r.report.table(t)
}
