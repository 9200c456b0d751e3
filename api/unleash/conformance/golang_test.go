// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package conformance_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	sdk "github.com/Unleash/unleash-go-sdk/v5"
	"github.com/Unleash/unleash-go-sdk/v5/context"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/api/environment"
	"github.com/flipper-go/flipper/targeting"
)

const contexts = 10_000

// randomContext returns a context in the form of Unleash's clients. Empty fields are
// missing.
func randomContext(random *rand.Rand) map[string]string {
	c := make(map[string]string)
	for _, name := range []string{"userId", "sessionId", "country", "plan", "app", "age"} {
		if random.IntN(3) > 0 {
			c[name] = pick(random, words)
		}
	}
	return c
}

// question returns the question of such a context.
func question(c map[string]string) environment.Question {
	q := environment.Question{Subject: "userId"}
	for name, text := range c {
		if name == "userId" {
			q.ID = targeting.Text(text)
		} else {
			q.Context = append(q.Context, flipper.String(name, text))
		}
	}
	return q
}

// TestGo asks Unleash's client for Go, which evaluates itself.
func TestGo(t *testing.T) {
	f := newFixture(t)
	client, err := sdk.NewClient(
		sdk.WithUrl(f.url+"/api/"),
		sdk.WithAppName("conformance"),
		sdk.WithCustomHeaders(f.header()),
		sdk.WithBackupPath(t.TempDir()),
		sdk.WithRefreshInterval(time.Hour),
		sdk.WithListener(listener{t}),
	)
	check(t, err)
	t.Cleanup(func() { check(t, client.Close()) })
	client.WaitForReady()

	var served []string
	for _, feature := range client.ListFeatures() {
		served = append(served, feature.Name)
	}
	if len(served) != len(f.served) {
		t.Errorf("the client has %d flags, want %d", len(served), len(f.served))
	}

	random := rand.New(rand.NewPCG(3, 4)) //nolint:gosec // the same contexts each time
	on := 0
	for range contexts {
		values := randomContext(random)
		unleashContext := context.Context{UserId: values["userId"], SessionId: values["sessionId"], Properties: map[string]string{}}
		for name, text := range values {
			if name != "userId" && name != "sessionId" {
				unleashContext.Properties[name] = text
			}
		}
		name := pick(random, f.served)
		want := f.environment.Evaluate(t.Context(), name, question(values))
		if want.Enabled {
			on++
		}
		if got := client.IsEnabled(name, sdk.WithContext(unleashContext)); got != want.Enabled {
			t.Fatalf("%s for %v: %t, want %v\n%s", name, values, got, want, definition(t, f, name))
		}
		if variant, text := wantVariant(want); variant != "" {
			got := client.GetVariant(name, sdk.WithVariantContext(unleashContext))
			if got.Name != variant || !got.Enabled || got.Payload.Value != text {
				t.Fatalf("%s for %v: the variant %+v, want %v\n%s", name, values, got, want, definition(t, f, name))
			}
		}
	}
	if on < contexts/20 || on > contexts*19/20 {
		t.Errorf("%d of %d answers are on: too few of one kind to tell", on, contexts)
	}
}

// wantVariant returns the variant that Unleash's clients should see, and its payload. It
// is empty for a boolean flag, and for one that is off.
func wantVariant(e flipper.Evaluation) (name, text string) {
	text, isText := e.Value.AsText()
	if !e.Enabled || !isText {
		return "", ""
	}
	return e.Variant, text
}

func definition(t *testing.T, f *fixture, name string) string {
	t.Helper()
	d, err := f.client.Rules(t.Context(), name)
	check(t, err)
	text, err := json.MarshalIndent(fmt.Sprint(d), "", " ")
	check(t, err)
	return string(text)
}

// A listener fails the test when the client has anything to complain of.
type listener struct{ t *testing.T }

func (l listener) OnError(err error)           { l.t.Error(err) }
func (l listener) OnWarning(err error)         { l.t.Error(err) }
func (l listener) OnReady()                    {}
func (l listener) OnCount(string, bool)        {}
func (l listener) OnSent(sdk.MetricsData)      {}
func (l listener) OnRegistered(sdk.ClientData) {}
