// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"testing"

	"github.com/flipper-go/flipper/targeting/carta"
)

// testIndependence holds the store to keeping nothing of what it is given, and to
// leaving alone what it returned.
func (s *suite) testIndependence(t *testing.T) {
	st := s.New(t)
	f := content("A", "A1")
	stored := mustPut(t, st, f)
	before := describe(t, stored)
	revision := stored.Revision
	read := mustGet(t, st, "A")

	f.Name = "B"
	f.Enabled = !f.Enabled
	f.ClientData = `{"state": "changed by the caller"}`
	f.Conditions[0] = carta.NewCondition(carta.Equal("changed", "by the caller"))
	f.Bucketer = carta.NoBucketer()
	f.Revision = "changed by the caller"
	sameFlag(t, "get after the caller changed what it had put", mustGet(t, st, "A"), stored)
	if describe(t, stored) != before {
		t.Errorf("what Put returned changes with what it was given:\n%s\n%s", describe(t, stored), before)
	}

	clone := read.Clone()
	clone.Enabled = !clone.Enabled
	clone.Conditions[0] = f.Conditions[0]
	sameFlag(t, "get after the caller changed a clone", mustGet(t, st, "A"), stored)

	s.change(t, st, "A", "A2")
	if describe(t, read) != before || read.Revision != revision {
		t.Errorf("a flag that was read changes with the next write:\n%s\n%s", describe(t, read), before)
	}
	mustDelete(t, st, "A")
	if describe(t, read) != before {
		t.Errorf("a flag that was read changes when it is deleted:\n%s\n%s", describe(t, read), before)
	}
}
