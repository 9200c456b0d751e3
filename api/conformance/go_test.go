// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package conformance_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/open-feature/go-sdk-contrib/providers/ofrep"
	"github.com/open-feature/go-sdk/openfeature"

	"github.com/flipper-go/flipper/api/token"
)

// OpenFeature's SDK for Go, with its OFREP provider.
func TestGoProvider(t *testing.T) {
	s := serve(t, setup{})
	createFlags(t, s)
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	p := ofrep.NewProvider(s.url, ofrep.WithClient(&http.Client{Transport: transport}))

	type answer struct {
		Value           any
		Reason, Variant string
		Error           string
	}
	of := func(value any, d openfeature.ProviderResolutionDetail) answer {
		a := answer{Value: value, Reason: string(d.Reason), Variant: d.Variant}
		if err := d.Error(); err != nil {
			a.Error, _, _ = strings.Cut(err.Error(), ":")
		}
		return a
	}
	for _, user := range []string{"u1", "u2", ""} {
		context := openfeature.FlattenedContext(contextOf(user))
		check := func(key string, got answer, want details) {
			t.Helper()
			if diff := cmp.Diff(answer{want.Value, want.Reason, want.Variant, want.ErrorCode}, got); diff != "" {
				t.Errorf("user %q, %s (-want +got):\n%s", user, key, diff)
			}
		}
		for _, q := range questionsOf(user) {
			switch otherwise := q.otherwise.(type) {
			case bool:
				d := p.BooleanEvaluation(t.Context(), q.key, otherwise, context)
				check(q.key, of(d.Value, d.ProviderResolutionDetail), q.want)
			case string:
				d := p.StringEvaluation(t.Context(), q.key, otherwise, context)
				check(q.key, of(d.Value, d.ProviderResolutionDetail), q.want)
			case int:
				if q.key == "int" {
					d := p.IntEvaluation(t.Context(), q.key, int64(otherwise), context)
					check(q.key, of(float64(d.Value), d.ProviderResolutionDetail), q.want)
				}
				d := p.FloatEvaluation(t.Context(), q.key, float64(otherwise), context)
				check(q.key, of(d.Value, d.ProviderResolutionDetail), q.want)
			default:
				d := p.ObjectEvaluation(t.Context(), q.key, otherwise, context)
				check(q.key, of(d.Value, d.ProviderResolutionDetail), q.want)
			}
		}
		d := p.BooleanEvaluation(t.Context(), "team/ON ü", false, context)
		check("team/ON ü", of(d.Value, d.ProviderResolutionDetail), details{Value: true, Reason: "STATIC", Variant: "on"})
	}
}

func TestGoProviderRefused(t *testing.T) {
	secrets := newTokens(t)
	secret := secrets.create(t, "shop", token.Evaluate)
	s := serve(t, setup{tokens: secrets.file, rate: "0.01"})
	s.create(t, "ON", plain)
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	for _, c := range []struct{ secret, want string }{
		{"wrong", "GENERAL: authentication/authorization error"},
		{secret, ""},
		{secret, "GENERAL: rate limit exceeded, try again after"},
	} {
		p := ofrep.NewProvider(s.url, ofrep.WithBearerToken(c.secret), ofrep.WithClient(&http.Client{Transport: transport}))
		d := p.BooleanEvaluation(t.Context(), "ON", false, nil)
		if got := d.Error(); c.want == "" && !d.Value || c.want != "" && !strings.HasPrefix(got.Error(), c.want) {
			t.Errorf("want %q: got %+v", c.want, d)
		}
	}
}
