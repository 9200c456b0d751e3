// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flippertest_test

import (
	"testing"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/flippertest"
)

func TestStrict(t *testing.T) {
	runTest(func(t testing.TB) {
		features := flippertest.New(t, flippertest.WithStrict(), flippertest.On("NEW_UI"))
		ctx := t.Context()
		features.IsEnabled(ctx, "NEW_UI")
		features.IsEnabled(ctx, "NEW_IU")
		features.IsEnabled(ctx, "NEW_IU") // is told once
		features.IsEnabledOr(ctx, "PAYMENT", true)
		features.Unset("NEW_UI")
		features.IsEnabled(ctx, "NEW_UI") // the test says that it is missing
		_, err := features.Create(ctx, "SEARCH")
		if err != nil {
			t.Errorf("%v", err)
		}
		flipper.Choose(ctx, features.Flag("SAERCH"), 1, 2)
		features.IsEnabled(ctx, "SEARCH")
		if err := features.Destroy(ctx, "SEARCH"); err != nil {
			t.Errorf("%v", err)
		}
		features.IsEnabled(ctx, "SEARCH") // not the test's doing
		features.Store().Fail(nil)
		features.IsEnabled(ctx, "OTHER") // nobody knows whether it exists
	}).want(t,
		`flippertest: flag "NEW_IU" is asked by strict_test.go:18, and the test has not set it; did you mean NEW_UI?`,
		`flippertest: flag "PAYMENT" is asked by strict_test.go:20, and the test has not set it`,
		`flippertest: flag "SAERCH" is asked by strict_test.go:27, and the test has not set it; did you mean SEARCH?`,
		`flippertest: flag "SEARCH" is asked by strict_test.go:32, and the test has not set it`,
	)
}
