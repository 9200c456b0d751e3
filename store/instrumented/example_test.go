// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package instrumented_test

import (
	"context"
	"fmt"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/instrumented"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/store/mirror"
)

// printed is an observer that prints.
type printed struct{}

func (printed) Begin(ctx context.Context, call instrumented.Call) (context.Context, func(error)) {
	return ctx, func(err error) { fmt.Println(call.Operation, call.Name, err) }
}

func ExampleNew() {
	flags := instrumented.New(memory.New(), printed{})
	_, _ = flags.Put(context.Background(), &store.Flag{Name: "NEW_SEARCH"})
	_, _ = flags.Get(context.Background(), "OTHER")
	// Output:
	// put NEW_SEARCH <nil>
	// get OTHER flag not found
}

// A mirror asks the store below it once for all flags, and answers all reads
// itself.
func ExampleNewWatcher() {
	flags := mirror.New(instrumented.NewWatcher(memory.New(), printed{}))
	defer flags.Close()
	if err := flags.WaitReady(context.Background()); err != nil {
		fmt.Println(err)
	}
	_, _ = flags.Get(context.Background(), "NEW_SEARCH")
	// Output:
	// list  <nil>
}
