// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package consul_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/flipper-go/flipper/internal/consultest"
	"github.com/flipper-go/flipper/store"
	consulstore "github.com/flipper-go/flipper/store/consul"
)

// newClient starts a Consul server and returns a client for it. A program takes
// its own: api.NewClient(api.DefaultConfig()), as a rule.
func newClient() (client *api.Client, stop func()) {
	agent, stopAgent := consultest.StartForExample()
	transport := new(http.Transport)
	client, err := api.NewClient(&api.Config{Address: agent.Address, Transport: transport})
	if err != nil {
		log.Fatal(err)
	}
	return client, func() {
		transport.CloseIdleConnections()
		stopAgent()
	}
}

func Example() {
	client, stop := newClient()
	defer stop()
	ctx := context.Background()

	flags, err := consulstore.New(client)
	if err != nil {
		log.Fatal(err)
	}
	defer flags.Close()

	if _, err := flags.Put(ctx, &store.Flag{Name: "NEW_CHECKOUT", Created: time.Now()}); err != nil {
		log.Fatal(err)
	}
	f, err := store.Update(ctx, flags, "NEW_CHECKOUT", func(f *store.Flag) error {
		f.Enabled = true
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(f.Name, f.Enabled)

	_, err = flags.Get(ctx, "NO_SUCH_FLAG")
	fmt.Println(errors.Is(err, store.ErrNotFound))

	_, err = flags.Put(ctx, &store.Flag{Name: "a//b"})
	fmt.Println(errors.Is(err, store.ErrInvalidName))
	// Output:
	// NEW_CHECKOUT true
	// true
	// true
}

func ExampleStore_WaitReady() {
	client, stop := newClient()
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	flags, err := consulstore.New(client, consulstore.WithBaseKey("team/features"))
	if err != nil {
		log.Fatal(err)
	}
	defer flags.Close()
	_, known := flags.Peek("NEW_CHECKOUT")
	fmt.Println("known:", known)
	if err := flags.WaitReady(ctx); err != nil {
		log.Fatal(err) // Consul is not there, or the token may not read
	}
	f, known := flags.Peek("NEW_CHECKOUT")
	fmt.Println("known:", known, f)
	// Output:
	// known: false
	// known: true <nil>
}

func ExampleStore_Watch() {
	client, stop := newClient()
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	flags, err := consulstore.New(client)
	if err != nil {
		log.Fatal(err)
	}
	defer flags.Close()
	for change, err := range flags.Watch(ctx) {
		if err != nil {
			log.Print(err) // it goes on when Consul is back
			continue
		}
		if change.All {
			fmt.Println("read everything")
			// Another program makes a flag, with `consul kv put` for example.
			value := `{"feature_name": "NEW_CHECKOUT", "is_enabled": true, "meta": {"created_date": 1700000000}}`
			if _, err := client.KV().Put(&api.KVPair{Key: "features/NEW_CHECKOUT", Value: []byte(value)}, nil); err != nil {
				log.Fatal(err)
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

func ExampleStore_Age() {
	client, stop := newClient()
	defer stop()
	flags, err := consulstore.New(client)
	if err != nil {
		log.Fatal(err)
	}
	defer flags.Close()
	if err := flags.WaitReady(context.Background()); err != nil {
		log.Fatal(err)
	}
	age, stale := flags.Age("NEW_CHECKOUT")
	fmt.Println(age, stale)
	// Output: 0s false
}
