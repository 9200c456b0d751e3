// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package carta

import (
	"crypto/sha1" //nolint:gosec // the stored format's hash, not a secret's
	"encoding/binary"
	"slices"
	"strings"

	"github.com/flipper-go/flipper/targeting"
)

// bucketOf returns the bucket that a bucketer puts the request in. What is hashed
// depends on the whitelist alone, so flags with the same one share a bucket.
func bucketOf(r *targeting.Request, b *bucketer) int {
	h := r.Hashed()
	for i, names := range h.Names[:h.Count] {
		if names == b.names || names != allNames && b.names != allNames && slices.Equal(*names, *b.names) {
			return int(h.Buckets[i])
		}
	}
	bucket := b.hash(r)
	if h.Count < len(h.Names) {
		h.Buckets[h.Count], h.Names[h.Count] = uint8(bucket), b.names
		h.Count++
	}
	return bucket
}

// hash returns the bucket of a request: the SHA-1 of its attributes, as one
// big-endian number, modulo 100.
func (b *bucketer) hash(r *targeting.Request) int {
	var buf [256]byte
	sum := sha1.Sum(b.appendHashed(buf[:0], r))
	// The powers of 2^32 modulo 100 are 96, 16, 36 and 56.
	word := func(i int) uint64 { return uint64(binary.BigEndian.Uint32(sum[4*i:])) }
	return int((56*word(0) + 36*word(1) + 16*word(2) + 96*word(3) + word(4)) % bucketCount)
}

// appendHashed appends what is hashed: the JSON list of the name and value of
// each attribute that counts, sorted by name.
func (b *bucketer) appendHashed(buf []byte, r *targeting.Request) []byte {
	buf = append(buf, '[')
	if b.names != allNames && len(*b.names) <= maxHashedNames {
		for _, name := range *b.names { // sorted, and each once
			if attr := r.Find(name); attr != nil {
				buf = appendPair(buf, attr)
			}
		}
		return append(buf, ']')
	}
	var places [16]int
	sorted := places[:0]
	for i := range r.Len() {
		if b.hashes(r.At(i).Name) && !r.Overridden(i) {
			sorted = append(sorted, i)
		}
	}
	slices.SortFunc(sorted, func(i, j int) int { return strings.Compare(r.At(i).Name, r.At(j).Name) })
	for _, i := range sorted {
		buf = appendPair(buf, r.At(i))
	}
	return append(buf, ']')
}

// maxHashedNames is the length of a whitelist up to which its names are searched
// among the attributes, rather than the attributes in it.
const maxHashedNames = 4

// hashes reports whether the attribute of a name counts.
func (b *bucketer) hashes(name string) bool {
	if b.names == allNames {
		return name != randomizer
	}
	_, ok := slices.BinarySearch(*b.names, name)
	return ok
}

func appendPair(buf []byte, attr *targeting.Attr) []byte {
	if len(buf) > 1 {
		buf = append(buf, ", "...)
	}
	buf = append(buf, '[')
	buf = targeting.AppendText(buf, attr.Name)
	buf = append(buf, ", "...)
	buf = attr.Value.AppendJSON(buf)
	return append(buf, ']')
}
