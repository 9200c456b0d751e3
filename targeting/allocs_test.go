// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package targeting_test

import (
	"fmt"
	"testing"

	"github.com/flipper-go/flipper/targeting"
)

// What a value costs to make: nothing, if it is a scalar.
func TestAllocsOfValues(t *testing.T) {
	text := fmt.Sprint("text of ", len(t.Name()))
	b := make([]byte, 0, 256)
	if n := testing.AllocsPerRun(100, func() {
		for _, v := range [...]targeting.Value{
			targeting.Null(), targeting.Bool(true), targeting.Int(1 << 62), targeting.Uint(7),
			targeting.Float(1.5e300), targeting.Text(text),
		} {
			b = v.AppendJSON(b[:0])
		}
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}
