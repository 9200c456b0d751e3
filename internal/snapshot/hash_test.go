// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestHashNameSeesAll changes each byte of names of all lengths.
func TestHashNameSeesAll(t *testing.T) {
	seen := map[uint64]string{}
	note := func(name string) {
		h := hashName(name)
		if other, ok := seen[h]; ok && other != name {
			t.Errorf("%q and %q have the same hash", other, name)
		}
		seen[h] = name
		if hashName(strings.Clone(name)) != h {
			t.Errorf("%q has two hashes", name)
		}
	}
	for n := range 80 {
		name := strings.Repeat("a", n)
		note(name)
		for i := range n {
			changed := []byte(name)
			for bit := range 8 {
				changed[i] = 'a' ^ 1<<bit
				note(string(changed))
			}
		}
	}
}

// TestHashNameSpreads has names as people give them.
func TestHashNameSpreads(t *testing.T) {
	const count, buckets = 100_000, 100
	for _, prefix := range []string{"", "flag-", "NEW_CHECKOUT_FLOW_FOR_COUNTRY_"} {
		for what, part := range map[string]func(uint64) uint64{
			"shard": func(h uint64) uint64 { return h >> 32 % buckets },
			"group": func(h uint64) uint64 { return h >> tagBits % shardGroups * buckets / shardGroups },
			"tag":   func(h uint64) uint64 { return tagOf(h) % (1 << tagBits) * buckets / (1 << tagBits) },
		} {
			counts := make([]int, buckets)
			for i := range count {
				counts[part(hashName(prefix+strconv.Itoa(i)))]++
			}
			counts = slices.DeleteFunc(counts, func(n int) bool { return n == 0 })
			mean := count / len(counts)
			if low, high := slices.Min(counts), slices.Max(counts); low < mean/3 || high > 3*mean {
				t.Errorf("%q: the %ss have from %d to %d names, %d on average", prefix, what, low, high, mean)
			}
		}
	}
}
