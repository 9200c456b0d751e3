// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package mirror_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/store/mirror"
)

func Example() {
	inner := memory.New() // a store that asks a server, as a rule
	s := mirror.New(inner)
	defer s.Close()

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := s.WaitReady(ctx); err != nil {
		log.Fatal(err)
	}
	features := flipper.New(s)
	if _, err := features.Create(ctx, "MY_FEATURE", flipper.WithEnabled(true)); err != nil {
		log.Fatal(err)
	}
	fmt.Println(features.IsEnabled(ctx, "MY_FEATURE"))
	// Output: true
}

func ExampleWithLastGood() {
	folder, err := os.MkdirTemp("", "flags")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)
	file := filepath.Join(folder, "last-good.json")

	inner := memory.New()
	s := mirror.New(inner, mirror.WithLastGood(file))
	ctx := context.Background()
	if err := s.WaitReady(ctx); err != nil {
		log.Fatal(err)
	}
	if _, err := s.Put(ctx, &store.Flag{Name: "MY_FEATURE"}); err != nil {
		log.Fatal(err)
	}
	_ = s.Close() // writes the file
	_, err = os.Stat(file)
	fmt.Println(err)
	// Output: <nil>
}
