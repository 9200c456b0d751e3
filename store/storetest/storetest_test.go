// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package storetest_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/storetest"
)

func TestMain(m *testing.M) {
	if os.Getenv(faultVariable) != "" {
		os.Exit(m.Run()) // where what is left behind is the fault's
	}
	goleak.VerifyTestMain(m)
}

// faultVariable makes TestFaulty test a store with that fault.
const faultVariable = "FLIPPER_STORETEST_FAULT"

// TestFaulty runs the suite on a store with a fault, or with none.
func TestFaulty(t *testing.T) {
	f := fault(os.Getenv(faultVariable))
	h := storetest.Harness{
		New: func(t *testing.T) store.Store {
			s := newFaulty(f)
			if f != "locks while it lists" && f != "waits for slow readers" { // or Close would wait for ever
				t.Cleanup(func() { _ = s.Close() })
			}
			return s
		},
		Second:  func(_ *testing.T, s store.Store) store.Store { return s.(*faulty).second() },
		Corrupt: newFaulty(f).corrupt,
		Break:   breakIt,
	}
	if f != "" {
		h.Patience = 2 * time.Second
	}
	storetest.Run(t, h)
}

// faults are the ways to be wrong, each with the subtest that has to notice.
var faults = map[fault]string{
	"create overwrites":                                 "Script/Create",
	"says conflict for what exists":                     "Script/Create",
	"has an error of its own for what is missing":       "Script/NothingThere",
	"deletes what is missing":                           "Script/NothingThere",
	"ignores the revision":                              "Script/StaleRevision",
	"says missing for a revision that is gone":          "Script/UnknownRevision",
	"brings back the deleted":                           "Script/RevisionOfDeleted",
	"begins revisions anew":                             "Script/RevisionOfRecreated",
	"keeps the revision":                                "Script/Change",
	"returns what it was given":                         "Script/Create",
	"modifies what it is given":                         "Script/Create",
	"lists backwards":                                   "Script/Sorted",
	"lists without regard to case":                      "Script/Sorted",
	"trims names":                                       "Names",
	"lowers names":                                      "Names",
	"collapses slashes":                                 "Names",
	"ends names at NUL":                                 "Names",
	"composes names":                                    "Names",
	"cuts names":                                        "Names",
	"deletes what is beneath":                           "Names",
	"stores what it refuses":                            "Names",
	"takes any size":                                    "Size",
	"refuses with an error of its own":                  "Size",
	"drops unknown fields":                              "Fidelity/UnknownFields",
	"takes ints for floats":                             "Fidelity/ClientData/BigInt",
	"writes client data anew":                           "Fidelity/ClientData/Spacing",
	"drops conditions":                                  "Fidelity/Conditions",
	"drops reserved names":                              "Rules/Edited",
	"keeps the rules of before":                         "Rules/Edited",
	"takes ints for floats in rules":                    "Rules/Kept/Numbers",
	"writes rules anew":                                 "Rules/RewrittenByAnother",
	"takes a flag with unreadable rules for unreadable": "Rules/Unreadable/Version",
	"drops unreadable rules":                            "Rules/Unreadable/Operator",
	"refuses unreadable rules that it has":              "Rules/Unreadable/Duplicate",
	"takes rules of any size":                           "Rules/Size",
	"watch misses rules":                                "Rules/Watch",
	"keeps what it is given":                            "Independence",
	"modifies what it gave out":                         "Independence",
	"lists in no order":                                 "List/Many",
	"lists one page":                                    "List/Many",
	"lists the seam of pages twice":                     "List/Many",
	"lists all but the last":                            "List/Many",
	"lists on after break":                              "List/Break",
	"locks while it lists":                              "List/CallsInTheLoop",
	"loses updates":                                     "Concurrency/LostUpdates",
	"two creators win":                                  "Concurrency/CreateRace",
	"ignores an ended context":                          "Context/Ended",
	"takes the unreadable for missing":                  "Unreadable/Text",
	"forgets which is unreadable":                       "Unreadable/Text",
	"creates over the unreadable":                       "Unreadable/Text",
	"keeps the unreadable":                              "Unreadable/Text",
	"lists around the unreadable":                       "Unreadable/Text",
	"stops listing at the unreadable":                   "Unreadable/Text",
	"peek takes the unreadable for missing":             "Unreadable/Text",
	"hangs when broken":                                 "Broken",
	"lies when broken":                                  "Broken",
	"fails when broken with an error of its own":        "Broken",
	"stays broken":                                      "Broken",
	"peek is stale":                                     "Peek/AgreesWithGet",
	"peek allocates":                                    "Peek/Allocations",
	"watch begins without everything":                   "Watch/First",
	"watch misses new flags":                            "Watch/Changes",
	"watch misses deletes":                              "Watch/Changes",
	"watch misses now and then":                         "Watch/LastState",
	"watch is late by one":                              "Watch/LastState",
	"watch tells unsorted names twice":                  "Watch/Changes",
	"hears of its own changes only":                     "Watch/ChangesByAnother",
	"waits for slow readers":                            "Watch/SlowReader",
	"watch does not end":                                "Watch/End",
	"watch leaves goroutines behind":                    "Watch/End",
	"watch ends with an error":                          "Context/Ended",
	"watch ends silently at close":                      "Close/WatchUnderWay",
	"works after close":                                 "Close/Calls",
	"fails to close twice":                              "Close/Calls",
}

// TestFaultsAreFound runs the suite on wrong stores, each in a process of its
// own, and demands that it fails where it should.
func TestFaultsAreFound(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for f, subtest := range faults {
		t.Run(string(f), func(t *testing.T) {
			t.Parallel()
			pattern := "^TestFaulty$"
			for part := range strings.SplitSeq(subtest, "/") {
				pattern += "/^" + part + "$"
			}
			// -test.v, because a subtest's outcome is printed at once then, even if
			// the process crashes later: goroutines that the store keeps do that.
			cmd := exec.CommandContext(t.Context(), self, "-test.v", "-test.run", pattern, "-test.timeout", "60s")
			cmd.Env = append(os.Environ(), faultVariable+"="+string(f))
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), "--- FAIL: TestFaulty/"+subtest) {
				t.Errorf("%s does not find a store that %s (%v)\n%s", subtest, f, err, out)
			}
			if strings.Contains(string(out), "panic:") && !strings.Contains(string(out), "has completed") && !strings.Contains(string(out), "continued iteration") {
				t.Errorf("%s fails for another reason than that the store %s\n%s", subtest, f, out)
			}
		})
	}
}
