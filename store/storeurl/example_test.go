// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package storeurl_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/store/storeurl"
)

func ExampleOpen() {
	// As a rule the environment has it: os.Getenv("FLIPPER_STORE").
	folder, err := os.MkdirTemp("", "flags")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(folder)
	url := "bolt:" + filepath.Join(folder, "flags.db")

	flags, err := storeurl.Open(url)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer flags.Close()
	features := flipper.New(flags)

	ctx := context.Background()
	if _, err := features.Create(ctx, "MY_FEATURE", flipper.WithEnabled(true)); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(features.IsEnabled(ctx, "MY_FEATURE"))
	// Output: true
}

// An error says what to write instead.
func ExampleOpen_invalid() {
	_, err := storeurl.Open("localhost:6379")
	fmt.Println(err)
	// Output: invalid store URL: the scheme is missing: write redis://localhost:6379
}
