// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package thriftrpc_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"

	apache "github.com/apache/thrift/lib/go/thrift"

	"github.com/flipper-go/flipper/internal/featureflagstore"
	"github.com/flipper-go/flipper/internal/measure"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/thriftrpc"
)

// BenchmarkGet reads a flag.
func BenchmarkGet(b *testing.B) {
	s := dial(b, serve(b, memoryStore(b)).address)
	mustPut(b, s, flag("X"))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Get(b.Context(), "X"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkGetMissing asks for a flag that is not there.
func BenchmarkGetMissing(b *testing.B) {
	s := dial(b, serve(b, memoryStore(b)).address)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Get(b.Context(), "X"); !errors.Is(err, store.ErrNotFound) {
			b.Fatal(err)
		}
	}
}

// BenchmarkBesideGenerated compares Get, which gives a flag, with generated clients
// that have a connection each, no deadline, and give the text of one. They take
// turns. A ratio of 1 is as good as generated clients, and more is better.
func BenchmarkBesideGenerated(b *testing.B) {
	address := serve(b, memoryStore(b)).address
	mustPut(b, dial(b, address), flag("X"))
	for _, goroutines := range []int{1, 16, 64} {
		for _, connections := range []int{16, 64} {
			if connections > max(16, goroutines) {
				continue
			}
			b.Run(fmt.Sprintf("Goroutines=%d/MaxConnections=%d", goroutines, connections), func(b *testing.B) {
				ctx, cancel := context.WithCancel(b.Context()) // one that may end
				defer cancel()
				s := dial(b, address, thriftrpc.WithMaxConnections(connections))
				ours, generated := measure.Load{Name: "Get"}, measure.Load{Name: "generated"}
				for range goroutines {
					ours.Clients = append(ours.Clients, func() error {
						_, err := s.Get(ctx, "X")
						return err
					})
					client := generatedClient(b, address)
					generated.Clients = append(generated.Clients, func() error {
						_, err := client.GetStored(ctx, "X")
						return err
					})
				}
				results, err := measure.RunLoads(b.Context(), []measure.Load{ours, generated}, measure.Options{})
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(0, "ns/op") // that of both together means nothing
				for i, unit := range []string{"", "generated-"} {
					b.ReportMetric(results[i].PerSecond(), unit+"req/s")
					b.ReportMetric(results[i].P99/1000, unit+"p99-µs")
					b.ReportMetric(results[i].Allocations, unit+"allocs/req")
				}
				b.ReportMetric(results[0].PerSecond()/results[1].PerSecond(), "ratio")
				b.ReportMetric(results[1].P99/results[0].P99, "p99-ratio")
			})
		}
	}
}

func generatedClient(b *testing.B, address string) *featureflagstore.FeatureFlagStoreClient {
	b.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	transport := apache.NewTBufferedTransport(apache.NewTSocketFromConnConf(conn, nil), 4096)
	protocol := apache.NewTBinaryProtocolConf(transport, nil)
	return featureflagstore.NewFeatureFlagStoreClient(apache.NewTStandardClient(protocol, protocol))
}
