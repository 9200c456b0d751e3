// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/exporters/stdout/stdoutmetric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.uber.org/goleak"
)

// Whatever a test starts has ended when the tests have.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long tests wait for what must happen.
const patience = 30 * time.Second

// A storefront is a running one.
type storefront struct {
	address string
	stop    func()        // ends it and waits
	log     *bytes.Buffer // to be read when it has stopped
	metrics *bytes.Buffer // the same, as OpenTelemetry sends them
	spans   *tracetest.SpanRecorder
}

// startStorefront runs the program with a store and a file of last good flags, until
// the test ends.
func startStorefront(t *testing.T, storeURL, lastGood string) *storefront {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &storefront{address: listener.Addr().String(), log: new(bytes.Buffer), metrics: new(bytes.Buffer), spans: tracetest.NewSpanRecorder()}
	metrics, err := stdoutmetric.New(stdoutmetric.WithWriter(s.metrics))
	if err != nil {
		t.Fatal(err)
	}
	telemetry := telemetry{
		sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(s.spans)),
		sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewPeriodicReader(metrics))),
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := run(ctx, service{
			listener:  listener,
			storeURL:  storeURL,
			lastGood:  lastGood,
			telemetry: telemetry,
			logger:    slog.New(slog.NewJSONHandler(s.log, nil)),
			share:     1,
		}); err != nil {
			t.Errorf("the storefront ends with %v", err)
		}
		if err := telemetry.Close(context.WithoutCancel(ctx)); err != nil {
			t.Errorf("telemetry ends with %v", err)
		}
	}()
	s.stop = func() { cancel(); <-ended }
	t.Cleanup(s.stop)
	return s
}

// get returns what the storefront answers to somebody with a plan. It does not keep
// the connection, so that none is left at the end.
func (s *storefront) get(t *testing.T, path string) (status int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.address+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Close = true
	request.Header.Set("X-Plan", "pro")
	request.AddCookie(&http.Cookie{Name: "user_id", Value: "424242"})
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// await waits until a page has a text.
func (s *storefront) await(t *testing.T, path, text string) {
	t.Helper()
	var body string
	for began := time.Now(); time.Since(began) < patience; time.Sleep(10 * time.Millisecond) {
		if _, body = s.get(t, path); strings.Contains(body, text) {
			return
		}
	}
	t.Fatalf("%s has no %q within %v:\n%s", path, text, patience, body)
}

func TestRun(t *testing.T) {
	s := startStorefront(t, "memory:", "")
	s.await(t, "/readyz", "ready\n")
	registered := `{"free_shipping":false,"gift_cards":false,"new_home":false,"orders":true,"reviews":false}`
	s.await(t, "/api/flags", registered)
	if status, body := s.get(t, "/"); status != http.StatusOK || !strings.Contains(body, "Welcome to the shop") {
		t.Errorf("status %d:\n%s", status, body)
	}
	s.await(t, "/api/reviews", "not found")
	for _, line := range []string{
		`flipper_evaluations_total{enabled="false",error_type="",flag="storefront.new_home",reason="disabled"}`,
		`flipper_store_call_duration_seconds_count{operation="put"} 5`,
		`flipper_stale_flags 0`,
	} {
		s.await(t, "/metrics", line)
	}
	s.stop()

	log := s.log.String()
	for _, line := range []string{
		`"msg":"flags are registered","missing":null,"undeclared":null,"expired":`,
		`"msg":"flag evaluated","feature_flag":{"key":"storefront.new_home","enabled":false,"reason":"disabled","variant":"off","attributes":{"plan":"pro"}}`,
	} {
		if !strings.Contains(log, line) {
			t.Errorf("the log does not have %s:\n%s", line, log)
		}
	}
	if strings.Contains(log, "424242") {
		t.Errorf("the log says who asked:\n%s", log)
	}
	if !strings.Contains(s.metrics.String(), `"Name":"flipper.evaluations"`) {
		t.Errorf("evaluations are not among the last metrics:\n%s", s.metrics)
	}
	spans := make(map[string]int)
	for _, span := range s.spans.Ended() {
		spans[span.Name()]++
		for _, event := range span.Events() {
			spans[event.Name]++
		}
	}
	for _, name := range []string{"put flipper", "GET /{$}", "feature_flag.evaluation"} {
		if spans[name] == 0 {
			t.Errorf("no span or event %s: %v", name, spans)
		}
	}
}

// A service that is stopped while it starts leaves nothing behind.
func TestStopAtOnce(t *testing.T) {
	for _, storeURL := range []string{"memory:", "thrift://127.0.0.1:1", "consul://127.0.0.1:1"} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := run(ctx, service{
			listener:  listener,
			storeURL:  storeURL,
			telemetry: telemetry{sdktrace.NewTracerProvider(), sdkmetric.NewMeterProvider()},
			logger:    slog.New(slog.DiscardHandler),
		}); err != nil {
			t.Errorf("%s: %v", storeURL, err)
		}
	}
}

func TestUnknownStore(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	err = run(t.Context(), service{
		listener:  listener,
		storeURL:  "mysql://secret@127.0.0.1",
		telemetry: telemetry{sdktrace.NewTracerProvider(), sdkmetric.NewMeterProvider()},
		logger:    slog.New(slog.DiscardHandler),
	})
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("error %v", err)
	}
}
