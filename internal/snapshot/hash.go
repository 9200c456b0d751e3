// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"math/bits"
	"math/rand/v2"
)

// The seeds of hashName, drawn anew by each process, so that nobody can choose
// names that all collide.
var hashSeeds = [3]uint64{rand.Uint64(), rand.Uint64(), rand.Uint64()}

// hashName is wyhash in its essence. Names are short, and package maphash would
// spend more on the call than on the bytes.
func hashName(name string) uint64 {
	n := len(name)
	h := hashSeeds[0]
	var a, b uint64
	switch {
	case n > 16:
		for i := 0; i < n-16; i += 16 {
			h = mix(load64(name[i:])^hashSeeds[1], load64(name[i+8:])^h)
		}
		a, b = load64(name[n-16:]), load64(name[n-8:])
	case n >= 8:
		a, b = load64(name), load64(name[n-8:])
	case n >= 4:
		a, b = load32(name), load32(name[n-4:])
	case n > 0:
		a = uint64(name[0])<<16 | uint64(name[n/2])<<8 | uint64(name[n-1])
	}
	return mix(hashSeeds[2]^uint64(n), mix(a^hashSeeds[1], b^h))
}

// mix multiplies to 128 bits and folds them.
func mix(a, b uint64) uint64 {
	high, low := bits.Mul64(a, b)
	return high ^ low
}

// load64 and load32 are one instruction each.

func load64(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

func load32(s string) uint64 {
	_ = s[3]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24
}
