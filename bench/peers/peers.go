// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package peers holds the libraries that Flipper is measured beside, each with
// flags that mean the same, and asked in the way that its documentation shows.
package peers

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
)

// A Kind says how a flag decides.
type Kind int

// The kinds.
const (
	Plain  Kind = iota // on for all
	Rule               // on where the attribute "plan" is "pro"
	Sticky             // on for half of the users, the same ones at each call
	Pair               // on where "plan" is "pro" and "country" is "DE"
)

// A Flag is a flag to load.
type Flag struct {
	Name string
	Kind Kind
	Off  bool // for everyone, whatever the kind says
}

// A Client is a library with flags loaded. Its functions are safe for concurrent
// use.
type Client struct {
	// Plain asks for a flag with a context that is at hand.
	Plain func(name string) bool
	// Rule asks for a flag with a context made in the call, of one attribute.
	Rule func(name, plan string) bool
	// Sticky asks for a flag with a context made in the call, of the user's id.
	Sticky func(name, user string) bool
	// Handle returns a function that asks for one flag, whose name was looked up
	// beforehand. It is nil where the library has no such thing.
	Handle func(name string) func() bool
	// Close ends what the library has begun.
	Close func()
}

// A Peer is a library, in one of its settings.
type Peer struct {
	// Name is what the tables say.
	Name string
	// Module is where it is from.
	Module string
	// Slow says that loading flags or asking takes so long that the largest sets
	// are left out.
	Slow bool
	// PlainOnly says that it is measured with plain flags only.
	PlainOnly bool
	// NoSticky says that it has no rollout to a share of the users.
	NoSticky bool
	// New loads flags.
	New func(flags []Flag) (*Client, error)
}

// Has reports whether the peer has flags of a kind.
func (p Peer) Has(kind Kind) bool {
	switch kind {
	case Plain:
		return true
	case Sticky:
		return !p.PlainOnly && !p.NoSticky
	}
	return !p.PlainOnly
}

// All returns the peers.
func All() []Peer {
	return []Peer{
		configCatSnapshot, configCat, growthBook, unleash, unleashWithMetrics, launchDarkly,
		goFeatureFlag, goFeatureFlagTracked, flagd, openFeature,
	}
}

// object is a JSON object.
type object = map[string]any

// list is a JSON array.
type list = []any

// server answers all requests with one text, without a network.
type server []byte

func (s server) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:  http.Header{"Content-Type": {"application/json"}},
		Body:    io.NopCloser(bytes.NewReader(s)),
		Request: r, ContentLength: int64(len(s)),
	}, nil
}

// failed says that a library could not be made ready.
func failed(what string, err error) error { return fmt.Errorf("%s: %w", what, err) }
