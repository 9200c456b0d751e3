// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package consul_test

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/flipper-go/flipper/internal/consultest"
	"github.com/flipper-go/flipper/store"
	consulstore "github.com/flipper-go/flipper/store/consul"
	"github.com/flipper-go/flipper/targeting"
)

// filled returns a store that holds n flags.
func filled(b *testing.B, n int, opts ...consulstore.Option) (s *consulstore.Store, client *api.Client, base string, names []string) {
	b.Helper()
	agent := consultest.Options{Memory: true}.Start(b)
	client, base = agent.Client(b), newBaseKey()
	var ops api.TxnOps
	for i := range n {
		names = append(names, fmt.Sprint("FLAG", i))
		ops = append(ops, &api.TxnOp{KV: &api.KVTxnOp{Verb: api.KVSet, Key: base + "/" + names[i], Value: item(names[i], true)}})
		if len(ops) == 50 || i == n-1 {
			if ok, response, _, err := client.Txn().Txn(ops, nil); err != nil || !ok {
				b.Fatal(ok, response, err)
			}
			ops = nil
		}
	}
	s, err := consulstore.New(agent.Client(b), append(opts, consulstore.WithBaseKey(base))...)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	if err := s.WaitReady(b.Context()); err != nil {
		b.Fatal(err)
	}
	return s, client, base, names
}

// BenchmarkCheck is one check of a flag, next to the same on a plain map behind an
// atomic pointer, which is the floor.
func BenchmarkCheck(b *testing.B) {
	for _, n := range []int{10, 1000, 10_000} {
		s, _, _, names := filled(b, n)
		request := &targeting.Request{}
		b.Run(fmt.Sprintf("store/%d", n), func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				f, _ := s.Peek(names[i%len(names)])
				if d, _ := f.Evaluate(request, nil); !d.Enabled {
					b.Fatal("off")
				}
				i++
			}
		})
		plain := map[string]*store.Flag{}
		for _, name := range names {
			plain[name], _ = s.Peek(name)
		}
		var floor atomic.Pointer[map[string]*store.Flag]
		floor.Store(&plain)
		b.Run(fmt.Sprintf("floor/%d", n), func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if d, _ := (*floor.Load())[names[i%len(names)]].Evaluate(request, nil); !d.Enabled {
					b.Fatal("off")
				}
				i++
			}
		})
	}
}

// BenchmarkReady is the time from a new store to all flags in memory.
func BenchmarkReady(b *testing.B) {
	for _, n := range []int{10, 1000, 10_000} {
		_, client, base, _ := filled(b, n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s, err := consulstore.New(client, consulstore.WithBaseKey(base))
				if err != nil {
					b.Fatal(err)
				}
				if err := s.WaitReady(b.Context()); err != nil {
					b.Fatal(err)
				}
				_ = s.Close()
			}
		})
	}
}

// BenchmarkUpdate is one change of a flag through the store.
func BenchmarkUpdate(b *testing.B) {
	s, _, _, names := filled(b, 10)
	for b.Loop() {
		if _, err := store.Update(b.Context(), s, names[0], func(f *store.Flag) error {
			f.Enabled = !f.Enabled
			return nil
		}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFreshness is the time from when another program begins a plain write
// until Peek answers it, next to that until a blocking query of Consul's on the
// one key tells of it, for the same changes. Changes are 50 ms apart, so that each
// meets a store at rest.
func BenchmarkFreshness(b *testing.B) {
	for _, n := range []int{10, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s, client, base, names := filled(b, n)
			key := base + "/" + names[0]
			var ours, consuls []time.Duration
			on := true
			for b.Loop() {
				on = !on
				pair, _, err := client.KV().Get(key, nil)
				if err != nil {
					b.Fatal(err)
				}
				told := make(chan time.Time)
				go func() {
					_, _, _ = client.KV().Get(key, &api.QueryOptions{WaitIndex: pair.ModifyIndex})
					told <- time.Now()
				}()
				time.Sleep(50 * time.Millisecond)
				begin := time.Now()
				if _, err := client.KV().Put(&api.KVPair{Key: key, Value: item(names[0], on)}, nil); err != nil {
					b.Fatal(err)
				}
				for {
					if f, _ := s.Peek(names[0]); f.Enabled == on {
						break
					}
					time.Sleep(50 * time.Microsecond)
				}
				ours = append(ours, time.Since(begin))
				consuls = append(consuls, (<-told).Sub(begin))
			}
			report(b, "", ours)
			report(b, "consul-", consuls)
		})
	}
}

func report(b *testing.B, prefix string, took []time.Duration) {
	slices.Sort(took)
	for name, at := range map[string]int{"p50": len(took) / 2, "p99": len(took) * 99 / 100, "max": len(took) - 1} {
		b.ReportMetric(float64(took[at])/1e6, prefix+name+"-ms")
	}
}
