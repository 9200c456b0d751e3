// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package rules_test

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/rules"
)

// colours is a flag with three variants and a rule.
func colours(rule ...rules.Rule) rules.Definition {
	return rules.Definition{
		Variants: []targeting.Variant{
			{Name: "grey", Value: targeting.Text("#888")}, {Name: "blue", Value: targeting.Text("#00f")}, {Name: "red", Value: targeting.Text("#f00")},
		},
		Off: "grey", Default: "grey", Rules: rule,
	}
}

// TestSplit shows where shares begin and end: user 42 of NEW_CHECKOUT is in bucket 2492.
func TestSplit(t *testing.T) {
	for _, test := range []struct {
		shares []rules.Share
		want   string
		reason targeting.Reason
	}{
		{[]rules.Share{{Variant: "blue", Share: 2492}}, "grey", targeting.ReasonDefault},
		{[]rules.Share{{Variant: "blue", Share: 2493}}, "blue", targeting.ReasonSplit},
		{[]rules.Share{{Variant: "blue", Share: 2492}, {Variant: "red", Share: 1}}, "red", targeting.ReasonSplit},
		{[]rules.Share{{Variant: "blue", Share: 2491}, {Variant: "red", Share: 1}}, "grey", targeting.ReasonDefault},
		{[]rules.Share{{Variant: "blue", Share: 2493}, {Variant: "red", Share: 97_507}}, "blue", targeting.ReasonSplit},
		{[]rules.Share{{Variant: "grey", Share: 3000}}, "grey", targeting.ReasonSplit},
		// A share of nobody, and a variant that occurs twice.
		{[]rules.Share{{Variant: "blue", Share: 0}, {Variant: "red", Share: 100_000}}, "red", targeting.ReasonSplit},
		{[]rules.Share{{Variant: "blue", Share: 100}, {Variant: "red", Share: 2000}, {Variant: "blue", Share: 1000}}, "blue", targeting.ReasonSplit},
		{[]rules.Share{{Variant: "blue", Ramp: &rules.Ramp{From: 2493, To: 0, Start: at.Add(1000), End: at.Add(time.Hour)}}}, "blue", targeting.ReasonSplit},
		{[]rules.Share{{Variant: "blue", Ramp: &rules.Ramp{From: 2493, To: 0, Start: at.Add(-time.Hour), End: at}}}, "grey", targeting.ReasonDefault},
		{[]rules.Share{{Variant: "red", Share: 2400}, {Variant: "blue", Ramp: &rules.Ramp{From: 0, To: 93, Start: at.Add(-time.Hour), End: at}}}, "blue", targeting.ReasonSplit},
		{[]rules.Share{{Variant: "red", Share: 2400}, {Variant: "blue", Ramp: &rules.Ramp{From: 92, To: 93, Start: at.Add(-time.Hour), End: at.Add(time.Hour)}}}, "grey", targeting.ReasonDefault},
	} {
		flag := target(t, "NEW_CHECKOUT", colours(rules.Rule{Split: &rules.Split{By: "user_id", Shares: test.shares}}))
		d, err := rules.Evaluate(flag, request(attr("user_id", 42)), nil)
		if err != nil || d.Variant.Name != test.want || d.Reason != test.reason {
			t.Errorf("%+v: %+v, %v", test.shares, d, err)
		}
	}
}

// TestSplitShares counts who gets what.
func TestSplitShares(t *testing.T) {
	flag := target(t, "flag", colours(rules.Rule{Split: &rules.Split{By: "user_id", Shares: []rules.Share{
		{Variant: "blue", Share: 20_000}, {Variant: "red", Share: 30_000}, {Variant: "blue", Share: 10_000},
	}}}))
	counts := map[string]int{}
	const users = 20_000
	for i := range users {
		counts[serve(t, flag, request(attr("user_id", fmt.Sprint("u", i))), nil)]++
	}
	within(t, "blue", counts["blue"], users, 0.3)
	within(t, "red", counts["red"], users, 0.3)
	within(t, "grey", counts["grey"], users, 0.4)
}

