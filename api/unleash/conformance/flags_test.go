// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package conformance_test

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/api"
	"github.com/flipper-go/flipper/api/access"
	"github.com/flipper-go/flipper/api/environment"
	"github.com/flipper-go/flipper/api/token"
	"github.com/flipper-go/flipper/api/unleash"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/rules"
)

// A fixture is a server with flags, and what its callers need.
type fixture struct {
	url         string
	secret      string
	client      *flipper.FeatureFlagClient
	environment *environment.Environment
	names       []string // of all flags
	served      []string // of those that Unleash's model expresses
}

// newFixture starts the API over some flags whose rules are drawn at random, from what
// Unleash's model expresses and from what it does not.
func newFixture(t *testing.T) *fixture {
	t.Helper()
	flags := memory.New()
	t.Cleanup(func() { flags.Close() })
	f := &fixture{client: flipper.New(flags)}
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same flags each time
	for _, name := range []string{"beta", "staff"} {
		_, err := f.client.CreateSegment(t.Context(), name, randomTest(random))
		check(t, err)
	}
	for i := range 150 {
		name := fmt.Sprintf("FLAG_%d", i)
		opts := []flipper.CreateOption{flipper.WithEnabled(random.IntN(10) > 0)}
		if i > 2 { // the first ones are plain
			opts = append(opts, flipper.WithRules(randomDefinition(random, i)))
		}
		_, err := f.client.Create(t.Context(), name, opts...)
		check(t, err)
	}

	var err error
	f.environment, err = environment.New("production", f.client)
	check(t, err)
	environments, err := environment.NewEnvironments(f.environment)
	check(t, err)
	reader, secret, err := token.New("reader", token.Read)
	check(t, err)
	f.secret = secret
	a, err := access.New(environments, access.WithTokens(token.NewSet(reader)), access.WithLogger(slog.New(slog.DiscardHandler)))
	check(t, err)
	server := httptest.NewServer(api.New(a, unleash.Register))
	t.Cleanup(server.Close)
	f.url = server.URL

	for flag, err := range f.client.List(t.Context()) {
		check(t, err)
		f.names = append(f.names, flag.Name)
		if unleash.Supported(t.Context(), f.environment, flag) == nil {
			f.served = append(f.served, flag.Name)
		}
	}
	if n := len(f.served); n < 50 || n > len(f.names)-20 {
		t.Fatalf("%d of %d flags are served: too few of one kind to tell", n, len(f.names))
	}
	return f
}

// header is what Unleash's clients send to say who they are: the token, without Bearer.
func (f *fixture) header() http.Header { return http.Header{"Authorization": {f.secret}} }

var (
	attributes = []string{"user_id", "sessionId", "country", "plan", "app"}
	words      = []string{"DE", "AT", "pro", "pro plan", "42", "7", "x@example.com", "Zürich", "日本", "P"}
)

func pick[T any](random *rand.Rand, all []T) T { return all[random.IntN(len(all))] }

// randomTest returns a test that Unleash's clients understand.
func randomTest(random *rand.Rand) rules.Condition {
	attribute := pick(random, attributes)
	switch random.IntN(6) {
	case 0:
		return rules.StartsWith(attribute, "P", pick(random, words))
	case 1:
		return rules.EndsWith(attribute, pick(random, words))
	case 2:
		return rules.Contains(attribute, pick(random, words))
	case 3:
		return rules.Is(attribute, 42, pick(random, words))
	}
	return rules.Is(attribute, pick(random, words), pick(random, words), 7.0)
}

func randomCondition(random *rand.Rand, flags, depth int) rules.Condition {
	switch n := random.IntN(24); {
	case n == 0: // what follows is not expressible
		return rules.Not(randomTest(random))
	case n == 1:
		return rules.Greater("age", 18)
	case n == 2:
		return rules.InRange("user_id", "layer", 0, 50_000)
	case n < 5:
		return rules.InSegment(pick(random, []string{"beta", "staff"}))
	case n < 7 && flags > 0:
		c := rules.Flag(fmt.Sprintf("FLAG_%d", random.IntN(flags)), "on")
		c.Not = random.IntN(3) == 0
		return c
	case n < 11 && depth < 2:
		return rules.Any(randomCondition(random, flags, depth+1), randomCondition(random, flags, depth+1))
	case n < 13 && depth < 2:
		return rules.AllOf(randomCondition(random, flags, depth+1), randomCondition(random, flags, depth+1))
	}
	return randomTest(random)
}

// randomDefinition returns rules of a flag that may ask the first so many flags.
func randomDefinition(random *rand.Rand, flags int) rules.Definition {
	d := rules.Definition{Off: "off", Default: "off"}
	variants := []string{"on"}
	if random.IntN(3) == 0 {
		d.Variants = []targeting.Variant{
			{Name: "off", Value: targeting.Text("#000")},
			{Name: "on", Value: targeting.Text("#00f <b>")},
			{Name: "other", Value: targeting.Text("")},
		}
		variants = append(variants, "other")
	}
	if random.IntN(5) == 0 {
		d.Default = "on"
	}
	for range 1 + random.IntN(3) {
		rule := rules.Rule{Serve: pick(random, variants)}
		if random.IntN(8) == 0 {
			rule.Serve = "off"
		}
		for range 1 + random.IntN(2) {
			rule.If = append(rule.If, randomCondition(random, flags, 0))
		}
		if random.IntN(20) == 0 {
			rule.Serve, rule.Split = "", rules.Percent("user_id", 50, "on")
		}
		d.Rules = append(d.Rules, rule)
	}
	return d
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
