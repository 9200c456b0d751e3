// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package carta

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/flipper-go/flipper/targeting"
)

// TestOneHashForAll evaluates the flags of a page: the rollouts are many, their
// whitelists are one.
func TestOneHashForAll(t *testing.T) {
	r := &targeting.Request{Attrs: []targeting.Attr{{Name: "user_id", Value: targeting.Int(7)}, {Name: "plan", Value: targeting.Text("pro")}}}
	for i := range 20 {
		b := NewConsistentHashBucketer(FixedPercentage(float64(i)/20), "user_id")
		if _, _, err := Evaluate(true, nil, b, r); err != nil {
			t.Fatal(err)
		}
	}
	if r.Hashed().Count != 1 {
		t.Errorf("%d hashes, want 1", r.Hashed().Count)
	}
}

// TestHashedIsOfItsWhitelist has one request for many flags, in any order, and
// compares with a request for each.
func TestHashedIsOfItsWhitelist(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	names := []string{"a", "b", "c", randomizer}
	var bucketers []*bucketer
	for range 40 {
		b := &bucketer{kind: consistentHash}
		for _, name := range names[:rnd.IntN(len(names)+1)] {
			b.keys = append(b.keys, targeting.Text(name))
		}
		if rnd.IntN(4) == 0 {
			b.keys = append(b.keys, targeting.Int(1)) // hashes nothing by itself, but not all either
		}
		rnd.Shuffle(len(b.keys), func(i, j int) { b.keys[i], b.keys[j] = b.keys[j], b.keys[i] })
		b.compile()
		bucketers = append(bucketers, b)
	}
	for range 200 {
		var attrs []targeting.Attr
		for _, name := range append(names, "d") {
			if rnd.IntN(2) == 0 {
				attrs = append(attrs, targeting.Attr{Name: name, Value: targeting.Int(rnd.Int64N(1000))})
			}
		}
		page := &targeting.Request{Attrs: attrs}
		for range 20 {
			b := bucketers[rnd.IntN(len(bucketers))]
			if got, want := bucketOf(page, b), bucketOf(&targeting.Request{Attrs: slices.Clone(attrs)}, b); got != want {
				t.Fatalf("bucket %d, want %d: whitelist %v, attributes %v", got, want, b.keys, attrs)
			}
		}
	}
}
