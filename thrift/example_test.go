// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package thrift_test

import (
	"context"
	"fmt"
	"log"
	"net"

	apache "github.com/apache/thrift/lib/go/thrift"

	"github.com/flipper-go/flipper/internal/featureflagstore"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/thrift"
)

func ExampleNewService() {
	ctx := context.Background()
	service := thrift.NewService(memory.New())
	defer service.Close()

	if err := service.Set(ctx, "DARK_MODE", true); err != nil {
		log.Fatal(err)
	}
	item, err := service.Get(ctx, "DARK_MODE")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(item.GetFeatureName(), item.GetIsEnabled(), item.GetMeta().GetBucketer())
	// Output: DARK_MODE true {"type": "NoOpBucketer"}
}

func ExampleNewServer() {
	service := thrift.NewService(memory.New())
	defer service.Close()
	server := thrift.NewServer(service, thrift.WithMaxConnections(1000))

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	served := make(chan error)
	go func() { served <- server.Serve(listener) }()

	// A client, in Go as it could be in any language.
	socket := apache.NewTSocketConf(listener.Addr().String(), nil)
	if err := socket.Open(); err != nil {
		log.Fatal(err)
	}
	transport := apache.NewTBufferedTransport(socket, 4096)
	client := featureflagstore.NewFeatureFlagStoreClientFactory(transport, apache.NewTBinaryProtocolFactoryConf(nil))
	item, err := client.Create(context.Background(), "DARK_MODE", true, `{"team": "web"}`)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(item.GetFeatureName(), item.GetIsEnabled(), item.GetMeta().GetClientData())

	// Idle connections end at once, calls in flight are answered.
	if err := server.Shutdown(context.Background()); err != nil {
		log.Fatal(err)
	}
	fmt.Println(<-served)
	// Output:
	// DARK_MODE true {"team": "web"}
	// thrift: server closed
}
