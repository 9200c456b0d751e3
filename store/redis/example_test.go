// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package redis_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/redis/go-redis/v9"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/store"
	redisstore "github.com/flipper-go/flipper/store/redis"
)

// options are those of a client, such as &redis.Options{Addr: "localhost:6379"}.
// The server runs for the examples.
var options = redisstore.ServerOfExamples

func Example() {
	ctx := context.Background()
	client := redis.NewClient(options()) // such as &redis.Options{Addr: "localhost:6379"}
	defer client.Close()
	flags, err := redisstore.New(client)
	if err != nil {
		log.Fatal(err)
	}
	defer flags.Close()

	features := flipper.New(flags)
	if _, err := features.Create(ctx, "NEW_CHECKOUT"); err != nil {
		log.Fatal(err)
	}
	if err := features.Enable(ctx, "NEW_CHECKOUT"); err != nil {
		log.Fatal(err)
	}
	fmt.Println(features.IsEnabled(ctx, "NEW_CHECKOUT"))
	fmt.Println(client.Exists(ctx, "features/NEW_CHECKOUT").Val())
	// Output:
	// true
	// 1
}

func ExampleWithBaseKey() {
	ctx := context.Background()
	client := redis.NewClient(options())
	defer client.Close()
	flags, err := redisstore.New(client, redisstore.WithBaseKey("staging"))
	if err != nil {
		log.Fatal(err)
	}
	defer flags.Close()

	if _, err := flags.Put(ctx, &store.Flag{Name: "NEW_CHECKOUT", Enabled: true}); err != nil {
		log.Fatal(err)
	}
	fmt.Println(client.Get(ctx, "staging/NEW_CHECKOUT").Val())
	// Output:
	// {"feature_name": "NEW_CHECKOUT", "is_enabled": true, "meta": {"client_data": {}, "created_date": 0, "conditions": [], "bucketer": {"type": "NoOpBucketer"}}}
}

// What another process writes, in any language, is told at once.
func ExampleStore_Watch() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	client := redis.NewClient(options())
	defer client.Close()
	flags, err := redisstore.New(client, redisstore.WithBaseKey("watched"))
	if err != nil {
		log.Fatal(err)
	}
	defer flags.Close()

	for change, err := range flags.Watch(ctx) {
		switch {
		case err != nil:
			log.Print(err) // it goes on by itself
		case change.All:
			fmt.Println("read everything")
			client.Set(ctx, "watched/NEW_CHECKOUT", `{"feature_name": "NEW_CHECKOUT", "is_enabled": true, "meta": {"created_date": 1700000000}}`, 0)
		default:
			for _, name := range change.Names {
				flag, err := flags.Get(ctx, name)
				if err != nil {
					log.Fatal(err)
				}
				fmt.Println(flag.Name, flag.Enabled)
			}
			cancel()
		}
	}
	// Output:
	// read everything
	// NEW_CHECKOUT true
}

func ExampleStore_List() {
	ctx := context.Background()
	client := redis.NewClient(options())
	defer client.Close()
	flags, err := redisstore.New(client, redisstore.WithBaseKey("listed"))
	if err != nil {
		log.Fatal(err)
	}
	defer flags.Close()

	for _, name := range []string{"B", "A"} {
		if _, err := flags.Put(ctx, &store.Flag{Name: name}); err != nil {
			log.Fatal(err)
		}
	}
	client.Set(ctx, "listed/BROKEN", "not JSON", 0)
	for flag, err := range flags.List(ctx) {
		if errors.Is(err, store.ErrUnreadable) {
			fmt.Println("unreadable")
			continue
		}
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(flag.Name)
	}
	// Output:
	// A
	// B
	// unreadable
}
