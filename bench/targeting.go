// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/bench/internal/scope"
	"github.com/flipper-go/flipper/bench/peers"
	"github.com/flipper-go/flipper/internal/measure"
	"github.com/flipper-go/flipper/internal/xxhash"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/rules"
)

// withRules returns a flag of a kind that decides by rules.
func withRules(f peers.Flag) (*store.Flag, error) {
	d := onIf()
	switch f.Kind {
	case peers.Rule:
		d = onIf(rules.Is("plan", "pro"))
	case peers.Pair:
		d = onIf(rules.Is("plan", "pro"), rules.Is("country", "DE"))
	case peers.Sticky:
		d = rules.Definition{Default: "off", Rules: []rules.Rule{{Split: rules.Percent("user_id", 50, "on")}}}
	case peers.Plain:
	}
	return flagOf(f.Name, !f.Off, d)
}

func flagOf(name string, enabled bool, d rules.Definition) (*store.Flag, error) {
	s, err := rules.New(name, d)
	if err != nil {
		return nil, err
	}
	f := &store.Flag{Name: name, Enabled: enabled}
	return f, f.SetRules(s)
}

// onIf returns the definition of a flag that is on where conditions hold.
func onIf(conditions ...rules.Condition) rules.Definition {
	return rules.Definition{Default: "off", Rules: []rules.Rule{{If: conditions, Serve: "on"}}}
}

// byRules returns the client of flags of a kind that decide by rules.
func (r *runner) byRules(flags []peers.Flag) (*flipper.FeatureFlagClient, error) {
	s := memory.New()
	r.Cleanup(func() { _ = s.Close() })
	for _, flag := range flags {
		f, err := withRules(flag)
		if err != nil {
			return nil, err
		}
		if _, err := s.Put(r.Context(), f); err != nil {
			return nil, err
		}
	}
	return flipper.New(s), nil
}

// within says whether the bucket of a user, for a flag, is below a share, by the book.
func within(flag string, u user, share uint64) bool {
	return xxhash.Sum64(u.id, xxhash.Sum64(flag, 0))%rules.Buckets < share
}

// A shape is a form of rules.
type shape struct {
	name       string
	definition rules.Definition
	// yes says what a flag answers to a user, by the book.
	yes func(flag string, u user) bool
	// ask asks for a flag.
	ask func(ctx context.Context, c *flipper.FeatureFlagClient, flag string, u user) bool
}

const segment = "segment:pro"

// grey, blue and red are the variants of flags that are no booleans.
func colours(rule rules.Rule) rules.Definition {
	return rules.Definition{
		Variants: []targeting.Variant{
			{Name: "grey", Value: targeting.Text("#888")}, {Name: "blue", Value: targeting.Text("#00f")}, {Name: "red", Value: targeting.Text("#f00")},
		},
		Off: "grey", Default: "grey", Rules: []rules.Rule{rule},
	}
}

func shares(shares ...rules.Share) rules.Rule {
	return rules.Rule{Split: &rules.Split{By: "user_id", Shares: shares}}
}

func askPlan(ctx context.Context, c *flipper.FeatureFlagClient, flag string, u user) bool {
	return c.IsEnabled(ctx, flag, flipper.String("plan", u.plan))
}

func askUser(ctx context.Context, c *flipper.FeatureFlagClient, flag string, u user) bool {
	return c.IsEnabled(ctx, flag, flipper.String("user_id", u.id))
}

// always asks with an attribute that is the same for all.
func always(name, text string) func(context.Context, *flipper.FeatureFlagClient, string, user) bool {
	return func(ctx context.Context, c *flipper.FeatureFlagClient, flag string, _ user) bool {
		return c.IsEnabled(ctx, flag, flipper.String(name, text))
	}
}

func isProUser(_ string, u user) bool { return isPro(u) }
func everyone(string, user) bool      { return true }

// ids returns a list of n ids, of which half of the users are.
func ids(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("user-%05d", 2*i)
	}
	return list
}

func inList(_ string, u user) bool { return (u.id[len(u.id)-1]-'0')%2 == 0 }

const (
	shapeRule     = "one rule"
	shapeSticky   = "a sticky 10 %"
	shapeThree    = "a split in three"
	shapeThreeOr  = "a split in three, its text"
	shapeText     = "one rule, its text"
	shapeSegment  = "a segment inside a rule"
	shapeTwenty   = "20 rules, of which the last decides"
	shapeList     = "a list of 1,000 ids"
	shapeLongList = "a list of 100,000 ids"
)

