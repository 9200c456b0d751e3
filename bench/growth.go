// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"runtime"
	"time"

	"github.com/flipper-go/flipper/bench/internal/scope"
	"github.com/flipper-go/flipper/bench/peers"
	"github.com/flipper-go/flipper/internal/measure"
	"github.com/flipper-go/flipper/internal/redistest"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/store/mirror"
	redisstore "github.com/flipper-go/flipper/store/redis"
)

// growth measures what it costs that flags are many: to find one, to change one,
// and to hold them.
func growth(r *runner) error {
	if err := found(r); err != nil {
		return err
	}
	if err := changes(r); err != nil {
		return err
	}
	return memoryHeld(r)
}

const manyFlags = 100_000

// found measures sets of several sizes beside each other.
func found(r *runner) error {
	const anyOf, floor = "any of ", "a map"
	name := func(what string, n int) string { return what + ", n=" + thousands(float64(n)) }
	sizes := []int{10, 1_000, manyFlags}
	var rows []measure.Row
	add := func(what string, n int, row measure.Row) {
		row.Name = name(what, n)
		rows = append(rows, row)
	}
	err := scope.Run(r.Context(), r.Name(), func(t *scope.Scope) error {
		alone := *r
		alone.Scope = t
		for _, n := range sizes {
			r.progress("fill %d flags", n)
			all := newSet(peers.Plain, n)
			s, client, err := alone.inMemory(all.flags)
			if err != nil {
				return err
			}
			mirrored, err := alone.mirrored(s)
			if err != nil {
				return err
			}
			flags := newFloor(all)
			add(floor, n, flags.plain(all))
			add(overMemory, n, subject{client: client}.byName(r, all))
			add(overMirror, n, subject{client: mirrored}.byName(r, all))
			if n == manyFlags {
				shuffled := all.shuffled()
				add(anyOf+floor, n, anyRow(shuffled, func(name string) bool {
					flag := (*flags.flags.Load())[name]
					return flag != nil && flag.enabled
				}))
				add(anyOf+overMemory, n, anyRow(shuffled, func(name string) bool { return client.IsEnabled(r.Context(), name) }))
			}
		}
		results, err := alone.measure("flags by their names", rows)
		if err != nil {
			return err
		}
		lines := table{
			title: "The same check, the more flags there are",
			note: "Flags that are on for all, by their names; the sizes are sampled in turns. 64 of them are asked for in turn, " +
				"but in the last two lines: there all are, in random order, so that the processor's caches hold few of them.",
			columns: []string{"", "n=10", "n=1,000", "n=100,000", "100,000 × 10"},
		}
		for _, what := range []string{floor, overMemory, overMirror} {
			few, many := results.find(name(what, 10)).Nanoseconds(), results.find(name(what, manyFlags)).Nanoseconds()
			lines.add(what, nanoseconds(few), results.time(name(what, 1_000)), nanoseconds(many), times(many/few))
			if what == floor {
				r.report.fact("a check of one of 100,000 flags, "+what+": × one of 10", times(many/few))
			} else {
				r.report.atMost("a check of one of 100,000 flags, "+what+": × one of 10", many/few, 1.6, "×")
			}
		}
		for _, what := range []string{anyOf + floor, anyOf + overMemory} {
			lines.add(what, dash, dash, results.time(name(what, manyFlags)), dash)
		}
		r.report.table(lines)
		return nil
	})
	return err
}

// anyRow asks for names in turn.
func anyRow(names []string, ask func(name string) bool) measure.Row {
	return measure.Row{Run: func(n int) (yes int) {
		for i, at := 0, 0; i < n; i++ {
			if ask(names[at]) {
				yes++
			}
			if at++; at == len(names) {
				at = 0
			}
		}
		return yes
	}}
}

func changes(r *runner) error {
	var rows []measure.Row
	var large *memory.Store
	var last string
	sizes := []int{10, 1_000, manyFlags}
	for _, n := range sizes {
		r.progress("fill %d flags", n)
		all := newSet(peers.Plain, n)
		s, _, err := r.inMemory(all.flags)
		if err != nil {
			return err
		}
		rows = append(rows, changeRow(r, s, n))
		large, last = s, all.flags[n-1].Name // the rows above change the first ones
	}
	held := mirror.New(large)
	r.Cleanup(func() { _ = held.Close() })
	if err := held.WaitReady(r.Context()); err != nil {
		return err
	}
	rows = append(rows, createRow(r, large), mirrorRow(r, large, held, last))
	results, err := r.measure("changes", rows)
	if err != nil {
		return err
	}
	t := table{
		title: "One change",
		note: "A flag is replaced by one that differs, by compare-and-set, in memory. All of it counts: encoding and decoding the flag too. " +
			"The last row takes the time from the write until another store, the mirror, answers with it.",
		columns: []string{"", "time", "allocations"},
	}
	for _, result := range results {
		t.add(result.Name, nanoseconds(result.Nanoseconds()), allocations(result))
	}
	r.report.table(t)
	few, many := results.find(changeName(10)), results.find(changeName(manyFlags))
	r.report.atMost("a change of one of 100,000 flags: × one of 10", many.Nanoseconds()/few.Nanoseconds(), 3, "×")
	r.report.atMost("a change of one of 100,000 flags: time", many.Nanoseconds()/1e3, 50, "µs")
	r.report.atMost("a change of one of 100,000 flags: allocated", many.Bytes, 64<<10, "bytes")
	return nil
}

