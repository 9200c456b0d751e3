// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package memory_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/memory"
)

func Example() {
	ctx := context.Background()
	flags := memory.New()

	created, err := flags.Put(ctx, &store.Flag{Name: "DARK_MODE", ClientData: `{"team": "web"}`})
	if err != nil {
		log.Fatal(err)
	}
	_, err = flags.Put(ctx, &store.Flag{Name: "DARK_MODE"})
	fmt.Println("again:", errors.Is(err, store.ErrExists))

	change := created.Clone()
	change.Enabled = true
	if _, err := flags.Put(ctx, change); err != nil {
		log.Fatal(err)
	}
	_, err = flags.Put(ctx, change) // of the revision that was just replaced
	fmt.Println("stale:", errors.Is(err, store.ErrConflict))

	for f, err := range flags.List(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(f.Name, f.Enabled, f.ClientData)
	}
	// Output:
	// again: true
	// stale: true
	// DARK_MODE true {"team": "web"}
}
