// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
)

// What Encode accepts, Decode reads: also values that are nested as deep as
// allowed by themselves, but lie deeper within a flag.
func TestEncodeRefusesWhatDecodeWould(t *testing.T) {
	for depth := 480; depth <= 510; depth++ {
		list := strings.Repeat("[", depth) + strings.Repeat("]", depth)
		var value any = 1
		for range depth {
			value = map[string]any{"a": value}
		}
		for part, f := range map[string]*store.Flag{
			"client data": {Name: "flag", ClientData: targeting.JSON(`{"a": ` + list + `}`)},
			"condition":   {Name: "flag", Conditions: []carta.Condition{carta.NewCondition(carta.In("a", value))}},
		} {
			text, err := store.Encode(f)
			if err != nil {
				if depth == 480 || !errors.Is(err, store.ErrInvalid) {
					t.Errorf("%s, %d deep: %v", part, depth, err)
				}
				continue
			}
			if depth == 510 {
				t.Errorf("%s, %d deep: accepted", part, depth)
			}
			if _, err := store.Decode("flag", text); err != nil {
				t.Errorf("%s, %d deep: encoded, but not decoded: %v", part, depth, err)
			}
		}
	}
}
