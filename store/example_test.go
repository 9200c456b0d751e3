// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/memory"
)

// Two writers change different parts of one flag. Neither undoes the other.
func ExampleUpdate() {
	ctx := context.Background()
	flags := memory.New()
	if _, err := flags.Put(ctx, &store.Flag{Name: "DARK_MODE", Enabled: true}); err != nil {
		log.Fatal(err)
	}

	f, err := store.Update(ctx, flags, "DARK_MODE", func(f *store.Flag) error {
		f.Enabled = false
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(f.Name, f.Enabled)

	_, err = store.Update(ctx, flags, "LIGHT_MODE", func(*store.Flag) error { return nil })
	fmt.Println(errors.Is(err, store.ErrNotFound))
	// Output:
	// DARK_MODE false
	// true
}

// A reader that re-reads what it is told of has the last state of every flag.
func ExampleWatcher() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	flags := memory.New()

	for change, err := range flags.Watch(ctx) {
		switch {
		case err != nil:
			log.Print(err) // the loop goes on when the connection is back
		case change.All:
			fmt.Println("read all flags")
			if _, err := flags.Put(ctx, &store.Flag{Name: "DARK_MODE"}); err != nil {
				log.Fatal(err)
			}
		default:
			fmt.Println("read", change.Names)
			cancel()
		}
	}
	// Output:
	// read all flags
	// read [DARK_MODE]
}

func ExampleNotifier() {
	var changes store.Notifier // a field of your store
	for change, err := range changes.Watch(context.Background()) {
		if err != nil {
			fmt.Println(err)
			break
		}
		if change.All {
			changes.Notify("B")
			changes.Notify("A")
			continue
		}
		fmt.Println(change.Names)
		changes.Close()
	}
	// Output:
	// [A B]
	// store is closed
}
