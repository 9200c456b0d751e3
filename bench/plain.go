// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"fmt"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/bench/internal/scope"
	"github.com/flipper-go/flipper/bench/peers"
	"github.com/flipper-go/flipper/internal/consultest"
	"github.com/flipper-go/flipper/internal/measure"
)

// Rows of Flipper, by the store that it asks.
const (
	overMemory = "Flipper, memory"
	overMirror = "Flipper, mirror"
	overConsul = "Flipper, consul"
	overBolt   = "Flipper, bolt"
	overCached = "Flipper, cached"
	byHandle   = ", by handle"
)

// A subject is a client to ask.
type subject struct {
	name   string
	client *flipper.FeatureFlagClient
}

// byName asks for plain flags by their names.
func (s subject) byName(r *runner, all *set) measure.Row {
	ctx := r.Context()
	return measure.Row{Name: s.name, Run: func(n int) (yes int) {
		for i := range n {
			if s.client.IsEnabled(ctx, all.names[i&(asked-1)]) {
				yes++
			}
		}
		return yes
	}}
}

// byHandle asks for one plain flag, by its handle.
func (s subject) byHandle(r *runner, all *set) measure.Row {
	ctx, flag := r.Context(), s.client.Flag(all.names[0])
	return measure.Row{Name: s.name + byHandle, Run: func(n int) (yes int) {
		for range n {
			if flag.IsEnabled(ctx) {
				yes++
			}
		}
		return yes
	}}
}

// check compares the answers of subjects with what flags of a kind must say.
func check(r *runner, subjects []subject, kind peers.Kind, s *set) error {
	for _, subject := range subjects {
		if err := peers.Check(asPeer(r.Context(), subject.client), kind, s.names[0], off); err != nil {
			return fmt.Errorf("%s: %w", subject.name, err)
		}
	}
	return nil
}

// plain measures flags that are on for all.
func plain(r *runner) error {
	sizes := map[int]rowResults{}
	for _, n := range []int{10, 1_000, 100_000} {
		// Each size has a scope, so that what it holds can be collected.
		err := scope.Run(r.Context(), r.Name(), func(t *scope.Scope) error {
			sized := *r
			sized.Scope = t
			results, err := plainOf(&sized, n)
			sizes[n] = results
			return err
		})
		if err != nil {
			return err
		}
	}
	reportPlain(r, sizes)
	return nil
}

// plainOf measures n flags.
func plainOf(r *runner, n int) (rowResults, error) {
	all := newSet(peers.Plain, n)
	r.progress("fill %d flags", n)
	s, memory, err := r.inMemory(all.flags)
	if err != nil {
		return nil, err
	}
	mirrored, err := r.mirrored(s)
	if err != nil {
		return nil, err
	}
	subjects := []subject{{overMemory, memory}, {overMirror, mirrored}}
	// The write to the disk for each flag takes its time, as does that to the server;
	// what is read is the same snapshot as that of the others.
	if n == 1_000 {
		boltClient, err := r.inBolt(all.flags)
		if err != nil {
			return nil, err
		}
		consulClient, err := r.inConsul(consultest.Options{Memory: true}.Start(r), "plain", all.flags)
		if err != nil {
			return nil, err
		}
		subjects = append(subjects, subject{overConsul, consulClient}, subject{overBolt, boltClient})
	}
	inCache := subject{overCached, r.inCache(s)}
	if err := check(r, append(subjects, inCache), peers.Plain, all); err != nil {
		return nil, err
	}
	rows := []measure.Row{newFloor(all).plain(all), floorHandle()}
	lruRow, err := floorCache(all)
	if err != nil {
		return nil, err
	}
	rows = append(rows, lruRow, inCache.byName(r, all))
	for _, subject := range subjects {
		rows = append(rows, subject.byName(r, all), subject.byHandle(r, all))
	}
	what := fmt.Sprintf("plain flags, n=%d", n)
	if n == manyFlags {
		results, err := r.measure(what, rows)
		if err != nil {
			return nil, err
		}
		others, err := peersOneByOne(r, what, all)
		return append(results, others...), err
	}
	var goroutines []int
	leaveOut := func(p peers.Peer) bool { return p.Slow }
	if n == 1_000 {
		goroutines, leaveOut = []int{1, 2}, nil
	}
	names, clients, err := r.loadPeers(peers.Plain, all, leaveOut)
	if err != nil {
		return nil, err
	}
	for i, client := range clients {
		rows = append(rows, plainPeerRows(names[i], client, all)...)
	}
	return r.measure(what, rows, goroutines...)
}

