// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flippertest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/memory"
)

// Set makes a flag on, or off, for everyone until the client's test ends, whatever
// conditions or bucketer it has. It works while the store fails.
func (c *Client) Set(name string, on bool) {
	c.t.Helper()
	c.SetFor(c.t, name, on)
}

// SetFor is [Client.Set] until t ends, which is a subtest as a rule: then the flag
// is again what it was. If subtests that run in parallel set one flag, the one that
// did so last counts for all; give such subtests clients of their own.
func (c *Client) SetFor(t testing.TB, name string, on bool) {
	t.Helper()
	c.layer(t, name, &store.Flag{Name: name, Enabled: on, Created: time.Now().Truncate(time.Second)})
}

// SetValue makes a flag serve a value to everyone until the client's test ends, as
// [Value] does. It works while the store fails.
func (c *Client) SetValue(name string, value any) {
	c.t.Helper()
	c.SetValueFor(c.t, name, value)
}

// SetValueFor is [Client.SetValue] until t ends, as [Client.SetFor] is [Client.Set].
func (c *Client) SetValueFor(t testing.TB, name string, value any) {
	t.Helper()
	f, err := flagServing(name, value)
	if err != nil {
		t.Fatalf("flippertest: set %q: %v", name, err)
	}
	c.layer(t, name, f)
}

// flagServing returns a flag as it is stored if it is created with a value.
func flagServing(name string, value any) (*store.Flag, error) {
	opts, err := serving(value)
	if err != nil {
		return nil, err
	}
	flag, err := flipper.New(memory.New()).Create(context.Background(), name, opts...)
	if err != nil {
		return nil, err
	}
	return flag.Get(context.Background())
}

// Unset removes a flag until the client's test ends. It works while the store fails.
func (c *Client) Unset(name string) {
	c.t.Helper()
	c.UnsetFor(c.t, name)
}

// UnsetFor is [Client.Unset] until t ends.
func (c *Client) UnsetFor(t testing.TB, name string) {
	t.Helper()
	c.layer(t, name, nil)
}

// A layering is what became of a flag that was set for some time, once or more
// often.
type layering struct {
	beneath *store.Flag // nil: none
	layers  []*layer    // the last one counts
}

// A layer is a state of a flag that lasts until a test ends.
type layer struct {
	flag *store.Flag // nil: none
}

func (c *Client) layer(t testing.TB, name string, f *store.Flag) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	before, err := c.store.flags.Get(context.Background(), name)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("flippertest: set %q: %v", name, err)
	}
	if err := c.store.set(name, f); err != nil {
		t.Fatalf("flippertest: set %q: %v", name, err)
	}
	c.given[name] = true
	l := c.layers[name]
	if l == nil {
		l = new(layering)
		c.layers[name] = l
	}
	// The code under test may have changed the flag since it was set.
	if n := len(l.layers); n > 0 {
		l.layers[n-1].flag = before
	} else {
		l.beneath = before
	}
	added := &layer{f}
	l.layers = append(l.layers, added)
	t.Cleanup(func() { c.remove(name, added) })
}

// remove removes a layer. What comes to light counts if it was the last.
func (c *Client) remove(name string, removed *layer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.layers[name]
	i := slices.Index(l.layers, removed)
	l.layers = slices.Delete(l.layers, i, i+1)
	if i < len(l.layers) {
		return
	}
	f := l.beneath
	if i > 0 {
		f = l.layers[i-1].flag
	}
	// It fails if the client's test, and with it the store, has ended before t.
	_ = c.store.set(name, f)
}
