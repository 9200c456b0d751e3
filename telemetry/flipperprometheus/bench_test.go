// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipperprometheus_test

import (
	"context"
	"testing"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/impression"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/instrumented"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/targeting/carta"
	"github.com/flipper-go/flipper/telemetry/flipperprometheus"
)

// BenchmarkEvaluation is what an evaluation costs with what can be added to it.
func BenchmarkEvaluation(b *testing.B) {
	flags := memory.New()
	pro := carta.NewCondition(carta.Equal("plan", "pro"))
	if _, err := flipper.New(flags).Create(b.Context(), "flag", flipper.WithEnabled(true), flipper.WithConditions(pro)); err != nil {
		b.Fatal(err)
	}
	metrics := flipperprometheus.NewCollector()
	recorder := impression.New(func(context.Context, []flipper.Impression) error { return nil }, impression.WithAttributes("plan"))
	defer recorder.Close(context.Background())
	for _, bench := range []struct {
		name  string
		store store.Store
		opts  []flipper.Option
	}{
		{"plain", flags, nil},
		{"instrumented", instrumented.New(flags, metrics), nil},
		{"hook", flags, []flipper.Option{flipper.WithHook(metrics)}},
		{"impressions=0.001", flags, []flipper.Option{flipper.WithImpressions(recorder, 0.001)}},
		{"impressions=0.01", flags, []flipper.Option{flipper.WithImpressions(recorder, 0.01)}},
		{"impressions=1", flags, []flipper.Option{flipper.WithImpressions(recorder, 1)}},
	} {
		features := flipper.New(bench.store, bench.opts...)
		ctx := b.Context()
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				features.IsEnabled(ctx, "flag", flipper.String("plan", "pro"))
			}
		})
		b.Run(bench.name+"/parallel", func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					features.IsEnabled(ctx, "flag", flipper.String("plan", "pro"))
				}
			})
		})
	}
}

// BenchmarkGet is what observing a call of a store costs, on the fastest of them.
func BenchmarkGet(b *testing.B) {
	flags := memory.New()
	if _, err := flags.Put(b.Context(), &store.Flag{Name: "flag"}); err != nil {
		b.Fatal(err)
	}
	for name, s := range map[string]store.Store{"plain": flags, "instrumented": instrumented.New(flags, flipperprometheus.NewCollector())} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = s.Get(b.Context(), "flag")
			}
		})
	}
}

// The client reads an instrumented store as it does the store within.
func TestEvaluationAllocs(t *testing.T) {
	metrics := flipperprometheus.NewCollector()
	features := flipper.New(instrumented.New(memory.New(), metrics), flipper.WithHook(metrics))
	if _, err := features.Create(t.Context(), "flag"); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	if n := testing.AllocsPerRun(100, func() { features.IsEnabled(ctx, "flag", flipper.String("plan", "pro")) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
