// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package bootstrap_test

import (
	"context"
	"embed"
	"fmt"
	"log"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/bootstrap"
	"github.com/flipper-go/flipper/store/memory"
)

//go:embed testdata/flags.json
var files embed.FS

func Example() {
	ctx := context.Background()
	flags, err := bootstrap.ReadFile(files, "testdata/flags.json")
	if err != nil {
		log.Fatal(err)
	}
	s := memory.New()
	created, err := bootstrap.Seed(ctx, s, flags)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(created)
	fmt.Println(flipper.New(s).IsEnabled(ctx, "NEW_CHECKOUT", flipper.String("country", "CH")))
	// Output:
	// [NEW_CHECKOUT OLD_SEARCH]
	// true
}

func ExampleWithAddMissing() {
	ctx := context.Background()
	flags, err := bootstrap.ReadFile(files, "testdata/flags.json")
	if err != nil {
		log.Fatal(err)
	}
	s := memory.New()
	if _, err := flipper.New(s).Create(ctx, "OLD_SEARCH", flipper.WithEnabled(true)); err != nil {
		log.Fatal(err)
	}
	created, err := bootstrap.Seed(ctx, s, flags)
	fmt.Println(created, err)
	created, err = bootstrap.Seed(ctx, s, flags, bootstrap.WithAddMissing())
	fmt.Println(created, err)
	fmt.Println(flipper.New(s).IsEnabled(ctx, "OLD_SEARCH")) // as it was
	// Output:
	// [] <nil>
	// [NEW_CHECKOUT] <nil>
	// true
}
