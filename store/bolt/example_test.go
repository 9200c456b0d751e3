// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package bolt_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/bolt"
)

func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "flags")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "flags.db")

	flags, err := bolt.Open(path)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := flags.Put(ctx, &store.Flag{Name: "DARK_MODE", Enabled: true}); err != nil {
		log.Fatal(err)
	}
	if err := flags.Close(); err != nil {
		log.Fatal(err)
	}

	flags, err = bolt.Open(path)
	if err != nil {
		log.Fatal(err)
	}
	defer flags.Close()
	f, err := flags.Get(ctx, "DARK_MODE")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(f.Name, f.Enabled)
	// Output:
	// DARK_MODE true
}

// A file belongs to the one who has it open.
func ExampleOpen() {
	dir, err := os.MkdirTemp("", "flags")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "flags.db")

	flags, err := bolt.Open(path)
	if err != nil {
		log.Fatal(err)
	}
	defer flags.Close()
	_, err = bolt.Open(path)
	fmt.Println(errors.Is(err, bolt.ErrLocked))
	// Output:
	// true
}
