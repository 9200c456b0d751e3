// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package conformance_test

import (
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flipper-go/flipper/api/token"
	"github.com/flipper-go/flipper/internal/redistest"
)

// The integration guide's client, with and without the Redis that it keeps answers in.
func TestGuide(t *testing.T) {
	redis := redistest.StartTCP(t)
	for name, redisURL := range map[string]string{"without Redis": "", "with Redis": "redis://" + redis.Addr()} {
		t.Run(name, func(t *testing.T) {
			node := startNode(t, "guide.mjs")
			s := serve(t, setup{environment: "production"})
			s.create(t, "ON", plain)
			s.create(t, "SPLIT", everybodyByUser)
			s.create(t, "KILLED", plain)
			must(t, s.client.Disable(t.Context(), "KILLED"))

			node.call(nil, "start", s.url, "production", "", redisURL)
			defer node.call(nil, "close")
			cached := map[string]string{}
			check := func(flag, user string, otherwise, want bool) {
				t.Helper()
				var got bool
				node.call(&got, "isEnabled", flag, user, otherwise)
				if got != want {
					t.Errorf("%s for %s or %t: got %t", flag, user, otherwise, got)
				}
			}
			for _, c := range []struct {
				flag, user      string
				otherwise, want bool
				cached          string
			}{
				{"ON", "u1", false, true, "true"},
				{"SPLIT", "u1", false, true, "true"},
				{"KILLED", "u1", false, false, "false"},
				{"NONE", "u1", false, false, "false"},
				// The client says enabled || default: with a default of true, what is off is on.
				{"KILLED", "u2", true, true, "true"},
				{"NONE", "u2", true, true, "true"},
			} {
				check(c.flag, c.user, c.otherwise, c.want)
				cached["ff_eval:production:"+c.flag+":"+c.user] = c.cached
			}
			var many map[string]bool
			node.call(&many, "areEnabled", []string{"ON", "KILLED", "NONE", "SPLIT"}, "u1")
			if want := map[string]bool{"ON": true, "KILLED": false, "NONE": false, "SPLIT": true}; !maps.Equal(many, want) {
				t.Errorf("got %v, want %v", many, want)
			}

			must(t, s.client.Disable(t.Context(), "ON"))
			if redisURL == "" {
				check("ON", "u1", false, false)
				return
			}
			check("ON", "u1", false, true) // what is kept counts, until somebody says that it changed
			var kept map[string]string
			node.call(&kept, "cached")
			if diff := cmp.Diff(cached, kept); diff != "" {
				t.Errorf("in Redis (-want +got):\n%s", diff)
			}
			node.call(nil, "updated", map[string]string{"flag_name": "ON", "environment": "production"})
			check("ON", "u1", false, false)
		})
	}
}

// What the guide's client gets where it is refused is its default.
func TestGuideRefused(t *testing.T) {
	node := startNode(t, "guide.mjs")
	secrets := newTokens(t)
	secret := secrets.create(t, "shop", token.Evaluate)
	s := serve(t, setup{environment: "production", tokens: secrets.file})
	s.create(t, "ON", plain)
	for _, c := range []struct {
		environment, secret string
		want                bool
	}{
		{"production", secret, true},
		{"production", "wrong", false},
		{"staging", secret, false},
	} {
		node.call(nil, "start", s.url, c.environment, c.secret, "")
		var got bool
		node.call(&got, "isEnabled", "ON", "u1", false)
		if got != c.want {
			t.Errorf("%+v: got %t", c, got)
		}
	}
}