func changeName(n int) string { return "change one of " + thousands(float64(n)) + " flags" }

// changeRow switches one flag after the other.
func changeRow(r *runner, s store.Store, n int) measure.Row {
	at := 0
	flags := make([]*store.Flag, 0, asked)
	for f, err := range s.List(r.Context()) {
		if err == nil && f.Name != off {
			flags = append(flags, f)
		}
		if len(flags) == cap(flags) {
			break
		}
	}
	return measure.Row{Name: changeName(n), Serial: true, Run: func(n int) (changed int) {
		for range n {
			at++
			next := flags[at%len(flags)].Clone()
			next.Enabled = !next.Enabled
			f, err := s.Put(r.Context(), next)
			if err != nil {
				return changed
			}
			flags[at%len(flags)] = f
			changed++
		}
		return changed
	}}
}

// createRow creates a flag and deletes it.
func createRow(r *runner, s store.Store) measure.Row {
	return measure.Row{Name: "create and delete one beside 100,000 flags", Serial: true, Run: func(n int) (done int) {
		for range n {
			if _, err := s.Put(r.Context(), &store.Flag{Name: "CREATED"}); err != nil {
				return done
			}
			if err := s.Delete(r.Context(), "CREATED"); err != nil {
				return done
			}
			done++
		}
		return done
	}}
}

// mirrorRow changes a flag and waits until the mirror says so.
func mirrorRow(r *runner, s store.Store, m *mirror.Store, name string) measure.Row {
	return measure.Row{Name: "change one of 100,000 flags, until a mirror answers with it", Serial: true, Run: func(n int) (seen int) {
		for range n {
			f, err := store.Update(r.Context(), s, name, func(f *store.Flag) error {
				f.Enabled = !f.Enabled
				return nil
			})
			if err != nil {
				return seen
			}
			for deadline := time.Now().Add(time.Minute); ; runtime.Gosched() {
				if held, _ := m.Peek(name); held != nil && held.Revision == f.Revision {
					break
				}
				if time.Now().After(deadline) {
					return seen
				}
			}
			seen++
		}
		return seen
	}}
}

// A held is what flags take in memory.
type held struct {
	Name  string  `json:"name"`
	Bytes float64 `json:"bytes"` // of one flag
}

func memoryHeld(r *runner) error {
	const fewer = 10_000
	var results []held
	take := func(name string, n int, build func(t *scope.Scope) (any, error)) error {
		r.progress("memory of %d flags: %s", n, name)
		return scope.Run(r.Context(), r.Name(), func(t *scope.Scope) error {
			before := heap()
			kept, err := build(t)
			if err != nil {
				return err
			}
			results = append(results, held{Name: name, Bytes: float64(heap()-before) / float64(n)})
			runtime.KeepAlive(kept)
			return nil
		})
	}
	large, small := newSet(peers.Pair, manyFlags), newSet(peers.Pair, fewer)
	err := take("Flipper, memory, 100,000 flags", manyFlags, func(t *scope.Scope) (any, error) {
		s := memory.New()
		t.Cleanup(func() { _ = s.Close() })
		return s, fill(t.Context(), s, large.flags)
	})
	if err != nil {
		return err
	}
	server := redistest.Start(r, "--appendonly", "no").Client(r)
	if err := fillRedis(r, server, "features", small.flags); err != nil {
		return err
	}
	err = take("Flipper, mirror of Redis, 10,000 flags", fewer, func(t *scope.Scope) (any, error) {
		inner, err := redisstore.New(server)
		if err != nil {
			return nil, err
		}
		t.Cleanup(func() { _ = inner.Close() })
		m := mirror.New(inner)
		t.Cleanup(func() { _ = m.Close() })
		return m, m.WaitReady(t.Context())
	})
	if err != nil {
		return err
	}
	for _, peer := range peers.All() {
		if !peer.Has(peers.Pair) {
			continue
		}
		err := take(peer.Name+", 10,000 flags", fewer, func(t *scope.Scope) (any, error) {
			c, err := peer.New(small.flags)
			if err == nil {
				t.Cleanup(c.Close)
			}
			return c, err
		})
		if err != nil {
			return err
		}
	}
	runtime.KeepAlive(large)
	runtime.KeepAlive(small)
	t := table{
		title:   "Memory of one flag with two conditions",
		note:    "What is on the heap after a collection, by the number of flags. Names that the program holds already are not in it.",
		columns: []string{"", "by flag"},
	}
	for _, result := range results {
		t.add(result.Name, thousands(result.Bytes)+" B")
	}
	r.report.table(t)
	r.report.raw("memory", results)
	r.report.atMost("memory of a flag with two conditions", results[0].Bytes, 1024, "bytes")
	return nil
}

// heap returns what is reachable. It takes two collections: what has a finalizer, or
// is in a pool, outlives the first.
func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}
