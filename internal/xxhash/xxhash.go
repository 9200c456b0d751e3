// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package xxhash computes XXH64 with a seed.
//
// See https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md. The client
// imports nothing but the standard library, so the hash is here. It is made for
// short texts, such as ids.
package xxhash

import "math/bits"

const (
	prime1 uint64 = 0x9E3779B185EBCA87
	prime2 uint64 = 0xC2B2AE3D27D4EB4F
	prime3 uint64 = 0x165667B19E3779F9
	prime4 uint64 = 0x85EBCA77C2B2AE63
	prime5 uint64 = 0x27D4EB2F165667C5
)

// Sum64 returns the XXH64 of a text with a seed. It does not allocate.
func Sum64[Text ~string | ~[]byte](text Text, seed uint64) uint64 {
	size := uint64(len(text))
	var h uint64
	if len(text) < 32 {
		h = seed + prime5
	} else {
		a, b, c, d := seed+prime1+prime2, seed+prime2, seed, seed-prime1
		for len(text) >= 32 {
			a = round(a, word64(text))
			b = round(b, word64(text[8:]))
			c = round(c, word64(text[16:]))
			d = round(d, word64(text[24:]))
			text = text[32:]
		}
		h = bits.RotateLeft64(a, 1) + bits.RotateLeft64(b, 7) + bits.RotateLeft64(c, 12) + bits.RotateLeft64(d, 18)
		h = merge(h, a)
		h = merge(h, b)
		h = merge(h, c)
		h = merge(h, d)
	}
	h += size
	for len(text) >= 8 {
		h = bits.RotateLeft64(h^round(0, word64(text)), 27)*prime1 + prime4
		text = text[8:]
	}
	if len(text) >= 4 {
		h = bits.RotateLeft64(h^word32(text)*prime1, 23)*prime2 + prime3
		text = text[4:]
	}
	for i := range len(text) {
		h = bits.RotateLeft64(h^uint64(text[i])*prime5, 11) * prime1
	}
	h ^= h >> 33
	h *= prime2
	h ^= h >> 29
	h *= prime3
	return h ^ h>>32
}

func round(sum, word uint64) uint64 {
	return bits.RotateLeft64(sum+word*prime2, 31) * prime1
}

func merge(h, sum uint64) uint64 { return (h^round(0, sum))*prime1 + prime4 }

// word64 returns the first eight bytes, little-endian: one load of the processor.
func word64[Text ~string | ~[]byte](t Text) uint64 {
	_ = t[7]
	return uint64(t[0]) | uint64(t[1])<<8 | uint64(t[2])<<16 | uint64(t[3])<<24 |
		uint64(t[4])<<32 | uint64(t[5])<<40 | uint64(t[6])<<48 | uint64(t[7])<<56
}

func word32[Text ~string | ~[]byte](t Text) uint64 {
	_ = t[3]
	return uint64(t[0]) | uint64(t[1])<<8 | uint64(t[2])<<16 | uint64(t[3])<<24
}
