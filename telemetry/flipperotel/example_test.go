// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipperotel_test

import (
	"context"
	"fmt"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/store/instrumented"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/telemetry/flipperotel"
)

func ExampleNewHook() {
	// A program sets up OpenTelemetry once, with exporters of its own.
	exporter := tracetest.NewInMemoryExporter()
	tracers := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))
	defer tracers.Shutdown(context.Background())
	meters := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))
	defer meters.Shutdown(context.Background())

	hook, err := flipperotel.NewHook(flipperotel.WithMeterProvider(meters))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer hook.Close()
	defer meters.ForceFlush(context.Background()) // before Close, which takes the metrics with it
	observer, err := flipperotel.NewObserver(flipperotel.WithMeterProvider(meters), flipperotel.WithTracerProvider(tracers))
	if err != nil {
		fmt.Println(err)
		return
	}
	flags := instrumented.New(memory.New(), observer)
	features := flipper.New(flags, flipper.WithHook(hook))

	ctx, span := tracers.Tracer("shop").Start(context.Background(), "GET /search")
	if _, err := features.Create(ctx, "NEW_SEARCH", flipper.WithEnabled(true)); err != nil {
		fmt.Println(err)
	}
	features.IsEnabled(ctx, "NEW_SEARCH")
	span.End()

	for _, span := range exporter.GetSpans() {
		fmt.Println(span.Name)
		for _, event := range span.Events {
			fmt.Println("-", event.Name)
			for _, attribute := range event.Attributes {
				fmt.Println(" ", attribute.Key, attribute.Value.String())
			}
		}
	}
	// Output:
	// put flipper
	// GET /search
	// - feature_flag.evaluation
	//   feature_flag.key NEW_SEARCH
	//   feature_flag.result.value true
	//   feature_flag.result.reason static
	//   feature_flag.provider.name flipper
	//   feature_flag.result.variant on
}

// A Recorder says who asked, by the attribute that is named.
func ExampleNewRecorder() {
	exporter := tracetest.NewInMemoryExporter()
	tracers := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))
	defer tracers.Shutdown(context.Background())

	recorder := flipperotel.NewRecorder(flipperotel.WithTargetingKey("user_id"))
	features := flipper.New(memory.New(), flipper.WithImpressions(recorder, 1))

	ctx, span := tracers.Tracer("shop").Start(context.Background(), "GET /search")
	if _, err := features.Create(ctx, "NEW_SEARCH", flipper.WithEnabled(true)); err != nil {
		fmt.Println(err)
	}
	features.IsEnabled(ctx, "NEW_SEARCH", flipper.Int("user_id", 7))
	span.End()

	for _, attribute := range exporter.GetSpans()[0].Events[0].Attributes {
		fmt.Println(attribute.Key, attribute.Value.String())
	}
	// Output:
	// feature_flag.key NEW_SEARCH
	// feature_flag.result.value true
	// feature_flag.result.reason static
	// feature_flag.provider.name flipper
	// feature_flag.result.variant on
	// feature_flag.context.id 7
}