// peersOneByOne measures libraries one after the other. Together, so many flags
// would keep the collector busy for longer than the samples take.
func peersOneByOne(r *runner, what string, all *set) (results rowResults, err error) {
	for _, peer := range peers.All() {
		if peer.Slow {
			continue
		}
		err := scope.Run(r.Context(), r.Name(), func(t *scope.Scope) error {
			alone := *r
			alone.Scope = t
			names, clients, err := alone.loadPeers(peers.Plain, all, func(p peers.Peer) bool { return p.Name != peer.Name })
			if err != nil {
				return err
			}
			got, err := alone.measure(what, plainPeerRows(names[0], clients[0], all))
			results = append(results, got...)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return results, nil
}

func plainPeerRows(name string, c *peers.Client, all *set) []measure.Row {
	rows := []measure.Row{peerRow(name, c, peers.Plain, all)}
	if c.Handle != nil {
		rows = append(rows, peerHandle(name+byHandle, c, all))
	}
	return rows
}

func peerHandle(name string, c *peers.Client, s *set) measure.Row {
	ask := c.Handle(s.names[0])
	return measure.Row{Name: name, Run: func(n int) (yes int) {
		for range n {
			if ask() {
				yes++
			}
		}
		return yes
	}}
}

func reportPlain(r *runner, sizes map[int]rowResults) {
	few, some, many := sizes[10], sizes[1_000], sizes[100_000]
	kinds := []struct {
		title, note, floor string
		is                 func(name string) bool
	}{
		{"A flag that is on for all, by its name", "64 flags are asked for in turn, of 10, 1,000 and 100,000.", floorName, isByName},
		{"A flag that is on for all, by a handle", "One flag is asked for; its name is looked up beforehand.", floorHandleName, isByHandle},
		{"A flag that is on for all, held by a cache", "All flags asked for are in the cache.", floorCacheName, isCached},
	}
	for _, kind := range kinds {
		t := table{
			title: kind.title, note: kind.note,
			columns: []string{"", "n=10", "n=1,000", "n=100,000", "× floor", "2 goroutines", "two processors give", "allocations"},
		}
		floor := some.find(kind.floor)
		for _, result := range some {
			if !kind.is(result.Name) {
				continue
			}
			t.add(result.Name, few.time(result.Name), nanoseconds(result.Nanoseconds()), many.time(result.Name),
				times(result.Nanoseconds()/floor.Nanoseconds()), nanoseconds(result.Times[2].Median),
				times(scaling(result)), allocations(result))
		}
		r.report.table(t)
	}

	floor, snapshot := some.find(floorName), some.find("ConfigCat, kept snapshot")
	for _, name := range []string{overMemory, overMirror, overConsul} {
		got := some.find(name)
		what := "a plain flag by name, " + name + ": "
		r.report.atMost(what+"× the map", got.Nanoseconds()/floor.Nanoseconds(), 1.6, "×")
		r.report.atMost(what+"× ConfigCat's kept snapshot", got.Nanoseconds()/snapshot.Nanoseconds(), 1, "×")
		r.report.atMost(what+"allocations", got.Allocations, 0, "")
		r.report.atLeast(what+"two processors give", scaling(got), 1.8, "×")
		handle := some.find(name + byHandle)
		what = "a plain flag by handle, " + name + ": "
		r.report.atMost(what+"time", handle.Nanoseconds(), 5, "ns")
		r.report.atMost(what+"allocations", handle.Allocations, 0, "")
		r.report.atLeast(what+"two processors give", scaling(handle), 1.8, "×")
	}
	cachedHit := some.find(overCached)
	what := "a plain flag by name, " + overCached + ": "
	r.report.atMost(what+"× golang-lru's Get", cachedHit.Nanoseconds()/some.find(floorCacheName).Nanoseconds(), 1.5, "×")
	r.report.atMost(what+"allocations", cachedHit.Allocations, 0, "")
}

// scaling is how much more two goroutines do in the same time than one.
func scaling(r measure.Result) float64 {
	if two := r.Times[2].Median; two > 0 {
		return r.Nanoseconds() / two
	}
	return 0
}
