// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package targeting

import (
	"crypto/sha1" //nolint:gosec // the stored format's hash, not a secret's
	"encoding/binary"
	"slices"
	"strings"
)

// hashed are the buckets that a request was put in. What is hashed depends on the
// names of the whitelist alone, so flags with the same names share a bucket.
type hashed struct {
	count     uint8
	buckets   [maxHashed]uint8
	bucketers [maxHashed]*bucketer // with the names that were hashed
}

// maxHashed is how many whitelists a request remembers. Flags that are asked
// together have few.
const maxHashed = 4

// bucket gives the bucket that a bucketer puts the request in.
func (r *Request) bucket(b *bucketer) int {
	h := &r.hashed
	for i, other := range h.bucketers[:h.count] {
		if other == b || other.hashesSame(b) {
			return int(h.buckets[i])
		}
	}
	bucket := b.hash(r)
	if h.count < maxHashed {
		h.buckets[h.count], h.bucketers[h.count] = uint8(bucket), b
		h.count++
	}
	return bucket
}

// hashesSame reports whether two bucketers hash the same attributes.
func (b *bucketer) hashesSame(other *bucketer) bool {
	return (len(b.keys) == 0) == (len(other.keys) == 0) && slices.Equal(b.names, other.names)
}

// hash gives the bucket of a request: the SHA-1 of its attributes, as one
// big-endian number, modulo 100.
func (b *bucketer) hash(r *Request) int {
	var buf [256]byte
	sum := sha1.Sum(b.appendHashed(buf[:0], r))
	// The powers of 2^32 modulo 100 are 96, 16, 36 and 56.
	word := func(i int) uint64 { return uint64(binary.BigEndian.Uint32(sum[4*i:])) }
	return int((56*word(0) + 36*word(1) + 16*word(2) + 96*word(3) + word(4)) % bucketCount)
}

// appendHashed appends what is hashed: the JSON list of the name and value of
// each attribute that counts, sorted by name.
func (b *bucketer) appendHashed(buf []byte, r *Request) []byte {
	buf = append(buf, '[')
	if len(b.keys) > 0 && len(b.names) <= maxHashedNames {
		for _, name := range b.names { // sorted, and each once
			if attr := r.find(name); attr != nil {
				buf = appendPair(buf, attr)
			}
		}
		return append(buf, ']')
	}
	var places [16]int
	sorted := places[:0]
	for i := range r.len() {
		if b.hashes(r.at(i).Name) && !r.overridden(i) {
			sorted = append(sorted, i)
		}
	}
	slices.SortFunc(sorted, func(i, j int) int { return strings.Compare(r.at(i).Name, r.at(j).Name) })
	for _, i := range sorted {
		buf = appendPair(buf, r.at(i))
	}
	return append(buf, ']')
}

// maxHashedNames is the length of a whitelist up to which its names are searched
// among the attributes, rather than the attributes in it.
const maxHashedNames = 4

// hashes reports whether the attribute of a name counts.
func (b *bucketer) hashes(name string) bool {
	if len(b.keys) == 0 {
		return name != randomizer
	}
	_, ok := slices.BinarySearch(b.names, name)
	return ok
}

func appendPair(buf []byte, attr *Attr) []byte {
	if len(buf) > 1 {
		buf = append(buf, ", "...)
	}
	buf = append(buf, '[')
	buf = AppendText(buf, attr.Name)
	buf = append(buf, ", "...)
	buf = attr.Value.AppendJSON(buf)
	return append(buf, ']')
}
