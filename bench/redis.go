// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/bench/peers"
	"github.com/flipper-go/flipper/internal/measure"
	"github.com/flipper-go/flipper/internal/redistest"
	"github.com/flipper-go/flipper/store"
	redisstore "github.com/flipper-go/flipper/store/redis"
)

var errOff = errors.New("the flag is off")

// fillRedis stores flags below a base key.
func fillRedis(r *runner, client *redis.Client, base string, flags []peers.Flag) error {
	_, err := client.Pipelined(r.Context(), func(p redis.Pipeliner) error {
		for _, f := range flags {
			text, err := store.Encode(stored(f))
			if err != nil {
				return err
			}
			p.Set(r.Context(), base+"/"+f.Name, text, 0)
		}
		return nil
	})
	return err
}

// redisStore measures checks that ask a server, and reading all flags from it.
func redisStore(r *runner) error {
	if err := redisChecks(r); err != nil {
		return err
	}
	return redisLoading(r)
}

func redisChecks(r *runner) error {
	server := redistest.StartTCP(r, "--appendonly", "no")
	all := newSet(peers.Plain, 1_000)
	if err := fillRedis(r, server.Client(r), "features", all.flags); err != nil {
		return err
	}
	s, err := redisstore.New(server.Client(r))
	if err != nil {
		return err
	}
	r.Cleanup(func() { _ = s.Close() })
	flags, plain := flipper.New(s), server.Client(r)
	pipelined, err := server.Client(r).AutoPipeline()
	if err != nil {
		return err
	}
	r.Cleanup(func() { _ = pipelined.Close() })
	if err := check(r, []subject{{"Flipper, redis", flags}}, peers.Plain, all); err != nil {
		return err
	}
	ctx := r.Context()
	const get, checked, automatic = "**floor: go-redis' GET**", "Flipper, redis", "go-redis' GET, its autopipelining"
	results, err := r.loads("checks over Redis", func(clients int) []measure.Load {
		return []measure.Load{
			client(get, clients, func(i int) error { return plain.Get(ctx, "features/"+all.names[i&(asked-1)]).Err() }),
			client(checked, clients, func(i int) error {
				if !flags.IsEnabled(ctx, all.names[i&(asked-1)]) {
					return errOff
				}
				return nil
			}),
			client(automatic, clients, func(i int) error { return pipelined.Get(ctx, "features/"+all.names[i&(asked-1)]).Err() }),
		}
	})
	if err != nil {
		return err
	}
	reportLoads(r, "A check that asks Redis", "The plain store, over TCP on the loopback interface; each client asks again as soon as it has an answer.", get, results)
	for _, clients := range clientCounts {
		floor, got := results[clients].find(get), results[clients].find(checked)
		r.report.atMost(fmt.Sprintf("a check that asks Redis, %d at a time: time × go-redis' GET", clients), floor.PerSecond()/got.PerSecond(), 1.15, "×")
		r.report.fact(fmt.Sprintf("a check that asks Redis, %d at a time: answers a second × go-redis' GET", clients), times(got.PerSecond()/floor.PerSecond()))
		r.report.fact(fmt.Sprintf("go-redis' autopipelining, %d at a time: the same", clients), times(results[clients].find(automatic).PerSecond()/floor.PerSecond()))
	}
	return nil
}

// client returns a load of so many clients, who ask for one thing after the other.
func client(name string, clients int, ask func(i int) error) measure.Load {
	load := measure.Load{Name: name}
	for start := range clients {
		i := start
		load.Clients = append(load.Clients, func() error { i++; return ask(i) })
	}
	return load
}

func redisLoading(r *runner) error {
	t := table{
		title:   "Reading all flags from Redis",
		note:    "The pipeline has the keys at hand and decodes nothing; List finds them, and decodes flags with one condition.",
		columns: []string{"", "time", "by flag", "× floor", "allocations"},
	}
	for _, n := range []int{1_000, 10_000} {
		server := redistest.StartTCP(r, "--appendonly", "no")
		all := newSet(peers.Rule, n)
		reader := server.Client(r)
		if err := fillRedis(r, reader, "features", all.flags); err != nil {
			return err
		}
		s, err := redisstore.New(server.Client(r))
		if err != nil {
			return err
		}
		r.Cleanup(func() { _ = s.Close() })
		keys := make([]string, len(all.flags))
		for i, f := range all.flags {
			keys[i] = "features/" + f.Name
		}
		ctx := r.Context()
		const pipeline, list = "**floor: a pipeline of GETs**", "Flipper, redis: List"
		size := ", " + thousands(float64(n)) + " flags"
		results, err := r.measure(fmt.Sprintf("reading %d flags", n), []measure.Row{
			{Name: pipeline + size, Run: func(n int) (whole int) {
				for range n {
					if got, err := pipelineOfGets(ctx, reader, keys); err == nil && got == len(keys) {
						whole++
					}
				}
				return whole
			}},
			{Name: list + size, Run: func(n int) (whole int) {
				for range n {
					got := 0
					for _, err := range s.List(ctx) {
						if err == nil {
							got++
						}
					}
					if got == len(keys) {
						whole++
					}
				}
				return whole
			}},
		})
		if err != nil {
			return err
		}
		floor := results[0].Nanoseconds()
		for _, result := range results {
			t.add(result.Name, nanoseconds(result.Nanoseconds()), nanoseconds(result.Nanoseconds()/float64(n)),
				times(result.Nanoseconds()/floor), allocations(result))
		}
		r.report.atMost("reading "+thousands(float64(n))+" flags from Redis: × a pipeline of GETs", results[1].Nanoseconds()/floor, 1.5, "×")
	}
	r.report.table(t)
	return nil
}

// pipelineOfGets returns how many keys have a value.
func pipelineOfGets(ctx context.Context, client *redis.Client, keys []string) (n int, err error) {
	gets, err := client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, key := range keys {
			p.Get(ctx, key)
		}
		return nil
	})
	for _, get := range gets {
		if text, ok := get.(*redis.StringCmd); ok && text.Val() != "" {
			n++
		}
	}
	return n, err
}
