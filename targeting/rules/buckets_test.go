// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package rules_test

import (
	"encoding/json"
	"fmt"
	"math"
	"testing"

	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
	"github.com/flipper-go/flipper/targeting/rules"
)

// inBucket reports whether a request is in one bucket exactly.
func inBucket(t *testing.T, flag string, by string, hash rules.Hash, salt string, bucket int, a targeting.Attr) bool {
	t.Helper()
	share := rules.Condition{Share: &rules.Range{By: by, Salt: salt, Hash: hash, From: bucket, To: bucket + 1}}
	in := target(t, flag, boolean(rules.Rule{If: rules.All(share), Serve: "on"}))
	outside := target(t, flag, boolean(rules.Rule{If: rules.All(rules.Not(share)), Serve: "on"}))
	got := serve(t, in, request(a), nil) == "on"
	if got == (serve(t, outside, request(a), nil) == "on") {
		t.Errorf("bucket %d of %v: its negation says the same", bucket, a)
	}
	return got
}

// TestBuckets holds the buckets of docs/rules.md.
func TestBuckets(t *testing.T) {
	for _, test := range []struct {
		flag, salt string
		value      any
		bucket     int
	}{
		{"NEW_CHECKOUT", "", "42", 2492},
		{"NEW_CHECKOUT", "", 42, 2492},
		{"NEW_CHECKOUT", "", 42.0, 2492},
		{"NEW_CHECKOUT", "", "43", 19271},
		{"NEW_CHECKOUT", "", -7, 6343},
		{"NEW_CHECKOUT", "", -7.0, 6343},
		{"NEW_CHECKOUT", "", "-7", 6343},
		{"NEW_CHECKOUT", "", "zoë", 38512},
		{"NEW_SEARCH", "", 42, 31005},
		{"NEW_SEARCH", "NEW_CHECKOUT", 42, 2492},
		{"NEW_CHECKOUT", "checkout layer", 42, 35088},
	} {
		if !inBucket(t, test.flag, "user_id", "", test.salt, test.bucket, attr("user_id", test.value)) {
			t.Errorf("%v of %s with the salt %q is not in bucket %d", test.value, test.flag, test.salt, test.bucket)
		}
	}
	// Values with one key are one user.
	for _, same := range [][]any{{0, 0.0, json.Number("-0.0"), "0"}, {1<<53 - 1, float64(1<<53 - 1), "9007199254740991"}, {math.MinInt64, "-9223372036854775808"}, {json.Number(huge), huge}} {
		buckets := map[int]bool{}
		for _, value := range same {
			buckets[bucketOf(t, value)] = true
		}
		if len(buckets) != 1 {
			t.Errorf("%v are in the buckets %v", same, buckets)
		}
	}
}

// bucketOf finds the bucket of a value by halving.
func bucketOf(t *testing.T, value any) int {
	t.Helper()
	from, to := 0, rules.Buckets
	for to-from > 1 {
		middle := (from + to) / 2
		if holds(t, rules.InRange("a", "", from, middle), attr("a", value)) {
			to = middle
		} else {
			from = middle
		}
	}
	if !holds(t, rules.InRange("a", "", from, to), attr("a", value)) {
		t.Errorf("%v has no bucket", value)
	}
	return from
}

// TestCartaHash holds the buckets of docs/rules.md: a value keeps its kind.
func TestCartaHash(t *testing.T) {
	for _, test := range []struct {
		value  any
		bucket int
	}{{1, 48000}, {42, 51000}, {42.0, 37000}, {"42", 63000}, {"zoë", 37000}} {
		if !inBucket(t, "flag", "user_id", rules.HashCarta, "", test.bucket, attr("user_id", test.value)) {
			t.Errorf("%v is not in bucket %d", test.value, test.bucket)
		}
	}
	// Carta's 10 % is a share of 11,000, for the same users.
	split := rules.Percent("user_id", 11, "on")
	split.Hash = rules.HashCarta
	flag := target(t, "flag", boolean(rules.Rule{Split: split}))
	bucketer := carta.NewConsistentHashBucketer(carta.FixedPercentage(0.1), "user_id")
	for i := range 2000 {
		for _, value := range []any{i, fmt.Sprint(i), float64(i)} {
			r := request(attr("user_id", value))
			want, _, err := carta.Evaluate(true, nil, bucketer, request(attr("user_id", value)))
			if err != nil {
				t.Fatal(err)
			}
			if got := serve(t, flag, r, nil) == "on"; got != want {
				t.Fatalf("%#v: %v, and %v in Carta's model", value, got, want)
			}
		}
	}
	withSalt, pointer, randomizer := *split, *split, *split
	withSalt.Salt, pointer.By, randomizer.By = "salt", "/user/id", "randomizer"
	refused(t, boolean(rules.Rule{Split: &withSalt}), "rules[0].split.salt", "leave it out")
	refused(t, boolean(rules.Rule{Split: &pointer}), "rules[0].split.by", "must be a name")
	refused(t, boolean(rules.Rule{Split: &randomizer}), "rules[0].split.by", "must not be randomizer")
}

