// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package impression_test

import (
	"context"
	"fmt"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/impression"
	"github.com/flipper-go/flipper/store/memory"
)

func ExampleNew() {
	send := func(_ context.Context, batch []flipper.Impression) error {
		for _, i := range batch {
			fmt.Println(i.Name, i.Enabled, i.Reason, i.Attrs[0].Name, i.Attrs[0].Value)
		}
		return nil
	}
	recorder := impression.New(send, impression.WithAttributes("plan"))

	ctx := context.Background()
	features := flipper.New(memory.New(), flipper.WithImpressions(recorder, 1))
	flag, err := features.Create(ctx, "NEW_SEARCH", flipper.WithEnabled(true))
	if err != nil {
		fmt.Println(err)
		return
	}
	flag.IsEnabled(ctx, flipper.String("plan", "pro"), flipper.String("email", "someone@example.com"))

	if err := recorder.Close(ctx); err != nil {
		fmt.Println(err)
	}
	fmt.Println(recorder.Dropped(), "dropped")
	// Output:
	// NEW_SEARCH true STATIC plan "pro"
	// 0 dropped
}
