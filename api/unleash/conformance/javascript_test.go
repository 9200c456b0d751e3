// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package conformance_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"

	"github.com/flipper-go/flipper"
)

// A query is a line for answers.cjs, and what should come back.
type query struct {
	Context map[string]any `json:"context"`
	Names   []string       `json:"names"`

	want []flipper.Evaluation
}

// newQuery returns a query about some flags for a random context.
func (f *fixture) newQuery(t *testing.T, random *rand.Rand, names ...string) query {
	t.Helper()
	values := randomContext(random)
	properties := make(map[string]string)
	q := query{Context: map[string]any{"properties": properties}, Names: names}
	for name, text := range values {
		if name == "userId" || name == "sessionId" {
			q.Context[name] = text
		} else {
			properties[name] = text
		}
	}
	q.want = f.environment.EvaluateNames(t.Context(), names, question(values))
	return q
}

// askNode asks a client for JavaScript, and compares its answers.
func (f *fixture) askNode(t *testing.T, kind string, queries []query) {
	t.Helper()
	if _, err := os.Stat("node_modules"); err != nil {
		t.Fatal("Unleash's clients for JavaScript are not installed: run make test-deps")
	}
	var input bytes.Buffer
	encoder := json.NewEncoder(&input)
	for _, q := range queries {
		check(t, encoder.Encode(q))
	}
	command := exec.CommandContext(t.Context(), "node", "answers.cjs", kind, f.url, f.secret)
	command.Stdin = &input
	var stderr bytes.Buffer
	command.Stderr = &stderr
	output, err := command.Output()
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("node: %v\n%s", err, stderr.String())
	}
	answers := json.NewDecoder(bytes.NewReader(output))
	on, all := 0, 0
	for _, q := range queries {
		var got map[string]struct {
			Enabled bool
			Variant struct {
				Name    string
				Enabled bool
				Payload struct{ Value string }
			}
		}
		check(t, answers.Decode(&got))
		for i, name := range q.Names {
			answer, want := got[name], q.want[i]
			if all++; want.Enabled {
				on++
			}
			if answer.Enabled != want.Enabled {
				t.Fatalf("%s for %v: %t, want %v\n%s", name, q.Context, answer.Enabled, want, definition(t, f, name))
			}
			variant, text := wantVariant(want)
			if variant == "" {
				variant = "disabled"
			}
			if answer.Variant.Name != variant || answer.Variant.Enabled != (variant != "disabled") || answer.Variant.Payload.Value != text {
				t.Fatalf("%s for %v: the variant %+v, want %v\n%s", name, q.Context, answer.Variant, want, definition(t, f, name))
			}
		}
	}
	if on < all/20 || on > all*19/20 {
		t.Errorf("%d of %d answers are on: too few of one kind to tell", on, all)
	}
}

// TestServerSide asks Unleash's client for Node.js, which evaluates itself.
func TestServerSide(t *testing.T) {
	f := newFixture(t)
	random := rand.New(rand.NewPCG(5, 6)) //nolint:gosec // the same contexts each time
	queries := make([]query, contexts)
	for i := range queries {
		queries[i] = f.newQuery(t, random, pick(random, f.served))
	}
	f.askNode(t, "server", queries)
}

// TestFrontend asks Unleash's client for browsers, which gets answers for all flags.
func TestFrontend(t *testing.T) {
	f := newFixture(t)
	random := rand.New(rand.NewPCG(7, 8)) //nolint:gosec // the same contexts each time
	queries := make([]query, 300)
	for i := range queries {
		// The client keeps the session of the context before if there is none.
		for queries[i] = f.newQuery(t, random, f.names...); queries[i].Context["sessionId"] == nil; {
			queries[i] = f.newQuery(t, random, f.names...)
		}
	}
	f.askNode(t, "frontend", queries)
}
