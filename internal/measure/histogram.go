// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"math/bits"
	"time"
)

// A Histogram counts durations, of up to several hours, with an error of at most
// 1.6 %, in a fixed amount of memory. The zero value is empty. It is not safe for
// concurrent use.
type Histogram struct {
	counts [64 * perOctave]uint64
	total  uint64
}

// perOctave is how many buckets there are from a duration to twice that.
const (
	octaveBits = 5
	perOctave  = 1 << octaveBits
)

// Add counts a duration; what is below 0 counts as 0.
func (h *Histogram) Add(d time.Duration) {
	h.counts[bucket(uint64(max(0, d)))]++
	h.total++
}

// Merge adds what another histogram counted.
func (h *Histogram) Merge(other *Histogram) {
	for i, n := range other.counts {
		h.counts[i] += n
	}
	h.total += other.total
}

// Count returns how many durations were added.
func (h *Histogram) Count() uint64 { return h.total }

// Quantile returns the duration that a share of all, from 0 to 1, does not exceed.
// It is 0 if there are none.
func (h *Histogram) Quantile(share float64) time.Duration {
	want := uint64(share*float64(h.total) + 0.5)
	var seen uint64
	for i, n := range h.counts {
		if seen += n; n > 0 && seen >= want {
			return middle(i)
		}
	}
	return 0
}

// bucket returns the bucket of a value: the values below perOctave have one each;
// after that each octave has perOctave buckets.
func bucket(v uint64) int {
	octave := bits.Len64(v >> octaveBits)
	if octave == 0 {
		return int(v)
	}
	return octave*perOctave + int(v>>(octave-1)) - perOctave
}

// middle returns the value in the middle of a bucket.
func middle(i int) time.Duration {
	octave := i / perOctave
	if octave == 0 {
		return time.Duration(i)
	}
	low := uint64(perOctave+i%perOctave) << (octave - 1)
	return time.Duration(low + (uint64(1)<<(octave-1))/2)
}