// TestRamp holds ramps against whole numbers of any size.
func TestRamp(t *testing.T) {
	for _, test := range []struct {
		from, to         int
		start, end, when int64 // microseconds
		want             int
	}{
		{0, 50_000, 0, 100, -1, 0},
		{0, 50_000, 0, 100, 0, 0},
		{0, 50_000, 0, 100, 1, 500},
		{0, 50_000, 0, 100, 99, 49_500},
		{0, 50_000, 0, 100, 100, 50_000},
		{0, 50_000, 0, 100, 1 << 50, 50_000},
		// It falls, and is rounded down.
		{10, 0, 0, 3, 0, 10},
		{10, 0, 0, 3, 1, 6},
		{10, 0, 0, 3, 2, 3},
		{10, 0, 0, 3, 3, 0},
		{0, 10, 0, 3, 1, 3},
		{0, 10, 0, 3, 2, 6},
		{5, 5, 0, 3, 1, 5},
		{10, 0, -10, -7, -9, 6},
		// The product does not fit 64 bits.
		{0, 100_000, -62_167_219_200_000_000, 253_402_300_799_000_000, 253_402_300_798_999_999, 99_999},
		{100_000, 0, -62_167_219_200_000_000, 253_402_300_799_000_000, -62_167_219_199_999_999, 99_999},
	} {
		ramp := rules.Ramp{From: test.from, To: test.to, Start: time.UnixMicro(test.start), End: time.UnixMicro(test.end)}
		if got := ramp.At(time.UnixMicro(test.when)); got != test.want {
			t.Errorf("%+v at %d: %d, want %d", ramp, test.when, got, test.want)
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		start := random.Int64N(1<<58) - 1<<56
		length := 1 + random.Int64N(1<<(1+random.IntN(57)))
		when := start + random.Int64N(length)
		from, to := random.IntN(rules.Buckets+1), random.IntN(rules.Buckets+1)
		ramp := rules.Ramp{From: from, To: to, Start: time.UnixMicro(start), End: time.UnixMicro(start + length)}
		// Div of big rounds down, as its divisor is positive.
		want := new(big.Int).Mul(big.NewInt(int64(to-from)), big.NewInt(when-start))
		want.Add(want.Div(want, big.NewInt(length)), big.NewInt(int64(from)))
		if got := ramp.At(time.UnixMicro(when)); int64(got) != want.Int64() {
			t.Fatalf("%+v at %d: %d, want %d", ramp, when, got, want)
		}
	}
}

// TestRampMicroseconds shows that times are rounded down to a microsecond, also before 1970.
func TestRampMicroseconds(t *testing.T) {
	for _, from := range []time.Time{at, time.Unix(-1000, 0)} {
		ramp := rules.Ramp{From: 0, To: 10, Start: from.Add(999), End: from.Add(10_999)}
		for when, want := range map[time.Duration]int{-1: 0, 0: 0, 999: 0, 1000: 1, 1999: 1, 9_999: 9, 10_000: 10} {
			if got := ramp.At(from.Add(when)); got != want {
				t.Errorf("%v after %v: %d, want %d", when, from, got, want)
			}
		}
		// Within one microsecond it jumps.
		jump := rules.Ramp{From: 1, To: 9, Start: from.Add(100), End: from.Add(900)}
		if before, after := jump.At(from.Add(-1)), jump.At(from); before != 1 || after != 9 {
			t.Errorf("a ramp within a microsecond: %d, then %d", before, after)
		}
	}
}

// TestRandomSplit draws anew for each evaluation.
func TestRandomSplit(t *testing.T) {
	flag := target(t, "flag", boolean(rules.Rule{Split: rules.Percent("", 30, "on")}))
	on := 0
	const n = 20_000
	for range n {
		if serve(t, flag, request(), nil) == "on" {
			on++
		}
	}
	within(t, "drawn", on, n, 0.3)
}

// TestRandomPinned shows that a draw that is given decides, for each rule on its own:
// who goes on from one rule is not drawn by the next for the same reason.
func TestRandomPinned(t *testing.T) {
	coin := rules.Rule{Split: &rules.Split{Shares: []rules.Share{{Variant: "blue", Share: 50_000}}}}
	other := rules.Rule{Split: &rules.Split{Shares: []rules.Share{{Variant: "red", Share: 50_000}}}}
	flag := target(t, "flag", colours(coin, other))
	counts := map[string]int{}
	const n = 20_000
	random := rand.New(rand.NewPCG(3, 4))
	for range n {
		r := request()
		r.Random, r.Drawn = random.Float64(), true
		got := serve(t, flag, r, nil)
		for range 3 {
			if again := serve(t, flag, r, nil); again != got {
				t.Fatalf("one draw gets %s and %s", got, again)
			}
		}
		counts[got]++
	}
	within(t, "blue", counts["blue"], n, 0.5)
	within(t, "red", counts["red"], n, 0.25)
	within(t, "grey", counts["grey"], n, 0.25)
}

// TestRandomOfAsked shows that a flag that is asked has draws of its own.
func TestRandomOfAsked(t *testing.T) {
	coin := target(t, "coin", boolean(rules.Rule{Split: rules.Percent("", 50, "on")}))
	both := target(t, "both", boolean(rules.Rule{If: rules.All(rules.Flag("coin", "on")), Split: rules.Percent("", 50, "on")}))
	random := rand.New(rand.NewPCG(5, 6))
	on := 0
	const n = 20_000
	for range n {
		coin.Random, coin.Drawn = random.Float64(), true
		r := request()
		r.Random, r.Drawn = random.Float64(), true
		if serve(t, both, r, flagsByName{"coin": *coin}) == "on" {
			on++
		}
	}
	within(t, "both", on, n, 0.25)
}

func TestShareOf(t *testing.T) {
	for percent, want := range map[float64]int{0: 0, 0.001: 1, 0.0004: 0, 10: 10_000, 33.333: 33_333, 29: 29_000, 57.999: 57_999, 100: 100_000, -1: -1, 100.1: -1, math.Inf(1): -1} {
		if got := rules.ShareOf(percent); got != want {
			t.Errorf("%v %%: %d, want %d", percent, got, want)
		}
	}
	if got := rules.ShareOf(math.NaN()); got != -1 {
		t.Errorf("NaN %%: %d", got)
	}
}
