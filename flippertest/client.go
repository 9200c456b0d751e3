// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flippertest

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"

	"github.com/flipper-go/flipper"
)

// A Client is a flag client for one test. Code under test takes the
// [flipper.FeatureFlagClient] in it. It is safe for concurrent use; the methods
// that can fail the test at once (Set, Unset and the like) are for the goroutine of
// the test, as testing.T.FailNow is.
type Client struct {
	*flipper.FeatureFlagClient
	t      testing.TB
	output *output
	store  *Store
	asked  asked

	mu     sync.Mutex
	given  map[string]bool      // names that the test has set or unset
	failed map[string]bool      // names that failed the test because they are unknown
	layers map[string]*layering // of names that are set for some time
}

// New returns a client with the flags of [On], [Off], [Serve] and [Flag]; a flag that is not
// among them does not exist. The client ends with the test, and its store is closed
// then. It logs to the test's output.
//
// t may be that of a benchmark. The client remembers evaluations, so it is not for
// measuring how long they take.
func New(t testing.TB, opts ...Option) *Client {
	t.Helper()
	c := &Client{
		t:      t,
		output: newOutput(t),
		store:  NewStore(t),
		given:  make(map[string]bool),
		failed: make(map[string]bool),
		layers: make(map[string]*layering),
	}
	var settings settings
	for _, opt := range opts {
		opt(&settings)
	}
	recorder := recorder{client: c}
	if settings.strict {
		recorder.onUnknown = c.failUnknown
	}
	c.FeatureFlagClient = flipper.New(c.store, append([]flipper.Option{
		flipper.WithLogger(slog.New(slog.NewTextHandler(c.output, withoutTime))),
		flipper.WithImpressions(recorder, 1),
	}, settings.client...)...)
	for _, flag := range settings.flags {
		if err := c.create(flag); err != nil {
			t.Fatalf("flippertest: %v", err)
		}
	}
	return c
}

// create makes a flag in the place of what an earlier option made.
func (c *Client) create(flag flagSetting) error {
	if err := c.store.set(flag.name, nil); err != nil {
		return err
	}
	c.given[flag.name] = true
	if flag.err != nil {
		return fmt.Errorf("create flag %q: %w", flag.name, flag.err)
	}
	_, err := flipper.New(c.store).Create(context.Background(), flag.name, flag.opts...)
	return err
}

// Store returns the client's store, which fails on demand, to test how the code under
// test deals with that.
func (c *Client) Store() *Store { return c.store }

// withoutTime leaves out the time of log records, which the test's output does not
// need.
var withoutTime = &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}}
