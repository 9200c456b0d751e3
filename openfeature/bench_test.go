// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipperopenfeature_test

import (
	"testing"

	"github.com/open-feature/go-sdk/openfeature"
	"github.com/open-feature/go-sdk/openfeature/isolated"
	"github.com/open-feature/go-sdk/openfeature/memprovider"

	"github.com/flipper-go/flipper"
	flipperopenfeature "github.com/flipper-go/flipper/openfeature"
	"github.com/flipper-go/flipper/targeting/carta"
)

// person is an evaluation context of usual size.
var person = openfeature.NewEvaluationContext("user-42", map[string]any{
	"plan": "pro", "age": 30, "country": "FR", "beta": true, "user_id": 42,
})

var hotFlags = map[string][]flipper.CreateOption{
	"off":    nil,
	"plain":  {on},
	"rule":   {on, flipper.WithConditions(carta.NewCondition(carta.Equal("plan", "pro"), carta.GreaterOrEqual("age", 18)))},
	"sticky": {on, flipper.WithBucketer(carta.NewConsistentHashBucketer(carta.FixedPercentage(0.5), "user_id"))},
	"data":   {on, flipper.WithClientData(map[string]any{"owner": "team-web", "ticket": 7})},
}

func newHotProvider(tb testing.TB) *flipperopenfeature.Provider {
	tb.Helper()
	features := newClient(tb)
	for name, opts := range hotFlags {
		create(tb, features, name, opts...)
	}
	return flipperopenfeature.NewProvider(features)
}

// What the provider adds to what the SDK does does not allocate, but for a copy of
// flag metadata, if there is any.
func TestAllocs(t *testing.T) {
	provider := newHotProvider(t)
	flat := openfeature.FlattenedContext(person.Attributes())
	flat[openfeature.TargetingKey] = person.TargetingKey()
	ctx := t.Context()
	for name := range hotFlags {
		most := 0.0
		if name == "data" {
			most = 3
		}
		allocs := testing.AllocsPerRun(100, func() { provider.BooleanEvaluation(ctx, name, false, flat) })
		if allocs > most {
			t.Errorf("an evaluation of %q allocates %v times, want %v at most", name, allocs, most)
		}
	}
	_, typed := newValues(t, on)
	for as, evaluate := range map[string]func(){
		"string": func() { typed.StringEvaluation(ctx, "string", "default", flat) },
		"int":    func() { typed.IntEvaluation(ctx, "int", 7, flat) },
		"float":  func() { typed.FloatEvaluation(ctx, "float", 0.5, flat) },
	} {
		if allocs := testing.AllocsPerRun(100, evaluate); allocs > 0 {
			t.Errorf("an evaluation as %s allocates %v times", as, allocs)
		}
	}
}

// BenchmarkProvider is the provider alone, without the SDK.
func BenchmarkProvider(b *testing.B) {
	provider := newHotProvider(b)
	flat := openfeature.FlattenedContext(person.Attributes())
	flat[openfeature.TargetingKey] = person.TargetingKey()
	for _, name := range []string{"off", "plain", "rule", "sticky", "data"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				provider.BooleanEvaluation(b.Context(), name, false, flat)
			}
		})
	}
}

// BenchmarkSDK compares evaluations through the SDK: with its own providers, and
// with ours.
func BenchmarkSDK(b *testing.B) {
	inMemory := memprovider.NewInMemoryProvider(map[string]memprovider.InMemoryFlag{
		"plain": {Key: "plain", State: memprovider.Enabled, DefaultVariant: "on", Variants: map[string]any{"on": true, "off": false}},
	})
	for _, bench := range []struct {
		name     string
		provider openfeature.FeatureProvider
		flag     string
	}{
		{"noop", openfeature.NoopProvider{}, "plain"},
		{"in-memory/plain", inMemory, "plain"},
		{"flipper/plain", newHotProvider(b), "plain"},
		{"flipper/rule", newHotProvider(b), "rule"},
		{"flipper/sticky", newHotProvider(b), "sticky"},
		{"flipper/data", newHotProvider(b), "data"},
	} {
		b.Run(bench.name, func(b *testing.B) {
			api := isolated.NewAPI()
			defer api.Shutdown(b.Context())
			if err := api.SetProviderAndWait(b.Context(), bench.provider); err != nil {
				b.Fatal(err)
			}
			client := api.NewClient()
			b.ReportAllocs()
			for b.Loop() {
				client.Boolean(b.Context(), bench.flag, false, person)
			}
		})
	}
}
