// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package thriftrpc_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"time"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/store/thriftrpc"
	"github.com/flipper-go/flipper/thrift"
)

// startService runs a flag service with an empty store.
func startService() (address string, stop func()) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	flags := memory.New()
	service := thrift.NewService(flags)
	server := thrift.NewServer(service)
	served := make(chan error)
	go func() { served <- server.Serve(l) }()
	return l.Addr().String(), func() {
		_ = server.Close()
		<-served
		_ = service.Close()
		_ = flags.Close()
	}
}

func Example() {
	address, stop := startService()
	defer stop()
	ctx := context.Background()

	s := thriftrpc.New(address)
	defer s.Close()
	if _, err := s.Put(ctx, &store.Flag{Name: "NEW_CHECKOUT", Created: time.Now()}); err != nil {
		log.Print(err)
		return
	}
	f, err := store.Update(ctx, s, "NEW_CHECKOUT", func(f *store.Flag) error {
		f.Enabled = true
		return nil
	})
	if err != nil {
		log.Print(err)
		return
	}
	fmt.Println(f.Name, f.Enabled)

	_, err = s.Get(ctx, "NO_SUCH_FLAG")
	fmt.Println(errors.Is(err, store.ErrNotFound))
	// Output:
	// NEW_CHECKOUT true
	// true
}

func ExampleStore_Watch() {
	address, stop := startService()
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	s := thriftrpc.New(address)
	defer s.Close()
	for change, err := range s.Watch(ctx) {
		if err != nil {
			log.Print(err) // it goes on when the service is back
			continue
		}
		if change.All {
			fmt.Println("read everything")
			// Another process makes a change.
			if _, err := s.Put(ctx, &store.Flag{Name: "NEW_CHECKOUT"}); err != nil {
				log.Print(err)
			}
			continue
		}
		fmt.Println("read", change.Names)
		break
	}
	// Output:
	// read everything
	// read [NEW_CHECKOUT]
}

func ExampleStore_WaitReady() {
	address, stop := startService()
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	s := thriftrpc.New(address, thriftrpc.WithTimeout(100*time.Millisecond))
	defer s.Close()
	fmt.Println(s.WaitReady(ctx))
	// Output: <nil>
}
