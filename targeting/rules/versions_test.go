// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package rules_test

import (
	"testing"

	"github.com/flipper-go/flipper/targeting/rules"
)

func TestVersions(t *testing.T) {
	// In their order, as SemVer 2.0 has it.
	ordered := []string{
		"0.0.0", "1.0.0-0", "1.0.0-1", "1.0.0-2", "1.0.0-10", "1.0.0-99999999999999999999", "1.0.0--", "1.0.0-A", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta",
		"1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.0.1", "1.2.0", "1.10.0", "2.0.0", "10.0.0", "99999999999999999999.0.0",
	}
	for i, value := range ordered {
		before, same, behind := texts(ordered[:i]), []any{value, "v" + value, value + "+build.01"}, texts(ordered[i+1:])
		for op, passes := range map[rules.Operator][][]any{
			rules.OpVersionEqual: {same}, rules.OpVersionGreater: {behind}, rules.OpVersionGreaterOrEqual: {same, behind}, rules.OpVersionLess: {before}, rules.OpVersionLessOrEqual: {before, same},
		} {
			c := comparison{op: op, values: []any{value}}
			for _, group := range [][]any{before, same, behind} {
				passed := false
				for _, other := range passes {
					passed = passed || len(group) > 0 && len(other) > 0 && group[0] == other[0]
				}
				if passed {
					c.passes = append(c.passes, group...)
				} else {
					c.fails = append(c.fails, group...)
				}
			}
			c.check(t)
		}
	}
}

func texts(list []string) (values []any) {
	for _, text := range list {
		values = append(values, text)
	}
	return values
}

// noVersions are texts that golang.org/x/mod/semver does not take, with a v before.
var noVersions = []any{
	"", "v", "vv1", "V1", "1.", ".1", "01", "1.02", "1.0.03", "1.2.3.4", "1.2-rc", "1-rc", "1+build", "1.2+build", "1.2.3-", "1.2.3-01", "1.2.3-a..b", "1.2.3-ü", "1.2.3+", "1.2.3+a..b",
	"1.2.3-a+", " 1.2.3", "1.2.3 ", "-1.0.0", "latest", "1.x", "1,2",
}

func TestVersionForms(t *testing.T) {
	comparison{
		op: rules.OpVersionEqual, values: []any{"1.0.0"},
		passes: []any{"1", "v1", "1.0", "v1.0", "1.0.0", "v1.0.0+x", "1.0.0+01"}, fails: []any{"1.0.0-0", "1.1", "2"},
		never: append(append([]any{1, 1.0, true}, noVersions...), anyKind...),
	}.check(t)
	comparison{op: rules.OpVersionEqual, values: []any{"v2"}, passes: []any{"2.0.0"}, fails: []any{"2.0.1"}}.check(t)
	for _, value := range noVersions {
		refused(t, boolean(rules.Rule{If: rules.All(rules.Version("a", rules.OpVersionLess, value.(string))), Serve: "on"}), "rules[0].if[0].values[0]", "is no version: write it as in 2.4.0")
	}
}
