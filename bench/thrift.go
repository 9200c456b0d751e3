// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"

	"github.com/apache/thrift/lib/go/thrift"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/bench/peers"
	"github.com/flipper-go/flipper/internal/featureflagstore"
	"github.com/flipper-go/flipper/internal/measure"
	"github.com/flipper-go/flipper/store/thriftrpc"
	flipperthrift "github.com/flipper-go/flipper/thrift"
)

const bufferSize = 4096

// fixed is the service that always returns the same answer.
type fixed struct {
	featureflagstore.FeatureFlagStore // for what nobody asks
	item                              *featureflagstore.FeatureFlagStoreItem
}

func (f fixed) Get(context.Context, string) (*featureflagstore.FeatureFlagStoreItem, error) {
	return f.item, nil
}

// thriftService measures our service beside a server of the Thrift library that
// always returns one answer, both asked by generated code.
func thriftService(r *runner) error {
	all := newSet(peers.Rule, 1_000)
	s, _, err := r.inMemory(all.flags)
	if err != nil {
		return err
	}
	service := flipperthrift.NewService(s)
	r.Cleanup(func() { _ = service.Close() })
	listener, err := new(net.ListenConfig).Listen(r.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	served := make(chan error, 1)
	server := flipperthrift.NewServer(service)
	go func() { served <- server.Serve(listener) }()
	r.Cleanup(func() {
		_ = server.Close()
		if err := <-served; !errors.Is(err, flipperthrift.ErrServerClosed) {
			r.Error(err)
		}
	})
	address := listener.Addr().String()

	ours := dialer(r, address)
	first, err := ours()
	if err != nil {
		return err
	}
	item, err := first.Get(r.Context(), all.names[0])
	if err != nil {
		return err
	}
	echoAddress, err := startEcho(r, item)
	if err != nil {
		return err
	}
	echo := dialer(r, echoAddress)

	remote := thriftrpc.New(address, thriftrpc.WithMaxConnections(slices.Max(clientCounts)))
	r.Cleanup(func() { _ = remote.Close() })
	flags := flipper.New(remote)
	if err := check(r, []subject{{"Flipper, thriftrpc", flags}}, peers.Rule, all); err != nil {
		return err
	}

	const floor, generated, checked = "**floor: the Thrift library's server, one fixed answer**", "Flipper's server", "Flipper's server, checks by thriftrpc"
	var failed error
	results, err := r.loads("calls of Get", func(clients int) []measure.Load {
		return []measure.Load{
			thriftLoad(r, floor, clients, echo, all, &failed),
			thriftLoad(r, generated, clients, ours, all, &failed),
			client(checked, clients, func(i int) error {
				if !flags.IsEnabled(r.Context(), all.names[i&(asked-1)], flipper.String("plan", "pro")) {
					return errOff
				}
				return nil
			}),
		}
	})
	if err = errors.Join(failed, err); err != nil {
		return err
	}
	reportLoads(r, "The Thrift service", "Get of a flag with one condition over TCP on the loopback interface, by generated clients with a connection each: "+
		"binary protocol, buffered transport. The floor's processor is generated from the same file, and its answer is the same.", floor, results)
	for _, clients := range clientCounts {
		base, got := results[clients].find(floor), results[clients].find(generated)
		r.report.atLeast(fmt.Sprintf("the Thrift server, %d connections: calls a second × the library's", clients), got.PerSecond()/base.PerSecond(), 0.8, "×")
		r.report.atMost(fmt.Sprintf("the Thrift server, %d connections: p99 × the library's", clients), got.P99/base.P99, 1.25, "×")
	}
	return nil
}

// startEcho starts a server of the Thrift library and returns its address.
func startEcho(r *runner, item *featureflagstore.FeatureFlagStoreItem) (string, error) {
	transport, err := thrift.NewTServerSocket("127.0.0.1:0")
	if err != nil {
		return "", err
	}
	if err := transport.Listen(); err != nil {
		return "", err
	}
	server := thrift.NewTSimpleServer4(featureflagstore.NewFeatureFlagStoreProcessor(fixed{item: item}), transport,
		thrift.NewTBufferedTransportFactory(bufferSize), thrift.NewTBinaryProtocolFactoryConf(nil))
	served := make(chan error, 1)
	go func() { served <- server.Serve() }()
	r.Cleanup(func() {
		if err := errors.Join(server.Stop(), <-served); err != nil {
			r.Error(err)
		}
	})
	return transport.Addr().String(), nil
}

// dialer returns a function that makes generated clients, each with a connection.
// They are closed before the server, which waits for that.
func dialer(r *runner, address string) func() (*featureflagstore.FeatureFlagStoreClient, error) {
	return func() (*featureflagstore.FeatureFlagStoreClient, error) {
		socket := thrift.NewTSocketConf(address, nil)
		transport := thrift.NewTBufferedTransport(socket, bufferSize)
		if err := transport.Open(); err != nil {
			return nil, err
		}
		r.Cleanup(func() { _ = transport.Close() })
		return featureflagstore.NewFeatureFlagStoreClientFactory(transport, thrift.NewTBinaryProtocolFactoryConf(nil)), nil
	}
}

func thriftLoad(r *runner, name string, clients int, dial func() (*featureflagstore.FeatureFlagStoreClient, error), all *set, failed *error) measure.Load {
	load := measure.Load{Name: name}
	for start := range clients {
		connection, err := dial()
		if err != nil {
			*failed = errors.Join(*failed, err)
			continue
		}
		i := start
		load.Clients = append(load.Clients, func() error {
			i++
			item, err := connection.Get(r.Context(), all.names[i&(asked-1)])
			if err == nil && !item.GetIsEnabled() {
				err = errOff
			}
			return err
		})
	}
	return load
}