func shapes() []shape {
	var twenty []rules.Rule
	for i := range 19 {
		twenty = append(twenty, rules.Rule{If: rules.All(rules.Is("plan", fmt.Sprintf("p%02d", i))), Serve: "on"})
	}
	twenty = append(twenty, rules.Rule{If: rules.All(rules.Is("plan", "pro")), Serve: "on"})
	three := colours(shares(rules.Share{Variant: "grey", Share: 33_333}, rules.Share{Variant: "blue", Share: 33_333}, rules.Share{Variant: "red", Share: 33_334}))
	inThree := func(flag string, u user) bool { return !within(flag, u, 33_333) }
	return []shape{
		{shapeRule, onIf(rules.Is("plan", "pro")), isProUser, askPlan},
		{
			shapeText, colours(rules.Rule{If: rules.All(rules.Is("plan", "pro")), Serve: "blue"}), isProUser,
			func(ctx context.Context, c *flipper.FeatureFlagClient, flag string, u user) bool {
				return c.StringOr(ctx, flag, "", flipper.String("plan", u.plan)) == "#00f"
			},
		},
		{shapeSegment, onIf(rules.InSegment("pro")), isProUser, askPlan},
		{shapeTwenty, rules.Definition{Default: "off", Rules: twenty}, isProUser, askPlan},
		{
			shapeSticky,
			rules.Definition{Default: "off", Rules: []rules.Rule{{Split: rules.Percent("user_id", 10, "on")}}},
			func(flag string, u user) bool { return within(flag, u, 10_000) }, askUser,
		},
		{shapeThree, three, inThree, askUser},
		{shapeThreeOr, three, inThree, func(ctx context.Context, c *flipper.FeatureFlagClient, flag string, u user) bool {
			return c.StringOr(ctx, flag, "", flipper.String("user_id", u.id)) != "#888"
		}},
		{shapeList, onIf(rules.Is("user_id", ids(1_000))), inList, askUser},
		{
			"a number is at least", onIf(rules.GreaterOrEqual("age", 18)), everyone,
			func(ctx context.Context, c *flipper.FeatureFlagClient, flag string, _ user) bool {
				return c.IsEnabled(ctx, flag, flipper.Int("age", 30))
			},
		},
		{"a text ends with", onIf(rules.EndsWith("email", "@example.com")), everyone, always("email", "jane@example.com")},
		{"a regular expression", onIf(rules.Matches("email", `^[a-z.]+@example\.com$`)), everyone, always("email", "jane.doe@example.com")},
		{"a version is at least", onIf(rules.Version("app", rules.OpVersionGreaterOrEqual, "2.4.0")), everyone, always("app", "2.10.1")},
		{"an address is in a network", onIf(rules.InNetwork("ip", "10.0.0.0/8")), everyone, always("ip", "10.20.30.40")},
		{"a time", onIf(rules.During(time.Unix(0, 0), time.Time{})), everyone, askPlan},
	}
}

const (
	floorTextName   = "**floor: a map, and comparing the text**"
	floorBucketName = "**floor: a map, and XXH64 of the id**"
)

// targets measures flags that decide by rules, by their form.
func targets(r *runner) error {
	all := newSet(peers.Rule, 1_000)
	flags := newFloor(all)
	floorText, floorBucket := flags.rule(all), flags.bucket(all)
	floorText.Name = floorTextName
	rows := []measure.Row{floorText, floorBucket}
	for _, shape := range shapes() {
		row, err := shape.row(r)
		if err != nil {
			return fmt.Errorf("%s: %w", shape.name, err)
		}
		rows = append(rows, row)
	}
	long, err := longList()
	if err != nil {
		return err
	}
	rows = append(rows, long)
	results, err := r.measure("forms of rules", rows, 1, 2)
	if err != nil {
		return err
	}
	reportRule(r, "Rules, by their form",
		"1,000 flags, of which 64 are asked for in turn, for 1,024 users. The attribute is made in the call. The floor is a map, and comparing a text. "+
			"The long list is asked for without a client, because a store takes 512 KiB for a flag at most: lists that are longer are spread over several segments.",
		floorTextName, results)

	rule, text, bucket := results.find(shapeRule).Nanoseconds(), results.find(floorTextName).Nanoseconds(), results.find(floorBucketName).Nanoseconds()
	r.report.atMost(shapeRule+": × the map and the comparison", rule/text, 3, "×")
	r.report.atMost(shapeText+": × the map and the comparison", results.find(shapeText).Nanoseconds()/text, 3, "×")
	for _, name := range []string{shapeSticky, shapeThree, shapeThreeOr} {
		r.report.atMost(name+": × the map and a bare XXH64", results.find(name).Nanoseconds()/bucket, 2, "×")
	}
	r.report.atMost(shapeSegment+": × the rule", results.find(shapeSegment).Nanoseconds()/rule, 2, "×")
	most := 0.0
	for _, result := range results {
		most = max(most, result.Allocations)
	}
	r.report.atMost("rules of any form: allocations", most, 0, "")
	return rulesHeld(r)
}

