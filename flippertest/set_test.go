// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flippertest_test

import (
	"testing"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/flippertest"
)

func TestSet(t *testing.T) {
	features := flippertest.New(t, flippertest.Flag("PRO", flipper.WithConditions(pro())))
	free := flipper.String("plan", "free")
	t.Run("on", func(t *testing.T) {
		features.SetFor(t, "PRO", true)
		wantOn(t, features, "PRO", true, free)
	})
	wantOn(t, features, "PRO", false, free)
	wantOn(t, features, "PRO", true, flipper.String("plan", "pro"))
	t.Run("off and on", func(t *testing.T) {
		features.SetFor(t, "PRO", false)
		wantOn(t, features, "PRO", false)
		features.SetFor(t, "PRO", true)
		wantOn(t, features, "PRO", true, free)
		t.Run("deeper", func(t *testing.T) {
			features.UnsetFor(t, "PRO")
			if exists, err := features.Exists(t.Context(), "PRO"); exists || err != nil {
				t.Errorf("an unset flag exists: %t, %v", exists, err)
			}
		})
		wantOn(t, features, "PRO", true, free)
	})
	wantOn(t, features, "PRO", false, free)
	t.Run("new", func(t *testing.T) {
		features.SetFor(t, "NEW", true)
		wantOn(t, features, "NEW", true)
	})
	if exists, err := features.Exists(t.Context(), "NEW"); exists || err != nil {
		t.Errorf("what did not exist before exists after: %t, %v", exists, err)
	}
	features.Set("NEW", true)
	wantOn(t, features, "NEW", true)
	features.Unset("NEW")
	wantOn(t, features, "NEW", false)
}

// What the code under test changes is not lost when a subtest ends, if it was before
// the subtest, and is lost if it was within.
func TestSetAroundChanges(t *testing.T) {
	features := flippertest.New(t)
	features.Set("FLAG", true)
	must(t, features.Disable(t.Context(), "FLAG"))
	t.Run("subtest", func(t *testing.T) {
		features.SetFor(t, "FLAG", true)
		must(t, features.SetConditions(t.Context(), "FLAG", pro()))
	})
	wantOn(t, features, "FLAG", false)
	must(t, features.Enable(t.Context(), "FLAG"))
	wantOn(t, features, "FLAG", true, flipper.String("plan", "free"))
}

// Subtests that overlap may end in any order: the last that set the flag and has not
// ended counts.
func TestSetOverlapping(t *testing.T) {
	features := flippertest.New(t, flippertest.Off("FLAG"))
	var first, second testRun
	features.SetFor(&first, "FLAG", true)
	features.SetFor(&second, "FLAG", false)
	first.end()
	wantOn(t, features, "FLAG", false)
	features.SetFor(&first, "FLAG", true)
	second.end()
	wantOn(t, features, "FLAG", true)
	first.end()
	wantOn(t, features, "FLAG", false)
}

func TestSetWhileFailing(t *testing.T) {
	features := flippertest.New(t, flippertest.Off("FLAG"))
	features.Store().Fail(nil)
	features.Set("FLAG", true)
	wantOn(t, features, "FLAG", false)
	features.Store().Recover()
	wantOn(t, features, "FLAG", true)
}

func TestSetRefuses(t *testing.T) {
	runTest(func(t testing.TB) {
		flippertest.New(t).Set("\xff", true)
		t.Errorf("went on")
	}).want(t, `flippertest: set "\xff": name: invalid: "\xff" is not valid UTF-8`)
}
