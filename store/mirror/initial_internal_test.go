// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package mirror

import (
	"testing"
	"time"

	"github.com/flipper-go/flipper/store"
)

// What was read from the store below stays, if flags from elsewhere come at the same moment
// and a little later.
func TestElsewhereTooLate(t *testing.T) {
	var c copied
	var s state
	s.init(&c.flags)
	c.setAll(c.ticket(), []listed{{name: "READ", flag: &store.Flag{Name: "READ"}}})
	s.watchStands()
	s.readAll(time.Now(), s.gap())

	c.setAll(0, []listed{{name: "INITIAL", flag: &store.Flag{Name: "INITIAL"}}})
	s.readElsewhere(time.Now().Add(-time.Hour))
	if names := c.flags.Held().Names(); len(names) != 1 || names[0] != "READ" {
		t.Errorf("flags %q", names)
	}
	if age, stale := s.age(); age != 0 || stale || s.isFromElsewhere() {
		t.Errorf("age %v, stale %t", age, stale)
	}
}
