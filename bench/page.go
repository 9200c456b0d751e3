// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/bench/peers"
	"github.com/flipper-go/flipper/internal/measure"
)

const pageFlags = 20

// page measures a request that asks for many flags, on for the same half of the
// users each.
func page(r *runner) error {
	all := newSet(peers.Sticky, 1_000)
	_, client, err := r.inMemory(all.flags)
	if err != nil {
		return err
	}
	if err := check(r, []subject{{overMemory, client}}, peers.Sticky, all); err != nil {
		return err
	}
	ctx, names := r.Context(), all.names[:pageFlags]
	const one, single, carried, pinned, together = "1 check", "20 checks", "20 checks, the attribute in the context",
		"20 checks, the flags pinned", "EvaluateNames of 20"
	// A page counts as a yes if all of its flags are on.
	pageRow := func(name string, onPage func(u user) (on int)) measure.Row {
		return measure.Row{Name: name, Yes: expected(inHalf), Run: func(n int) (yes int) {
			for i := range n {
				if on := onPage(everybody[i&(users-1)]); on == pageFlags {
					yes++
				} else if on != 0 {
					return -1 // flags of one rollout agree
				}
			}
			return yes
		}}
	}
	rows := []measure.Row{
		pageRow(one, func(u user) (on int) {
			if client.IsEnabled(ctx, names[0], flipper.String("user_id", u.id)) {
				return pageFlags
			}
			return 0
		}),
		pageRow(single, func(u user) (on int) {
			for _, name := range names {
				if client.IsEnabled(ctx, name, flipper.String("user_id", u.id)) {
					on++
				}
			}
			return on
		}),
		pageRow(carried, func(u user) (on int) {
			ctx := flipper.WithAttrs(ctx, flipper.String("user_id", u.id))
			for _, name := range names {
				if client.IsEnabled(ctx, name) {
					on++
				}
			}
			return on
		}),
		pageRow(pinned, func(u user) (on int) {
			ctx := flipper.WithPinnedFlags(ctx, flipper.String("user_id", u.id))
			for _, name := range names {
				if client.IsEnabled(ctx, name) {
					on++
				}
			}
			return on
		}),
		pageRow(together, func(u user) (on int) {
			for _, e := range client.EvaluateNames(ctx, names, flipper.String("user_id", u.id)) {
				if e.Enabled {
					on++
				}
			}
			return on
		}),
	}
	results, err := r.measure("a page of 20 flags", rows)
	if err != nil {
		return err
	}
	t := table{
		title:   "20 flags for one request",
		note:    "Sticky rollouts with one whitelist, of 1,000 flags in memory. The contexts are made for each request.",
		columns: []string{"", "time", "by flag", "× 20 checks", "allocations"},
	}
	base := results.find(single).Nanoseconds()
	for _, result := range results {
		flags := float64(pageFlags)
		if result.Name == one {
			flags = 1
		}
		t.add(result.Name, nanoseconds(result.Nanoseconds()), nanoseconds(result.Nanoseconds()/flags),
			times(result.Nanoseconds()/base), allocations(result))
	}
	r.report.table(t)
	r.report.atMost("EvaluateNames of 20 flags: × 20 checks", results.find(together).Nanoseconds()/base, 0.5, "×")
	r.report.fact("20 checks of pinned flags: × 20 checks", times(results.find(pinned).Nanoseconds()/base))
	return nil
}
