// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package flipperprometheus_test

import (
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/internal/prometheustest"
	"github.com/flipper-go/flipper/store/instrumented"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/store/mirror"
	"github.com/flipper-go/flipper/telemetry/flipperprometheus"
)

// TestScrape lets a Prometheus server scrape a program with a mirror of flags, and
// evaluate the alerts.
func TestScrape(t *testing.T) {
	metrics := flipperprometheus.NewCollector()
	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics)
	program := httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{Registry: registry}))
	defer program.Close()
	server := prometheustest.Start(t, program.Listener.Addr().String(), "alerts.yml")

	flags := mirror.New(instrumented.NewWatcher(memory.New(), metrics))
	defer flags.Close()
	if err := flags.WaitReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	metrics.ObserveAge(flags)
	features := flipper.New(flags, flipper.WithHook(metrics), quiet)
	flag, err := features.Create(t.Context(), "NEW_SEARCH", flipper.WithEnabled(true))
	if err != nil {
		t.Fatal(err)
	}
	flag.IsEnabled(t.Context())
	server.Await("flipper_evaluations_total", map[string]string{`{enabled="true",flag="NEW_SEARCH",reason="static"}`: "1"})
	flag.IsEnabled(t.Context())
	features.IsEnabled(t.Context(), "missing")
	server.Await("flipper_evaluations_total", map[string]string{
		`{enabled="true",flag="NEW_SEARCH",reason="static"}`:                         "2",
		`{enabled="false",error_type="flag_not_found",flag="_other",reason="error"}`: "1",
	})
	server.Await(`flipper_store_call_duration_seconds_count{operation=~"put|list"}`, map[string]string{`{operation="put"}`: "1", `{operation="list"}`: "1"})
	server.Await("flipper_flag_age_seconds", map[string]string{"{}": "0"})
	server.Await("flipper_stale_flags", map[string]string{"{}": "0"})
	server.Await(`flipper_store_watch_events_total{event="all"}`, map[string]string{`{event="all"}`: "1"})

	want := []string{"FlipperFlagsStale", "FlipperFlagsOld", "FlipperEvaluationsFail", "FlipperFlagsMissing", "FlipperStoreFails"}
	if got := server.Alerts(); !slices.Equal(got, want) {
		t.Errorf("alerts are %q, want %q", got, want)
	}
}
