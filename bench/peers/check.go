// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package peers

import "fmt"

// Check asks for flags of a kind, on and off, and says what is wrong with the
// answers: on is the name of a flag of that kind, off that of one that is off.
// What is not checked is not worth timing.
func Check(c *Client, kind Kind, on, off string) error {
	switch kind {
	case Plain:
		if !c.Plain(on) || c.Plain(off) {
			return fmt.Errorf("plain flags: on is %t, off is %t", c.Plain(on), c.Plain(off))
		}
		if c.Handle != nil && (!c.Handle(on)() || c.Handle(off)()) {
			return fmt.Errorf("handles of plain flags: on is %t, off is %t", c.Handle(on)(), c.Handle(off)())
		}
	case Rule:
		if !c.Rule(on, "pro") || c.Rule(on, "free") || c.Rule(off, "pro") {
			return fmt.Errorf("rule: pro is %t, free is %t, off is %t", c.Rule(on, "pro"), c.Rule(on, "free"), c.Rule(off, "pro"))
		}
	case Sticky:
		return checkShare(c, on, off)
	case Pair:
	}
	return nil
}

// checkShare asks for so many users that a share outside of the bounds, by
// chance, is less likely than one in 10,000: four standard deviations of a
// binomial distribution. The bounds leave room for Python's extra bucket.
func checkShare(c *Client, on, off string) error {
	const users, least, most = 10_000, 0.48, 0.53
	got := 0
	for i := range users {
		user := fmt.Sprintf("user-%d", i)
		first, second := c.Sticky(on, user), c.Sticky(on, user)
		if first {
			got++
		}
		if first != second {
			return fmt.Errorf("rollout: %s has two answers", user)
		}
		if c.Sticky(off, user) {
			return fmt.Errorf("rollout: a flag that is off is on for %s", user)
		}
	}
	if share := float64(got) / users; share < least || share > most {
		return fmt.Errorf("rollout: %.1f%% of the users, want half", 100*share)
	}
	return nil
}
