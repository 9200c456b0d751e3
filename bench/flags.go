// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/bench/peers"
	"github.com/flipper-go/flipper/internal/consultest"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/bolt"
	"github.com/flipper-go/flipper/store/cached"
	consulstore "github.com/flipper-go/flipper/store/consul"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/store/mirror"
	"github.com/flipper-go/flipper/targeting/carta"
)

const (
	asked = 64    // flags are asked for in turn, spread over all there are
	users = 1024  // requests are made by these, in turn; both are powers of two
	off   = "off" // is in each set, for the checks
)

// A set is the flags that a suite asks for.
type set struct {
	flags []peers.Flag
	// names are those that are asked for. They are not the strings that the stores
	// hold, since a program's are not either.
	names [asked]string
}

// newSet makes n flags of a kind, and one that is off.
func newSet(kind peers.Kind, n int) *set {
	s := &set{}
	for i := range n {
		s.flags = append(s.flags, peers.Flag{Name: fmt.Sprintf("CHECKOUT_FLAG_%06d", i), Kind: kind})
	}
	for i := range s.names {
		s.names[i] = strings.Clone(s.flags[i*max(1, n/asked)%n].Name)
	}
	s.flags = append(s.flags, peers.Flag{Name: off, Kind: kind, Off: true})
	return s
}

// shuffled returns the names of all flags that are on, in random order.
func (s *set) shuffled() []string {
	var names []string
	for _, f := range s.flags {
		if !f.Off {
			names = append(names, strings.Clone(f.Name))
		}
	}
	random := rand.New(rand.NewPCG(6, 6))
	random.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	return names
}

// A user is who makes a request.
type user struct{ id, plan string }

// everybody are the users. Half of them, at random, have the plan "pro".
var everybody = func() (all [users]user) {
	random := rand.New(rand.NewPCG(5, 5))
	for i := range all {
		all[i] = user{id: fmt.Sprintf("user-%05d", i), plan: []string{"free", "pro"}[random.IntN(2)]}
	}
	return all
}()

// expected returns the Yes of a row whose answer depends on the user, in turn.
func expected(answer func(u user) bool) func(n int) int {
	var before [users + 1]int // how many of those before have a yes
	for i, u := range everybody {
		before[i+1] = before[i]
		if answer(u) {
			before[i+1]++
		}
	}
	return func(n int) int { return n/users*before[users] + before[n%users] }
}

// stored returns the flags as Flipper stores them.
func stored(f peers.Flag) *store.Flag {
	s := &store.Flag{Name: f.Name, Enabled: !f.Off}
	switch f.Kind {
	case peers.Rule:
		s.Conditions = []carta.Condition{carta.NewCondition(carta.Equal("plan", "pro"))}
	case peers.Pair:
		s.Conditions = []carta.Condition{
			carta.NewCondition(carta.Equal("plan", "pro")), carta.NewCondition(carta.Equal("country", "DE")),
		}
	case peers.Sticky:
		s.Bucketer = carta.NewConsistentHashBucketer(carta.FixedPercentage(0.5), "user_id")
	case peers.Plain:
	}
	return s
}

// fill puts flags into a store.
func fill(ctx context.Context, s store.Store, flags []peers.Flag) error {
	for _, f := range flags {
		if _, err := s.Put(ctx, stored(f)); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	return nil
}

// inMemory returns a store in memory, and its client.
func (r *runner) inMemory(flags []peers.Flag) (*memory.Store, *flipper.FeatureFlagClient, error) {
	s := memory.New()
	r.Cleanup(func() { _ = s.Close() })
	return s, flipper.New(s), fill(r.Context(), s, flags)
}

// mirrored returns the client of a mirror of a store.
func (r *runner) mirrored(inner store.Watcher) (*flipper.FeatureFlagClient, error) {
	m := mirror.New(inner)
	r.Cleanup(func() { _ = m.Close() })
	return flipper.New(m), m.WaitReady(r.Context())
}

// inCache returns the client of a cache that holds what is asked for.
func (r *runner) inCache(inner store.Store) *flipper.FeatureFlagClient {
	s := cached.New(inner)
	r.Cleanup(func() { _ = s.Close() })
	return flipper.New(s)
}

// inBolt returns the client of a file.
func (r *runner) inBolt(flags []peers.Flag) (*flipper.FeatureFlagClient, error) {
	s, err := bolt.Open(filepath.Join(r.TempDir(), "flags.db"))
	if err != nil {
		return nil, err
	}
	r.Cleanup(func() { _ = s.Close() })
	return flipper.New(s), fill(r.Context(), s, flags)
}

// inConsul returns the client of a store over a server, where flags are kept below
// a base key.
func (r *runner) inConsul(agent *consultest.Agent, base string, flags []peers.Flag) (*flipper.FeatureFlagClient, error) {
	s, err := consulstore.New(agent.Client(r), consulstore.WithBaseKey(base))
	if err != nil {
		return nil, err
	}
	r.Cleanup(func() { _ = s.Close() })
	if err := fill(r.Context(), s, flags); err != nil {
		return nil, err
	}
	return flipper.New(s), s.WaitReady(r.Context())
}

// asPeer returns a client in the form in which the other libraries are asked, so
// that its answers can be checked as theirs are.
func asPeer(ctx context.Context, c *flipper.FeatureFlagClient) *peers.Client {
	return &peers.Client{
		Plain:  func(name string) bool { return c.IsEnabled(ctx, name) },
		Rule:   func(name, plan string) bool { return c.IsEnabled(ctx, name, flipper.String("plan", plan)) },
		Sticky: func(name, user string) bool { return c.IsEnabled(ctx, name, flipper.String("user_id", user)) },
		Handle: func(name string) func() bool {
			flag := c.Flag(name)
			return func() bool { return flag.IsEnabled(ctx) }
		},
	}
}

// loadPeers returns the peers that have a kind, loaded and checked, by their place in
// peers.All. Those of large sets leave out the slow ones.
func (r *runner) loadPeers(kind peers.Kind, s *set, leaveOut func(peers.Peer) bool) (names []string, clients []*peers.Client, err error) {
	for _, peer := range peers.All() {
		if !peer.Has(kind) || leaveOut != nil && leaveOut(peer) {
			continue
		}
		r.progress("load %d flags: %s", len(s.flags), peer.Name)
		client, err := peer.New(s.flags)
		if err != nil {
			return nil, nil, err
		}
		r.Cleanup(client.Close)
		if err := peers.Check(client, kind, s.names[0], off); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", peer.Name, err)
		}
		names, clients = append(names, peer.Name), append(clients, client)
	}
	return names, clients, nil
}
