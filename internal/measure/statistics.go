// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"cmp"
	"slices"
)

// A sample is one measurement.
type sample struct {
	nanoseconds float64 // of one operation
	others      float64 // the share of one processor that other processes used
}

// A Time is how long one operation takes, in nanoseconds.
type Time struct {
	Median float64 `json:"median"`
	// Low and High are the quartiles.
	Low  float64 `json:"low"`
	High float64 `json:"high"`
	// Samples is how many samples were kept, and Spoilt how many were left out.
	Samples int `json:"samples"`
	Spoilt  int `json:"spoilt"`
	// Noisy says that too few samples were not spoilt, so that spoilt ones are in.
	Noisy bool `json:"noisy,omitempty"`
}

// Spread is the distance between the quartiles, as a share of the median.
func (t Time) Spread() float64 {
	if t.Median == 0 {
		return 0
	}
	return (t.High - t.Low) / t.Median
}

func (s sample) spoiltBy() float64 { return s.others }

// Keep returns the samples during which others, as [Others] tells, used at most 15 %
// of a processor, or, if those are fewer than three, the three during which they
// used least; noisy says so. It reorders samples.
func Keep[T any](samples []T, others func(T) float64) (kept []T, noisy bool) {
	slices.SortStableFunc(samples, func(a, b T) int { return cmp.Compare(others(a), others(b)) })
	n := 0
	for n < len(samples) && others(samples[n]) <= spoilt {
		n++
	}
	if least := min(fewest, len(samples)); n < least {
		return samples[:least], true
	}
	return samples[:n], false
}

func summarize(samples []sample) Time {
	kept, noisy := Keep(samples, sample.spoiltBy)
	values := make([]float64, len(kept))
	for i, s := range kept {
		values[i] = s.nanoseconds
	}
	slices.Sort(values)
	return Time{
		Median: quantile(values, 0.5), Low: quantile(values, 0.25), High: quantile(values, 0.75),
		Samples: len(kept), Spoilt: len(samples) - len(kept), Noisy: noisy,
	}
}

// Median returns the median of values. Of none it is 0.
func Median(values []float64) float64 { return quantile(slices.Sorted(slices.Values(values)), 0.5) }

// quantile returns the value below which a share of the sorted values is, between
// two of them by proportion.
func quantile(sorted []float64, share float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	at := share * float64(len(sorted)-1)
	i := int(at)
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}
