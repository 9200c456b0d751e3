// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/exporters/stdout/stdoutmetric"
	"go.opentelemetry.io/otel/exporters/stdout/stdouttrace"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// telemetry is OpenTelemetry's traces and metrics. Metrics for Prometheus need no
// such thing: they are read, not sent.
type telemetry struct {
	traces  *sdktrace.TracerProvider
	metrics *sdkmetric.MeterProvider
}

// newTelemetry sends traces and metrics to standard output, to a collector (see
// OpenTelemetry's OTEL_EXPORTER_OTLP_… variables), or nowhere.
func newTelemetry(ctx context.Context, exporter string) (telemetry, error) {
	var spans sdktrace.SpanExporter
	var metrics sdkmetric.Exporter
	var err, metricsErr error
	switch exporter {
	case "none":
		return telemetry{sdktrace.NewTracerProvider(), sdkmetric.NewMeterProvider()}, nil
	case "stdout":
		spans, err = stdouttrace.New()
		metrics, metricsErr = stdoutmetric.New()
	case "otlp":
		spans, err = otlptracehttp.New(ctx)
		metrics, metricsErr = otlpmetrichttp.New(ctx)
	default:
		err = fmt.Errorf("TELEMETRY is %q, not none, stdout or otlp", exporter)
	}
	if err := errors.Join(err, metricsErr); err != nil {
		return telemetry{}, err
	}
	return telemetry{
		sdktrace.NewTracerProvider(sdktrace.WithBatcher(spans)),
		sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewPeriodicReader(metrics))),
	}, nil
}

// Close sends what is left.
func (t telemetry) Close(ctx context.Context) error {
	return errors.Join(t.traces.Shutdown(ctx), t.metrics.Shutdown(ctx))
}
