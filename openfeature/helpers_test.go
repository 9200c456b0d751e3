// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipperopenfeature_test

import (
	"testing"
	"time"

	"github.com/open-feature/go-sdk/openfeature"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/openfeature/internal/providertest"
	"github.com/flipper-go/flipper/store/memory"
)

func TestMain(m *testing.M) { providertest.Main(m) }

var on = flipper.WithEnabled(true)

// newClient makes a client of a store in memory.
func newClient(tb testing.TB, opts ...flipper.Option) *flipper.FeatureFlagClient {
	tb.Helper()
	flags := memory.New()
	tb.Cleanup(func() { _ = flags.Close() })
	return flipper.New(flags, append([]flipper.Option{providertest.Quiet}, opts...)...)
}

func create(tb testing.TB, c *flipper.FeatureFlagClient, name string, opts ...flipper.CreateOption) {
	tb.Helper()
	if _, err := c.Create(tb.Context(), name, opts...); err != nil {
		tb.Fatal(err)
	}
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// awaitState waits until the SDK takes the provider for being in a state.
func awaitState(tb testing.TB, client *openfeature.Client, want openfeature.State) {
	tb.Helper()
	await(tb, string(want), func() bool { return client.State() == want })
}

func await(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(providertest.Patience); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			tb.Fatalf("waited in vain: %s", what)
		}
	}
}
