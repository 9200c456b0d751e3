// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package rules_test

import (
	"testing"

	"github.com/flipper-go/flipper/targeting/rules"
)

func TestNetworks(t *testing.T) {
	never := append([]any{
		"", "x", "10.1.2", "10.1.2.3.4", "10.1.2.300", "010.1.2.3", "10.01.2.3", "10.1.2.3 ", "10.1.2.3/8", "fe80::1%eth0", "::ffff:10.1.2.3%1", "1::2::3", "[::1]", "10.1.2.3:80", 10, true,
	}, anyKind...)
	for _, c := range []comparison{
		{values: []any{"10.0.0.0/8"}, passes: []any{"10.0.0.0", "10.255.255.255", "::ffff:10.1.2.3"}, fails: []any{"11.0.0.0", "9.255.255.255", "::10.1.2.3", "2001:db8::1", "::"}, never: never},
		{values: []any{"10.1.2.3/8"}, passes: []any{"10.200.0.1"}, fails: []any{"11.1.2.3"}, never: never},
		{values: []any{"10.1.2.3"}, passes: []any{"10.1.2.3", "::ffff:10.1.2.3", "::ffff:a01:203"}, fails: []any{"10.1.2.4", "::a01:203"}, never: never},
		{values: []any{"::ffff:10.0.0.0/104"}, passes: []any{"10.1.2.3", "::ffff:10.1.2.3"}, fails: []any{"11.0.0.0", "::a01:203"}, never: never},
		{values: []any{"::ffff:10.1.2.3"}, passes: []any{"10.1.2.3"}, fails: []any{"10.1.2.4"}},
		{values: []any{"::ffff:0.0.0.0/90", "::/0"}, passes: []any{"::1", "2001:db8::1"}, fails: []any{"10.1.2.3", "::ffff:10.1.2.3"}, never: never},
		{values: []any{"0.0.0.0/0"}, passes: []any{"10.1.2.3", "::ffff:10.1.2.3"}, fails: []any{"::1"}, never: never},
		{values: []any{"2001:db8::/32"}, passes: []any{"2001:db8::1", "2001:DB8:0:0::1"}, fails: []any{"2001:db9::1", "10.1.2.3"}, never: never},
		{values: []any{"192.0.2.0/24", "2001:db8::/32"}, passes: []any{"192.0.2.7", "2001:db8::7"}, fails: []any{"192.0.3.1", "2001:db9::"}},
	} {
		c.op = rules.OpInNetwork
		c.check(t)
	}
	for _, value := range []string{
		"", "x", "10.0.0.300", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/08", "10.0.0.0/+8", "10.0.0.0/255.0.0.0", "fe80::1%eth0", "fe80::%eth0/64", "::/129", "10.0.0/8", "/8", "010.0.0.0/8",
	} {
		refused(t, boolean(rules.Rule{If: rules.All(rules.InNetwork("a", value)), Serve: "on"}), "rules[0].if[0].values[0]", "is no address and no block: write it as in 10.1.2.3 or 10.0.0.0/8")
	}
}