// bucket finds a flag and hashes the user's id.
func (f *floor) bucket(s *set) measure.Row {
	return measure.Row{Name: floorBucketName, Run: func(n int) (some int) {
		for i := range n {
			flag := (*f.flags.Load())[s.names[i&(asked-1)]]
			if flag != nil && flag.enabled && xxhash.Sum64(everybody[i&(users-1)].id, uint64(i&(asked-1))) != 0 {
				some++
			}
		}
		return some
	}}
}

// row fills a store with 1,000 flags of a form, checks the answers, and times them.
func (s shape) row(r *runner) (measure.Row, error) {
	flags := memory.New()
	r.Cleanup(func() { _ = flags.Close() })
	put := func(name string, d rules.Definition) error {
		f, err := flagOf(name, true, d)
		if err != nil {
			return err
		}
		_, err = flags.Put(r.Context(), f)
		return err
	}
	if err := put(segment, onIf(rules.Is("plan", "pro"))); err != nil {
		return measure.Row{}, err
	}
	var names [asked]string
	all := newSet(peers.Rule, 1_000)
	for i, name := range all.names {
		names[i] = name
		if err := put(name, s.definition); err != nil {
			return measure.Row{}, err
		}
	}
	for _, f := range all.flags {
		if found, _ := flags.Peek(f.Name); found == nil {
			if err := put(strings.Clone(f.Name), onIf(rules.Is("plan", "pro"))); err != nil {
				return measure.Row{}, err
			}
		}
	}
	ctx, client, ask := r.Context(), flipper.New(flags), s.ask
	at := 0
	yes := expected(func(u user) bool {
		name := names[at%asked]
		at++
		return s.yes(name, u)
	})
	return measure.Row{Name: s.name, Yes: yes, Run: func(n int) (yes int) {
		for i := range n {
			if ask(ctx, client, names[i&(asked-1)], everybody[i&(users-1)]) {
				yes++
			}
		}
		return yes
	}}, nil
}

// longList evaluates a list that is longer than a store takes.
func longList() (measure.Row, error) {
	s, err := rules.New("LONG_LIST", onIf(rules.Is("user_id", ids(100_000))))
	target := rules.Target{Enabled: true, Rules: s}
	return measure.Row{Name: shapeLongList, Yes: expected(func(u user) bool { return inList("", u) }), Run: func(n int) (yes int) {
		for i := range n {
			attrs := [...]targeting.Attr{flipper.String("user_id", everybody[i&(users-1)].id)}
			r := targeting.Request{Attrs: attrs[:]}
			if d, err := rules.Evaluate(&target, &r, nil); err == nil && d.Enabled {
				yes++
			}
		}
		return yes
	}}, err
}

// rulesHeld measures what flags with rules take in memory.
func rulesHeld(r *runner) error {
	const many, listed = 10_000, 100_000
	three := rules.Definition{Default: "off", Rules: []rules.Rule{
		{Name: "staff", If: rules.All(rules.EndsWith("email", "@example.com")), Serve: "on"},
		{If: rules.All(rules.Is("country", "DE", "AT")), Serve: "on"},
		{Split: rules.Percent("user_id", 10, "on")},
	}}
	list := onIf(rules.Is("user_id", ids(listed)))
	var results []held
	take := func(name string, of float64, build func(t *scope.Scope) (any, error)) error {
		return scope.Run(r.Context(), r.Name(), func(t *scope.Scope) error {
			before := heap()
			kept, err := build(t)
			if err != nil {
				return err
			}
			results = append(results, held{Name: name, Bytes: float64(heap()-before) / of})
			runtime.KeepAlive(kept)
			return nil
		})
	}
	err := take("a flag with three rules", many, func(t *scope.Scope) (any, error) {
		s := memory.New()
		t.Cleanup(func() { _ = s.Close() })
		for i := range many {
			f, err := flagOf(fmt.Sprintf("CHECKOUT_FLAG_%06d", i), true, three)
			if err != nil {
				return nil, err
			}
			if _, err := s.Put(t.Context(), f); err != nil {
				return nil, err
			}
		}
		return s, nil
	})
	if err != nil {
		return err
	}
	err = take("a list of 100,000 ids of 10 bytes", 1, func(*scope.Scope) (any, error) { return rules.New("LONG_LIST", list) })
	if err != nil {
		return err
	}
	runtime.KeepAlive(list)
	t := table{
		title:   "Memory of flags with rules",
		note:    "What is on the heap after a collection. The stored text, which is kept, is part of it.",
		columns: []string{"", "in all", "by id"},
	}
	for _, result := range results {
		byID := dash
		if strings.Contains(result.Name, "ids") {
			byID = thousands(result.Bytes/listed) + " B"
		}
		t.add(result.Name, thousands(result.Bytes)+" B", byID)
	}
	r.report.table(t)
	r.report.raw("memory of rules", results)
	return nil
}