// TestLayer shows that experiments with one salt and ranges that do not meet exclude
// each other, and that a split in a layer is independent of its range.
func TestLayer(t *testing.T) {
	first := target(t, "first", boolean(rules.Rule{If: rules.All(rules.InRange("user_id", "layer", 0, 30_000)), Split: rules.Percent("user_id", 50, "on")}))
	second := target(t, "second", boolean(rules.Rule{If: rules.All(rules.InRange("user_id", "layer", 30_000, 60_000)), Serve: "on"}))
	inFirst, inSecond := 0, 0
	for i := range 20_000 {
		r := request(attr("user_id", i))
		a, b := serve(t, first, r, nil) == "on", serve(t, second, r, nil) == "on"
		if a && b {
			t.Fatalf("user %d is in both experiments", i)
		}
		if a {
			inFirst++
		}
		if b {
			inSecond++
		}
	}
	within(t, "in the first", inFirst, 20_000, 0.15)
	within(t, "in the second", inSecond, 20_000, 0.3)
}

// within checks a count against chance: five standard deviations.
func within(t *testing.T, what string, got, of int, share float64) {
	t.Helper()
	want, deviation := float64(of)*share, math.Sqrt(float64(of)*share*(1-share))
	if math.Abs(float64(got)-want) > 5*deviation {
		t.Errorf("%s: %d of %d, expected %.0f ± %.0f", what, got, of, want, deviation)
	}
}

// TestIndependent rolls 60 flags out to 10 % of 10,000 users. Flags share no more and
// no fewer users than chance has it.
func TestIndependent(t *testing.T) {
	const flags, users = 60, 10_000
	for ids, id := range map[string]func(int) targeting.Value{
		"ints": func(i int) targeting.Value { return targeting.Int(int64(i)) },
		"text": func(i int) targeting.Value { return targeting.Text(fmt.Sprintf("user-%05d", i)) },
	} {
		var on [flags][users]bool
		for f := range flags {
			flag := target(t, fmt.Sprintf("FLAG_%d", f), boolean(rules.Rule{Split: rules.Percent("user_id", 10, "on")}))
			count := 0
			for i := range users {
				r := targeting.Request{Attrs: []targeting.Attr{{Name: "user_id", Value: id(i)}}}
				if on[f][i] = serve(t, flag, &r, nil) == "on"; on[f][i] {
					count++
				}
			}
			within(t, fmt.Sprintf("%s, on for", ids), count, users, 0.1)
		}
		squares := 0.0
		for f := range flags {
			for g := range f {
				both := 0
				for i := range users {
					if on[f][i] && on[g][i] {
						both++
					}
				}
				within(t, fmt.Sprintf("%s, flags %d and %d", ids, g, f), both, users, 0.01)
				squares += (float64(both) - 100) * (float64(both) - 100) / 99
			}
		}
		// Together, the pairs deviate neither more nor less than chance.
		if mean := squares / (flags * (flags - 1) / 2); mean < 0.8 || mean > 1.25 {
			t.Errorf("%s: the mean square of the deviations is %.2f, expected 1", ids, mean)
		}
	}
}

// TestSameSalt shows that flags with one salt have the same users.
func TestSameSalt(t *testing.T) {
	split := rules.Percent("user_id", 10, "on")
	split.Salt = "shared"
	first, second := target(t, "first", boolean(rules.Rule{Split: split})), target(t, "second", boolean(rules.Rule{Split: split}))
	for i := range 10_000 {
		r := request(attr("user_id", i))
		if serve(t, first, r, nil) != serve(t, second, r, nil) {
			t.Fatalf("user %d is in one of two flags with one salt", i)
		}
	}
}

// TestRaising raises a share step by step: users are only ever added, and as many as
// the share says.
func TestRaising(t *testing.T) {
	const users = 20_000
	var on [users]bool
	for _, share := range []int{0, 1, 10, 100, 1_000, 10_000, 10_001, 25_000, 50_000, 99_999, 100_000} {
		flag := target(t, "flag", boolean(rules.Rule{Split: &rules.Split{By: "user_id", Shares: []rules.Share{{Variant: "on", Share: share}}}}))
		count := 0
		for i := range users {
			now := serve(t, flag, request(attr("user_id", i)), nil) == "on"
			if on[i] && !now {
				t.Fatalf("a share of %d takes user %d out", share, i)
			}
			if on[i] = now; now {
				count++
			}
		}
		within(t, fmt.Sprintf("a share of %d", share), count, users, float64(share)/rules.Buckets)
		if share == 0 && count != 0 || share == rules.Buckets && count != users {
			t.Errorf("a share of %d has %d users", share, count)
		}
	}
}
