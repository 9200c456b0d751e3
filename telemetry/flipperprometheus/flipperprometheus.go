// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package flipperprometheus has metrics of evaluations, and of the calls and the
// age of a store, for Prometheus.
//
//	metrics := flipperprometheus.NewCollector()
//	prometheus.MustRegister(metrics)
//
//	flags := mirror.New(instrumented.NewWatcher(redisstore, metrics))
//	metrics.ObserveAge(flags)
//	features := flipper.New(flags, flipper.WithHook(metrics))
//
// # Metrics
//
//	flipper_evaluations_total{flag, enabled, reason, error_type}
//	    Evaluations. enabled is the answer that the caller got, true or false;
//	    reason is OpenFeature's term in lower case, such as targeting_match; where
//	    that is error, error_type says which, such as flag_not_found.
//	flipper_flag_age_seconds
//	    Age of the oldest data that the store holds, of the flags that were
//	    evaluated. Only after ObserveAge.
//	flipper_stale_flags
//	    How many of them the store has tried to read again, and could not. Only
//	    after ObserveAge.
//	flipper_store_call_duration_seconds{operation}
//	    Histogram of the calls of the store: get, put, delete and list. Its count
//	    is the number of calls.
//	flipper_store_call_errors_total{operation, error_type}
//	    Calls that ended with an error. Some are answers, such as flag_not_found or
//	    conflict; unavailable and timeout are failures.
//	flipper_store_watch_events_total{event}
//	    What watches of the store have yielded: change, or all (any flag may have
//	    changed: a watch has begun, or its connection is back), or error (it is lost).
//
// # Cardinality
//
// A flag has series of its own once it was found in the store, and at most 1,000
// flags have (see [WithMaxFlags]). All others are counted together, with the flag
// "_other". So names that come from requests cannot fill a Prometheus. Variants are no
// label: a flag can have 100, and each would multiply the series. For who gets which
// variant, there are impressions.
package flipperprometheus

import (
	"context"
	"strconv"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/instrumented"
	"github.com/flipper-go/flipper/telemetry"
)

// A Collector has the metrics of a flag client and its stores. It is a
// [flipper.Hook], an [instrumented.WatchObserver] and a [prometheus.Collector]. It
// is safe for concurrent use.
//
// Two of them do not fit into one registry as they are: register each with
// labels of its own, with [prometheus.WrapRegistererWith].
type Collector struct {
	evaluations *telemetry.Evaluations
	dated       atomic.Pointer[store.Dated]
	calls       calls
}

var (
	_ prometheus.Collector       = (*Collector)(nil)
	_ flipper.Hook               = (*Collector)(nil)
	_ instrumented.WatchObserver = (*Collector)(nil)
)

var (
	evaluations = prometheus.NewDesc("flipper_evaluations_total",
		"Evaluations of flags, by the answer and what decided.", []string{"flag", "enabled", "reason", "error_type"}, nil)
	age = prometheus.NewDesc("flipper_flag_age_seconds",
		"Age of the oldest data held of the flags that were evaluated.", nil, nil)
	stale = prometheus.NewDesc("flipper_stale_flags",
		"Evaluated flags whose data the store could not read again.", nil, nil)
)

// An Option changes what [NewCollector] makes.
type Option func(*options)

type options struct {
	maxFlags int
	buckets  []float64
}

// WithMaxFlags sets how many flags have series of their own at most. The default is
// [telemetry.DefaultMaxFlags].
func WithMaxFlags(n int) Option { return func(o *options) { o.maxFlags = n } }

// WithBuckets sets the upper bounds of the buckets of the histogram of calls, in
// seconds. The default is 0.1 ms to 10 s, in steps of about 2.5.
func WithBuckets(bounds ...float64) Option { return func(o *options) { o.buckets = bounds } }

// NewCollector makes a Collector. It registers it nowhere.
func NewCollector(opts ...Option) *Collector {
	o := options{
		maxFlags: telemetry.DefaultMaxFlags,
		buckets:  []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
	}
	for _, opt := range opts {
		opt(&o)
	}
	c := &Collector{evaluations: telemetry.NewEvaluations(o.maxFlags)}
	c.calls.init(o.buckets)
	return c
}

// ObserveAge makes the Collector give the age of the data of a store: the one that
// the flag client has. A store that is no [store.Dated] has none. It may be called
// at any time; the last store counts.
func (c *Collector) ObserveAge(s store.Store) {
	dated, ok := s.(store.Dated)
	if !ok {
		c.dated.Store(nil)
		return
	}
	c.dated.Store(&dated)
}

// Evaluated counts an evaluation. It is for [flipper.WithHook].
func (c *Collector) Evaluated(ctx context.Context, name string, e flipper.Evaluation) {
	c.evaluations.Evaluated(ctx, name, e)
}

// Describe implements [prometheus.Collector].
func (c *Collector) Describe(descs chan<- *prometheus.Desc) {
	descs <- evaluations
	descs <- age
	descs <- stale
	c.calls.describe(descs)
}

// Collect implements [prometheus.Collector].
func (c *Collector) Collect(metrics chan<- prometheus.Metric) {
	for count := range c.evaluations.Counts() {
		metrics <- prometheus.MustNewConstMetric(evaluations, prometheus.CounterValue, float64(count.Number),
			count.Flag, strconv.FormatBool(count.Enabled), count.Reason, count.ErrorType)
	}
	if dated := c.dated.Load(); dated != nil {
		oldest, n := c.evaluations.Age(*dated)
		metrics <- prometheus.MustNewConstMetric(age, prometheus.GaugeValue, oldest.Seconds())
		metrics <- prometheus.MustNewConstMetric(stale, prometheus.GaugeValue, float64(n))
	}
	c.calls.collect(metrics)
}
