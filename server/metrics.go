// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/thrift"
)

// callBuckets are the upper bounds of the classes of call durations, in seconds:
// from what a read from memory takes to the store's time limit.
var callBuckets = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

// The classes of failures of the store.
const (
	classTimeout     = "timeout"
	classUnavailable = "unavailable"
	classUnreadable  = "unreadable"
	classOther       = "other"
)

// metrics are what /metrics shows. Values of labels are those of this module, and
// never what clients send, so that there are few. metrics is a
// [thrift.HandshakeObserver].
type metrics struct {
	registry *prometheus.Registry

	calls         *prometheus.CounterVec
	durations     *prometheus.HistogramVec
	watches       prometheus.Gauge
	watchesEnded  *prometheus.CounterVec
	connections   prometheus.Gauge
	opened        prometheus.Counter
	evicted       prometheus.Counter
	refused       prometheus.Counter
	storeFailures *prometheus.CounterVec
	handshakes    *prometheus.CounterVec // that failed
}

var _ thrift.HandshakeObserver = (*metrics)(nil)

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

func gauge(name, help string) prometheus.Gauge {
	return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
}

// newMetrics makes the metrics, and those of others.
func newMetrics(labels map[string]string, version string, others ...prometheus.Collector) (*metrics, error) {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		calls: counters("flipper_thrift_calls_total",
			"Calls but long polls, by method and outcome.", "method", "outcome"),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "flipper_thrift_call_duration_seconds",
			Help:    "Time from when a request was there until its reply was made, by method, without long polls.",
			Buckets: callBuckets,
		}, []string{"method"}),
		watches:      gauge("flipper_thrift_watches", "Long polls in flight."),
		watchesEnded: counters("flipper_thrift_watches_ended_total", "Long polls that were answered, by outcome.", "outcome"),
		connections:  gauge("flipper_thrift_connections", "Open Thrift connections."),
		opened:       counter("flipper_thrift_connections_opened_total", "Thrift connections that were accepted."),
		evicted:      counter("flipper_thrift_connections_evicted_total", "Idle Thrift connections that were closed to make room for another."),
		refused:      counter("flipper_thrift_connections_refused_total", "Thrift connections that were closed at once because there was no room."),
		storeFailures: counters("flipper_store_failures_total",
			"Failures of the store in calls and watches, and unreadable flags left out of lists, by class.", "class"),
		handshakes: counters("flipper_tls_handshake_failures_total",
			"TLS handshakes that failed, by endpoint and reason.", "endpoint", "reason"),
	}
	for _, class := range []string{classTimeout, classUnavailable, classUnreadable, classOther} {
		m.storeFailures.WithLabelValues(class)
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name:        "flipper_build_info",
		Help:        "1, with the server's version.",
		ConstLabels: prometheus.Labels{"version": cmp.Or(version, "(devel)"), "goversion": runtime.Version()},
	})
	build.Set(1)
	labels = maps.Clone(labels)
	maps.DeleteFunc(labels, func(_, value string) bool { return value == "" })
	registerer := prometheus.WrapRegistererWith(labels, m.registry)
	for _, collector := range append([]prometheus.Collector{
		m.calls, m.durations, m.watches, m.watchesEnded, m.connections, m.opened, m.evicted, m.refused, m.storeFailures, m.handshakes, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	}, others...) {
		if err := registerer.Register(collector); err != nil {
			return nil, fmt.Errorf("metrics: %w", err)
		}
	}
	return m, nil
}

// CallEnded counts a call.
func (m *metrics) CallEnded(method string, outcome thrift.Outcome, d time.Duration) {
	m.calls.WithLabelValues(method, string(outcome)).Inc()
	if outcome != thrift.OutcomeBadMessage { // which took no time that is known
		m.durations.WithLabelValues(method).Observe(d.Seconds())
	}
}

// WatchStarted counts a long poll in.
func (m *metrics) WatchStarted() { m.watches.Inc() }

// WatchEnded counts a long poll out.
func (m *metrics) WatchEnded(outcome thrift.Outcome) {
	m.watches.Dec()
	m.watchesEnded.WithLabelValues(string(outcome)).Inc()
}

// ConnectionOpened counts a connection in.
func (m *metrics) ConnectionOpened() {
	m.opened.Inc()
	m.connections.Inc()
}

// ConnectionClosed counts a connection out.
func (m *metrics) ConnectionClosed() { m.connections.Dec() }

// ConnectionEvicted counts a connection that made room for another.
func (m *metrics) ConnectionEvicted() { m.evicted.Inc() }

// ConnectionRefused counts a connection for which there was no room.
func (m *metrics) ConnectionRefused() { m.refused.Inc() }

// storeFailed counts a failure that the service told of.
func (m *metrics) storeFailed(err error) {
	m.storeFailures.WithLabelValues(classOf(err)).Inc()
}

func classOf(err error) string {
	switch {
	case errors.Is(err, store.ErrUnreadable):
		return classUnreadable
	case errors.Is(err, context.DeadlineExceeded):
		return classTimeout
	case errors.Is(err, store.ErrUnavailable):
		return classUnavailable
	}
	return classOther
}

// handler serves the metrics.
func (m *metrics) handler(logger *slog.Logger) http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorLog:      metricsLog{logger},
		ErrorHandling: promhttp.ContinueOnError,
	})
}

// metricsLog passes on what the metrics' handler logs.
type metricsLog struct{ logger *slog.Logger }

// Println logs that metrics are incomplete.
func (l metricsLog) Println(v ...any) {
	l.logger.Warn("metrics are incomplete", slog.String("error", fmt.Sprint(v...)))
}
