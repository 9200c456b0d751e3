// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package nearest_test

import (
	"slices"
	"testing"

	"github.com/flipper-go/flipper/internal/nearest"
)

func TestNames(t *testing.T) {
	for _, c := range []struct {
		given string
		names []string
		want  []string
	}{
		{"NEW_IU", []string{"NEW_UI", "OTHER"}, []string{"NEW_UI"}},
		{"new_ui", []string{"NEW_UI", "NEW_API"}, []string{"NEW_UI"}},
		{"CHECKUOT", []string{"CHECKOUT", "CHECKOUT_2"}, []string{"CHECKOUT"}},
		{"ABC", []string{"ABD", "AXC", "XYZ"}, []string{"ABD", "AXC"}},
		{"ABC", []string{"ABG", "ABF", "ABE", "ABD"}, []string{"ABD", "ABE", "ABF"}},
		{"SEARCH", []string{"PAYMENT"}, nil},
		{"straße", []string{"strasse"}, []string{"strasse"}},
		// In short names an edit makes another name of any.
		{"", []string{"A", "AB", "ABC"}, nil},
		{"x", []string{"A", "AX", "B", "if"}, nil},
		{"x", []string{"X", "AX"}, []string{"X"}},
		{"AB", []string{"AC", "BA", "A"}, nil},
		{"AB", []string{"ABC", "XY"}, []string{"ABC"}},
		{"stats", []string{"start", "status"}, []string{"status"}},
		{"A", nil, nil},
	} {
		if got := nearest.Names(c.given, c.names); !slices.Equal(got, c.want) {
			t.Errorf("nearest to %q of %q: %q, want %q", c.given, c.names, got, c.want)
		}
	}
}
