// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipperprometheus

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/instrumented"
	"github.com/flipper-go/flipper/telemetry"
)

// calls are the metrics of the calls of stores.
type calls struct {
	durations *prometheus.HistogramVec
	errors    *prometheus.CounterVec
	watched   *prometheus.CounterVec
}

func (c *calls) init(buckets []float64) {
	c.durations = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "flipper_store_call_duration_seconds",
		Help:    "How long calls of the store took.",
		Buckets: buckets,
	}, []string{"operation"})
	c.errors = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "flipper_store_call_errors_total",
		Help: "Calls of the store that ended with an error, such as flag_not_found.",
	}, []string{"operation", "error_type"})
	c.watched = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "flipper_store_watch_events_total",
		Help: "What watches of the store have told of: a change, that all flags may have changed, or an error.",
	}, []string{"event"})
}

func (c *calls) describe(descs chan<- *prometheus.Desc) {
	c.durations.Describe(descs)
	c.errors.Describe(descs)
	c.watched.Describe(descs)
}

func (c *calls) collect(metrics chan<- prometheus.Metric) {
	c.durations.Collect(metrics)
	c.errors.Collect(metrics)
	c.watched.Collect(metrics)
}

// Begin measures a call. It is for [instrumented.New].
func (c *Collector) Begin(ctx context.Context, call instrumented.Call) (context.Context, func(error)) {
	began := time.Now()
	return ctx, func(err error) {
		operation := string(call.Operation)
		c.calls.durations.WithLabelValues(operation).Observe(time.Since(began).Seconds())
		if err != nil {
			c.calls.errors.WithLabelValues(operation, telemetry.ErrorType(err)).Inc()
		}
	}
}

// Watched counts what a watch has yielded. It is for [instrumented.New].
func (c *Collector) Watched(_ context.Context, change store.Change, err error) {
	event := "change"
	switch {
	case err != nil:
		event = "error"
	case change.All:
		event = "all"
	}
	c.calls.watched.WithLabelValues(event).Inc()
}
