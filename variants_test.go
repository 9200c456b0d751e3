// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipper_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/rules"
)

func text(name, value string) targeting.Variant {
	return targeting.Variant{Name: name, Value: targeting.Text(value)}
}

func TestVariants(t *testing.T) {
	c := flipper.New(memory.New())
	flag, err := c.Create(t.Context(), "theme", flipper.WithEnabled(true))
	must(t, err)
	// Text takes the place of on and off.
	must(t, c.SetVariants(t.Context(), "theme", text("light", "#fff"), text("dark", "#000")))
	if got := flag.StringOr(t.Context(), "none"); got != "#fff" {
		t.Errorf("the theme is %q, want that of the first variant", got)
	}
	must(t, c.SetDefault(t.Context(), "theme", "dark"))
	must(t, c.SetVariants(t.Context(), "theme", text("dark", "#111")))
	if got := flag.StringOr(t.Context(), "none"); got != "#111" {
		t.Errorf("the theme is %q, want #111", got)
	}

	for name, refused := range map[string]error{
		"another kind":     c.SetVariants(t.Context(), "theme", targeting.Variant{Name: "five", Value: targeting.Int(5)}),
		"off":              c.RemoveVariants(t.Context(), "theme", "light"),
		"the default":      c.RemoveVariants(t.Context(), "theme", "dark"),
		"no such variant":  c.RemoveVariants(t.Context(), "theme", "blue"),
		"no variant is on": c.SetOff(t.Context(), "theme", "blue"),
	} {
		if !errors.Is(refused, store.ErrInvalid) {
			t.Errorf("%s: the error is %v, want one that matches ErrInvalid", name, refused)
		}
	}

	must(t, c.SetOff(t.Context(), "theme", "dark"))
	_, err = c.Create(t.Context(), "NEW")
	must(t, err)
	must(t, c.AddRule(t.Context(), "NEW", serving("on", rules.Flag("theme", "light"))))
	if err := c.RemoveVariants(t.Context(), "theme", "light"); !errors.Is(err, flipper.ErrAsked) {
		t.Errorf("a variant that a flag asks for: the error is %v, want one that matches ErrAsked", err)
	}
	must(t, c.RemoveRule(t.Context(), "NEW", 0))
	must(t, c.RemoveVariants(t.Context(), "theme", "light"))
}

func TestSegmentMembers(t *testing.T) {
	c := flipper.New(memory.New())
	_, err := c.CreateSegment(t.Context(), "beta")
	must(t, err)
	belong := func(want ...int) {
		t.Helper()
		var got []int
		for id := range 6 {
			if c.InSegment(t.Context(), "beta", flipper.Int("user_id", id)) {
				got = append(got, id)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("the segment has the users %v, want %v", got, want)
		}
	}
	must(t, c.AddToSegment(t.Context(), "beta", rules.Is("user_id", 1)))
	must(t, c.AddToSegment(t.Context(), "beta", rules.Is("user_id", 1, 2, 3)))
	must(t, c.AddToSegment(t.Context(), "beta", rules.Greater("user_id", 3), rules.Less("user_id", 5)))
	belong(1, 2, 3, 4)
	if d, err := c.Rules(t.Context(), "segment:beta"); err != nil || len(d.Rules) != 2 {
		t.Errorf("%d rules, want one for the ids and one for the others: %v", len(d.Rules), err)
	}
	must(t, c.RemoveFromSegment(t.Context(), "beta", rules.Is("user_id", 2)))
	must(t, c.RemoveFromSegment(t.Context(), "beta", rules.Less("user_id", 5), rules.Greater("user_id", 3)))
	belong(1, 3)
	if err := c.RemoveFromSegment(t.Context(), "beta", rules.Is("user_id", 2)); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("who is not there is removed: the error is %v, want one that matches ErrInvalid", err)
	}
	must(t, c.RemoveFromSegment(t.Context(), "beta", rules.Is("user_id", 3, 1)))
	belong()
}
