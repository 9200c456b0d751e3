// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipperotel

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/flipper-go/flipper/store/instrumented"
	"github.com/flipper-go/flipper/telemetry"
)

const keyOperation = attribute.Key("db.operation.name")

// An Observer makes spans and metrics of the calls of a store. It is an
// [instrumented.Observer]. It is safe for concurrent use.
type Observer struct {
	options
	tracer    trace.Tracer
	durations metric.Float64Histogram
	succeeded map[instrumented.Operation]metric.MeasurementOption
}

var _ instrumented.Observer = (*Observer)(nil)

// NewObserver makes an Observer. The error is that of the meter.
func NewObserver(opts ...Option) (*Observer, error) {
	o := &Observer{options: newOptions(opts), succeeded: map[instrumented.Operation]metric.MeasurementOption{}}
	o.tracer = o.tracers.Tracer(scope)
	var err error
	o.durations, err = o.meters.Meter(scope).Float64Histogram("flipper.store.call.duration",
		metric.WithUnit("s"),
		metric.WithDescription("How long calls of the store took."),
		metric.WithExplicitBucketBoundaries(.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10))
	if err != nil {
		return nil, fmt.Errorf("metrics of the flag store: %w", err)
	}
	for _, operation := range []instrumented.Operation{
		instrumented.OperationGet, instrumented.OperationPut, instrumented.OperationDelete, instrumented.OperationList,
	} {
		o.succeeded[operation] = metric.WithAttributeSet(attribute.NewSet(o.with(keyOperation.String(string(operation)))...))
	}
	return o, nil
}

// with returns the attributes of all calls and some more.
func (o *Observer) with(more ...attribute.KeyValue) []attribute.KeyValue {
	return append(slices.Clip(o.attributes), more...)
}

// Begin is for [instrumented.New].
func (o *Observer) Begin(ctx context.Context, call instrumented.Call) (context.Context, func(error)) {
	began := time.Now()
	operation := keyOperation.String(string(call.Operation))
	ctx, span := o.tracer.Start(ctx, string(call.Operation)+" flipper", trace.WithSpanKind(trace.SpanKindClient))
	if span.IsRecording() {
		span.SetAttributes(o.with(operation)...)
		if call.Name != "" {
			span.SetAttributes(keyFlag.String(call.Name))
		}
	}
	return ctx, func(err error) {
		took := time.Since(began).Seconds()
		if err == nil {
			o.durations.Record(ctx, took, o.succeeded[call.Operation])
			span.End()
			return
		}
		errorType := keyErrorType.String(telemetry.ErrorType(err))
		o.durations.Record(ctx, took, metric.WithAttributes(o.with(operation, errorType)...))
		span.SetAttributes(errorType)
		if telemetry.IsFailure(err) {
			span.SetStatus(codes.Error, err.Error())
		}
		span.End()
	}
}
