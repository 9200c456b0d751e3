// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package measure

import "testing"

func TestSummarize(t *testing.T) {
	for _, test := range []struct {
		name    string
		samples []sample
		want    Time
	}{
		{"none", nil, Time{}},
		{"one", []sample{{5, 0}}, Time{Median: 5, Low: 5, High: 5, Samples: 1}},
		{"a spoilt one is left out", []sample{{1, 0}, {900, 0.5}, {2, 0.1}, {3, 0}}, Time{Median: 2, Low: 1.5, High: 2.5, Samples: 3, Spoilt: 1}},
		// Left out by what others did, never by value.
		{"a slow one stays", []sample{{1, 0}, {900, 0.1}, {2, 0.1}}, Time{Median: 2, Low: 1.5, High: 451, Samples: 3}},
		{"all spoilt", []sample{{9, 0.9}, {1, 0.2}, {2, 0.3}, {3, 0.4}}, Time{Median: 2, Low: 1.5, High: 2.5, Samples: 3, Spoilt: 1, Noisy: true}},
	} {
		if got := summarize(test.samples); got != test.want {
			t.Errorf("%s: %+v, want %+v", test.name, got, test.want)
		}
	}
}
