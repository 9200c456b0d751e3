// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry_test

import (
	"context"
	"fmt"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/telemetry"
)

func ExampleEvaluations() {
	evaluations := telemetry.NewEvaluations(telemetry.DefaultMaxFlags)
	features := flipper.New(memory.New(), flipper.WithHook(evaluations))

	ctx := context.Background()
	flag, err := features.Create(ctx, "NEW_SEARCH", flipper.WithEnabled(true))
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 3 {
		flag.IsEnabled(ctx)
	}
	for count := range evaluations.Counts() {
		fmt.Println(count.Flag, count.Enabled, count.Reason, count.Number)
	}
	// Output:
	// NEW_SEARCH true static 3
}

func ExampleErrorType() {
	fmt.Println(telemetry.ErrorType(fmt.Errorf("get flag: %w", store.ErrUnavailable)))
	// Output:
	// unavailable
}
