// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"fmt"
	"strings"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/bench/peers"
	"github.com/flipper-go/flipper/internal/consultest"
	"github.com/flipper-go/flipper/internal/measure"
)

const asInt = ", the id as an int"

// byRule asks with an attribute made in the call.
func (s subject) byRule(r *runner, all *set) []measure.Row {
	ctx, flag := r.Context(), s.client.Flag(all.names[0])
	return []measure.Row{
		{Name: s.name, Yes: expected(isPro), Run: func(n int) (yes int) {
			for i := range n {
				if s.client.IsEnabled(ctx, all.names[i&(asked-1)], flipper.String("plan", everybody[i&(users-1)].plan)) {
					yes++
				}
			}
			return yes
		}},
		{Name: s.name + byHandle, Yes: expected(isPro), Run: func(n int) (yes int) {
			for i := range n {
				if flag.IsEnabled(ctx, flipper.String("plan", everybody[i&(users-1)].plan)) {
					yes++
				}
			}
			return yes
		}},
	}
}

// byRollout asks with a user's id as an attribute made in the call.
func (s subject) byRollout(r *runner, all *set) []measure.Row {
	ctx, flag := r.Context(), s.client.Flag(all.names[0])
	at := 0
	inHalfAsInt := expected(func(user) bool {
		at++
		return s.client.IsEnabled(ctx, all.names[(at-1)%asked], flipper.Int("user_id", 10_000+at-1))
	})
	// By rules, each flag has another half of the users.
	native := strings.HasSuffix(s.name, ofRules)
	turn := 0
	byName := expected(func(u user) bool {
		turn++
		return within(all.names[(turn-1)%asked], u, 50_000)
	})
	byHandleOf := expected(func(u user) bool { return within(all.names[0], u, 50_000) })
	if !native {
		byName, byHandleOf = expected(inHalf), expected(inHalf)
	}
	return []measure.Row{
		{Name: s.name, Yes: byName, Run: func(n int) (yes int) {
			for i := range n {
				if s.client.IsEnabled(ctx, all.names[i&(asked-1)], flipper.String("user_id", everybody[i&(users-1)].id)) {
					yes++
				}
			}
			return yes
		}},
		{Name: s.name + byHandle, Yes: byHandleOf, Run: func(n int) (yes int) {
			for i := range n {
				if flag.IsEnabled(ctx, flipper.String("user_id", everybody[i&(users-1)].id)) {
					yes++
				}
			}
			return yes
		}},
		{Name: s.name + asInt, Yes: inHalfAsInt, Run: func(n int) (yes int) {
			for i := range n {
				if s.client.IsEnabled(ctx, all.names[i&(asked-1)], flipper.Int("user_id", 10_000+(i&(users-1)))) {
					yes++
				}
			}
			return yes
		}},
	}
}

// The two models, as the rows name them.
const (
	ofCarta = ", Carta's model"
	ofRules = ", rules"
)

// models measures flags with a rule, and flags that are on for half of the users, in
// both models.
func models(r *runner) error {
	agent := consultest.Options{Memory: true}.Start(r)
	for _, kind := range []struct {
		kind                     peers.Kind
		title, note, base, floor string
		rows                     func(subject, *runner, *set) []measure.Row
	}{
		{
			peers.Rule, "One rule: an attribute equals a text; the attribute is made in the call",
			"1,000 flags, of which 64 are asked for in turn, for 1,024 users, of whom half have the plan. The floor gives the same answers.",
			"rule", floorRuleName, subject.byRule,
		},
		{
			peers.Sticky, "On for half of the users, the same ones at each call; the user's id is made an attribute in the call",
			"1,000 flags, of which 64 are asked for in turn, for 1,024 users. The floor is the hash alone.",
			"sticky", floorHashName, subject.byRollout,
		},
	} {
		all := newSet(kind.kind, 1_000)
		s, memory, err := r.inMemory(all.flags)
		if err != nil {
			return err
		}
		mirrored, err := r.mirrored(s)
		if err != nil {
			return err
		}
		consulClient, err := r.inConsul(agent, kind.base, all.flags)
		if err != nil {
			return err
		}
		byRules, err := r.byRules(all.flags)
		if err != nil {
			return err
		}
		subjects := []subject{
			{overMemory + ofRules, byRules},
			{overMemory + ofCarta, memory},
			{overMirror + ofCarta, mirrored},
			{overConsul + ofCarta, consulClient},
		}
		if err := check(r, subjects, kind.kind, all); err != nil {
			return err
		}
		flags := newFloor(all)
		rows := []measure.Row{flags.plain(all)}
		if kind.kind == peers.Rule {
			rows = append(rows, flags.rule(all))
		} else {
			bucket := flags.bucket(all)
			rows = append(rows, bucket, floorHash())
		}
		for _, subject := range subjects {
			rows = append(rows, kind.rows(subject, r, all)...)
		}
		names, clients, err := r.loadPeers(kind.kind, all, nil)
		if err != nil {
			return err
		}
		for i, client := range clients {
			rows = append(rows, peerRow(names[i], client, kind.kind, all))
		}
		results, err := r.measure(kind.base, rows, 1, 2)
		if err != nil {
			return err
		}
		reportRule(r, kind.title, kind.note, kind.floor, results)
		for _, subject := range subjects {
			got, floor := results.find(subject.name), results.find(kind.floor)
			fastest, name := results.fastest(names)
			ratio, ahead, what, of := 3.0, 6.0, "one rule, ", "× the map and the comparison"
			native := strings.HasSuffix(subject.name, ofRules)
			switch {
			case kind.kind == peers.Rule && native:
				ahead = 10
			case kind.kind == peers.Sticky && native:
				floor = results.find(floorBucketName)
				ratio, ahead, what, of = 2, 4, "a sticky rollout, ", "× the map and a bare XXH64"
			case kind.kind == peers.Sticky:
				ratio, ahead, what, of = 2.5, 4, "a sticky rollout, ", "× a bare sha1"
			}
			what += subject.name + ": "
			r.report.atMost(what+of, got.Nanoseconds()/floor.Nanoseconds(), ratio, "×")
			r.report.atLeast(fmt.Sprintf("%sahead of the fastest other library (%s)", what, name), fastest/got.Nanoseconds(), ahead, "×")
			r.report.atMost(what+"allocations", got.Allocations, 0, "")
			r.report.atLeast(what+"two processors give", scaling(got), 1.8, "×")
		}
	}
	return nil
}

func reportRule(r *runner, title, note, floorName string, results rowResults) {
	t := table{
		title: title, note: note,
		columns: []string{"", "time", "× floor", "2 goroutines", "two processors give", "allocations"},
	}
	floor := results.find(floorName)
	for _, result := range results {
		t.add(result.Name, nanoseconds(result.Nanoseconds()), times(result.Nanoseconds()/floor.Nanoseconds()),
			nanoseconds(result.Times[2].Median), times(scaling(result)), allocations(result))
	}
	r.report.table(t)
}

// fastest returns the least time of those rows.
func (r rowResults) fastest(names []string) (least float64, name string) {
	for _, n := range names {
		if got := r.find(n).Nanoseconds(); name == "" || got < least {
			least, name = got, n
		}
	}
	return least, name
}
