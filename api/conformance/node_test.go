// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package conformance_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/flipper-go/flipper/api/token"
)

// OpenFeature's server SDK, in Node.js.
func TestServerProvider(t *testing.T) {
	node := startNode(t, "node.mjs")
	s := serve(t, setup{})
	createFlags(t, s)
	node.call(nil, "start", s.url, "")
	for _, user := range []string{"u1", "u2", ""} {
		node.checkAll(user, contextOf(user))
	}
	// This provider puts the key into the path as it is.
	for _, key := range []string{"team/ON ü", "team%2FON%20%C3%BC"} {
		var d details
		node.call(&d, "details", "Boolean", key, false, contextOf("u1"))
		if d.Value != true {
			t.Errorf("%s: got %+v", key, d)
		}
	}
}

func TestServerProviderRefused(t *testing.T) {
	node := startNode(t, "node.mjs")
	secrets := newTokens(t)
	secret := secrets.create(t, "shop", token.Evaluate)
	s := serve(t, setup{tokens: secrets.file, rate: "0.01"})
	s.create(t, "ON", plain)
	for _, c := range []struct {
		secret    string
		status    int
		want      details
		wantRetry bool
	}{
		{"wrong", http.StatusUnauthorized, details{"ON", false, "ERROR", "", "GENERAL"}, false},
		{secret, http.StatusOK, details{"ON", true, "STATIC", "on", ""}, false},
		{secret, http.StatusTooManyRequests, details{"ON", false, "ERROR", "", "GENERAL"}, true},
	} {
		node.call(nil, "start", s.url, c.secret)
		var d details
		node.call(&d, "details", "Boolean", "ON", false, contextOf("u1"))
		var requests []request
		node.call(&requests, "requests")
		if d != c.want || len(requests) != 1 || requests[0].Status != c.status || (requests[0].RetryAfter != "") != c.wantRetry {
			t.Errorf("%s: got %+v, %+v", strings.ToLower(http.StatusText(c.status)), d, requests)
		}
	}
}
