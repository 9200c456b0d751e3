// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package cached_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/store/cached"
	"github.com/flipper-go/flipper/store/memory"
)

func Example() {
	inner := memory.New() // a store that asks a server, as a rule
	s := cached.New(inner,
		cached.WithSize(1000),
		cached.WithTTL(time.Minute),
		cached.WithErrorHandler(func(name string, age time.Duration, err error) {
			log.Printf("flag %s is %v old: %v", name, age, err)
		}))
	defer s.Close()

	ctx := context.Background()
	features := flipper.New(s)
	if _, err := features.Create(ctx, "MY_FEATURE"); err != nil {
		log.Fatal(err)
	}
	if err := features.Enable(ctx, "MY_FEATURE"); err != nil {
		log.Fatal(err)
	}
	fmt.Println(features.IsEnabled(ctx, "MY_FEATURE"))
	// Output: true
}

func ExampleStore_Age() {
	s := cached.New(memory.New())
	defer s.Close()
	age, stale := s.Age("MY_FEATURE") // of what is not held
	fmt.Println(age, stale)
	// Output: 0s false
}
