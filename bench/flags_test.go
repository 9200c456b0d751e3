// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import "testing"

// The expected answers of any number of requests are those of the users in turn.
func TestExpected(t *testing.T) {
	yes := expected(isPro)
	for _, n := range []int{0, 1, 5, users - 1, users, users + 1, 3*users + 7} {
		want := 0
		for i := range n {
			if isPro(everybody[i%users]) {
				want++
			}
		}
		if got := yes(n); got != want {
			t.Errorf("%d of %d, want %d", got, n, want)
		}
	}
}
