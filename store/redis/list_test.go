// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package redis

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/flipper-go/flipper/internal/redistest"
	"github.com/flipper-go/flipper/store"
)

// TestListPages lists more flags than are read at once, some of them unreadable.
func TestListPages(t *testing.T) {
	t.Parallel()
	for what, newClient := range map[string]func(*testing.T) redis.UniversalClient{
		"Standalone": func(t *testing.T) redis.UniversalClient { return redistest.Start(t).Client(t) },
		"Cluster":    func(t *testing.T) redis.UniversalClient { return redistest.StartCluster(t).Client(t) },
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			const flags = (pagesAtOnce+1)*pageSize + 1
			client := newClient(t)
			s := newStore(t, client)
			var want []string
			_, err := client.Pipelined(t.Context(), func(p redis.Pipeliner) error {
				for i := range flags {
					name := fmt.Sprint("FLAG", i)
					switch i % 100 {
					case 1:
						p.LPush(t.Context(), s.key(name), "no flag")
						want = append(want, name+" unreadable")
					case 2:
						p.Set(t.Context(), s.key(name), "", 0)
					default:
						p.Set(t.Context(), s.key(name), item(name, true, i), 0)
						want = append(want, fmt.Sprintf(`%s {"n": %d}`, name, i))
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			slices.Sort(want) // a space comes before what names are made of
			var got []string
			for f, err := range s.List(t.Context()) {
				unreadable, ok := errors.AsType[*store.UnreadableError](err)
				switch {
				case ok:
					got = append(got, unreadable.Name+" unreadable")
				case err != nil:
					t.Fatal(err)
				default:
					got = append(got, f.Name+" "+string(f.ClientData))
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("got %d entries, want %d", len(got), len(want))
				for i := range min(len(got), len(want)) {
					if got[i] != want[i] {
						t.Fatalf("at %d: %s, want %s", i, got[i], want[i])
					}
				}
			}
			for range s.List(t.Context()) { // goleak looks at what is left
				break
			}
		})
	}
}
