// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipperotel

import (
	"slices"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	otellog "go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/flipper-go/flipper/telemetry"
)

// scope is the name of what makes our spans and metrics.
const scope = "github.com/flipper-go/flipper/telemetry/flipperotel"

// An Option changes what [NewHook], [NewRecorder] and [NewObserver] make. Each says
// whom it is for; the others ignore it.
type Option func(*options)

type options struct {
	tracers      trace.TracerProvider
	meters       metric.MeterProvider
	attributes   []attribute.KeyValue
	setID        string
	targetingKey string
	maxFlags     int
	noEvents     bool
	logger       otellog.Logger // nil if events are those of spans
}

func newOptions(opts []Option) options {
	o := options{maxFlags: telemetry.DefaultMaxFlags}
	for _, opt := range opts {
		opt(&o)
	}
	if o.tracers == nil {
		o.tracers = otel.GetTracerProvider()
	}
	if o.meters == nil {
		o.meters = otel.GetMeterProvider()
	}
	return o
}

// WithTracerProvider sets whose tracer an [Observer] uses. The default is
// [otel.GetTracerProvider]. A [Hook] and a [Recorder] need none.
func WithTracerProvider(p trace.TracerProvider) Option { return func(o *options) { o.tracers = p } }

// WithMeterProvider sets whose meter a [Hook] and an [Observer] use. The default is
// [otel.GetMeterProvider].
func WithMeterProvider(p metric.MeterProvider) Option { return func(o *options) { o.meters = p } }

// WithAttributes adds attributes to the spans and metrics of an [Observer], such as
// db.system.name and server.address. By default there are none but its own.
func WithAttributes(attributes ...attribute.KeyValue) Option {
	attributes = slices.Clone(attributes)
	return func(o *options) { o.attributes = append(o.attributes, attributes...) }
}

// WithSetID sets feature_flag.set.id, which tells several sets of flags apart, for
// a [Hook] and a [Recorder]. By default it is left out.
func WithSetID(id string) Option { return func(o *options) { o.setID = id } }

// WithMaxFlags sets how many flags have series of their own at most, for a [Hook].
// The default is [telemetry.DefaultMaxFlags].
func WithMaxFlags(n int) Option { return func(o *options) { o.maxFlags = n } }

// WithLoggerProvider makes a [Hook] and a [Recorder] emit their events to the logs, as
// the semantic convention now asks. By default events are added to the span that the
// evaluation's context carries.
func WithLoggerProvider(p otellog.LoggerProvider) Option {
	return func(o *options) { o.logger = p.Logger(scope) }
}

// WithoutEvents makes a [Hook] report metrics only. By default it makes events too.
// Use it beside a [Recorder], which makes them with more.
func WithoutEvents() Option { return func(o *options) { o.noEvents = true } }

// WithTargetingKey names the attribute that says who asked, such as "user_id", for
// a [Recorder]. By default there is none: it is personal data as a rule.
func WithTargetingKey(name string) Option { return func(o *options) { o.targetingKey = name } }
