// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"regexp/syntax"
	"strings"
	"testing"
)

var expressionSizes = []struct {
	expression string
	size       int
}{
	{"abc", 3},
	{"zoë\U0001f600", 4},
	{"^[a-z.]+@example\\.(com|org)$", 21},
	{".*?", 3},
	{"a{3}", 3},
	{"ab{3,5}c", 7},
	{"a{3,}", 3},
	{"a{0}", 1},
	{"a{0,1000}", 1000},
	{"(?:ab){4}", 12},
	{"(?P<pair>ab){4}|(?<two>c)", 15},
	{"((a{2}){3}){4}", 4 + 4*3 + 4*3*2},
	{"a{,3}", 5},
	{"a{03}", 5},
	{"a{x}{", 5},
	{"(?i)a", 2},
	{"a(?i){3}", 4},
	{"(?i-s:ab){2}", 6},
	{"[]a]{2}", 2},
	{"[^]a]", 1},
	{"[[:alpha:]x]", 1},
	{"[[:]{2}", 2},
	{"[A-[:alpha:]]", 2},
	{"[a-b-[:alpha:]]", 1},
	{"[\\]x]{2}", 2},
	{"[a\\-z{2}]", 1},
	{"\\d{4}", 4},
	{"\\pL\\p{Greek}\\P{^Han}", 3},
	{"\\x41\\x{1F600}\\101\\07", 4},
	{"\\Qa{3}\\E{3}", 6},
	{"a\\Q\\E{3}", 3},
	{"\\Qab", 2},
	{"\\{3}", 3},
	{"||", 2},
	{"()", 1},
	{"\\b\\B\\A\\z^$", 6},
}

func TestExpressionSize(t *testing.T) {
	for _, c := range expressionSizes {
		if _, err := syntax.Parse(c.expression, syntax.Perl); err != nil {
			t.Fatal(err)
		}
		if size := expressionSize(c.expression); size != c.size {
			t.Errorf("%s: %d, want %d", c.expression, size, c.size)
		}
	}
}

// FuzzExpressionSize: no expression is larger, once it is compiled, than its size says.
func FuzzExpressionSize(f *testing.F) {
	for _, c := range expressionSizes {
		f.Add(c.expression)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := syntax.Parse(text, syntax.Perl)
		if err != nil || len(text) > maxExpression {
			return
		}
		size := expressionSize(text)
		if size > maxExpressionSize {
			return
		}
		p, err := syntax.Compile(e.Simplify())
		if err != nil {
			t.Fatal(err)
		}
		if most := 4*size + 8; len(p.Inst) > most {
			t.Errorf("%q has size %d and %d instructions:\n%s", text, size, len(p.Inst), strings.TrimSpace(p.String()))
		}
	})
}
