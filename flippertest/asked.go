// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flippertest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/store"
)

// maxEvaluations is how many evaluations are remembered with all that is known of
// them.
const maxEvaluations = 10_000

// asked remembers evaluations.
type asked struct {
	mu          sync.Mutex
	names       []string // in the order of their first evaluations
	counts      map[string]int
	evaluations []flipper.Impression // maxEvaluations or more, of which the last ones count
}

// A recorder is told of all evaluations of a client.
type recorder struct {
	client    *Client
	onUnknown func(name string)
}

// Record implements [flipper.Recorder].
func (r recorder) Record(_ context.Context, i flipper.Impression) {
	r.client.asked.add(i)
	if r.onUnknown != nil && errors.Is(i.Err, store.ErrNotFound) {
		r.onUnknown(i.Name)
	}
}

func (a *asked) add(i flipper.Impression) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.counts == nil {
		a.counts = make(map[string]int)
	}
	if a.counts[i.Name] == 0 {
		a.names = append(a.names, i.Name)
	}
	a.counts[i.Name]++
	if len(a.evaluations) == 2*maxEvaluations {
		n := copy(a.evaluations, a.evaluations[maxEvaluations:])
		clear(a.evaluations[n:])
		a.evaluations = a.evaluations[:n]
	}
	a.evaluations = append(a.evaluations, i)
}

// Asked returns the names of the flags that were asked, through this client, in the
// order in which they were asked first.
func (c *Client) Asked() []string {
	c.asked.mu.Lock()
	defer c.asked.mu.Unlock()
	return slices.Clone(c.asked.names)
}

// AskedCounts tells how often each flag was asked.
func (c *Client) AskedCounts() map[string]int {
	c.asked.mu.Lock()
	defer c.asked.mu.Unlock()
	return maps.Clone(c.asked.counts)
}

// Evaluations returns the evaluations of the client, in their order, each with the
// attributes that it was asked with and the answer; of more than 10,000, the last
// 10,000.
func (c *Client) Evaluations() []flipper.Impression {
	c.asked.mu.Lock()
	defer c.asked.mu.Unlock()
	all := c.asked.evaluations
	return slices.Clone(all[max(0, len(all)-maxEvaluations):])
}

// ForgetAsked makes the client forget all evaluations so far.
func (c *Client) ForgetAsked() {
	c.asked.mu.Lock()
	defer c.asked.mu.Unlock()
	c.asked.names, c.asked.counts, c.asked.evaluations = nil, nil, nil
}

// WantAsked fails the test, and lets it go on, unless exactly these flags were
// asked, in any order and any number of times.
func (c *Client) WantAsked(t testing.TB, names ...string) {
	t.Helper()
	asked := c.Asked()
	for _, name := range names {
		if !slices.Contains(asked, name) {
			t.Errorf("flag %q was not asked, only %q", name, asked)
		}
	}
	for _, name := range asked {
		if !slices.Contains(names, name) {
			t.Errorf("flag %q was asked, and should not have been", name)
		}
	}
}

// WantAskedWith fails the test, and lets it go on, unless a flag was asked, at
// least once, with these attributes, and maybe others, given with the call or
// carried by its context.
func (c *Client) WantAskedWith(t testing.TB, name string, attrs ...flipper.Attr) {
	t.Helper()
	var with []string
	for _, e := range c.Evaluations() {
		if e.Name != name {
			continue
		}
		if containsAll(e.Attrs, attrs) {
			return
		}
		if text := describe(e.Attrs); !slices.Contains(with, text) {
			with = append(with, text)
		}
	}
	if len(with) == 0 {
		t.Errorf("flag %q was not asked, only %q", name, c.Asked())
		return
	}
	t.Errorf("flag %q was not asked with %s, only with %s", name, describe(attrs), strings.Join(with, ", with "))
}

func containsAll(attrs, wanted []flipper.Attr) bool {
	for _, want := range wanted {
		if !slices.ContainsFunc(attrs, func(a flipper.Attr) bool { return same(a, want) }) {
			return false
		}
	}
	return true
}

// same compares attributes as bucketers do, for which 1 and 1.0 are different.
func same(a, b flipper.Attr) bool {
	return a.Name == b.Name && a.Value.String() == b.Value.String()
}

func describe(attrs []flipper.Attr) string {
	if len(attrs) == 0 {
		return "no attributes"
	}
	texts := make([]string, len(attrs))
	for i, a := range attrs {
		texts[i] = fmt.Sprintf("%s=%s", a.Name, a.Value)
	}
	return strings.Join(texts, " ")
}
