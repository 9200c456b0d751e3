// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package composition_test

import (
	"testing"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/internal/faultproxy"
	"github.com/flipper-go/flipper/store"
)

// TestEvaluate has the client tell that its answers are old, and for how long.
func TestEvaluate(t *testing.T) {
	for name, newLayer := range layers {
		t.Run(name, func(t *testing.T) {
			below := serve(t)
			if _, err := below.flags.Put(t.Context(), &store.Flag{Name: "SWITCH", Enabled: true}); err != nil {
				t.Fatal(err)
			}
			proxy := faultproxy.New(t, below.address)
			s := newLayer(t, dial(t, proxy.Addr()))
			await(t, "the switch is held", func() bool {
				_, err := s.Get(t.Context(), "SWITCH")
				_, known := s.Peek("SWITCH")
				age, _ := s.Age("SWITCH")
				return err == nil && known && age == 0
			})
			features := flipper.New(s)
			want := func(reason flipper.Reason, old bool) {
				t.Helper()
				await(t, string(reason), func() bool {
					e := features.Evaluate(t.Context(), "SWITCH")
					if e.Err != nil || !e.Enabled {
						t.Fatalf("evaluation: %+v", e)
					}
					return e.Reason == reason && (e.Age > 0) == old
				})
			}
			want(flipper.ReasonStatic, false)
			gone(proxy, below)
			want(flipper.ReasonStale, true)
			proxy.Heal()
			want(flipper.ReasonStatic, false)
		})
	}
}
