// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flippertest

import (
	"testing"

	"github.com/flipper-go/flipper"
)

// What is remembered does not grow for ever.
func TestMemoryIsBounded(t *testing.T) {
	var a asked
	for range 10 * maxEvaluations {
		a.add(flipper.Impression{Name: "A"})
	}
	if got := len(a.evaluations); got > 2*maxEvaluations {
		t.Errorf("%d evaluations are remembered", got)
	}
}
