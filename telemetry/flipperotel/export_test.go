// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipperotel_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	collectormetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	collectortrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/store/instrumented"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/telemetry/flipperotel"
)

// A collector takes what OTLP exporters send over HTTP.
type collector struct {
	t       *testing.T
	mu      sync.Mutex
	spans   []*tracepb.Span
	metrics []string
	counted int64 // evaluations, as last received
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		zipped, err := gzip.NewReader(body)
		if err != nil {
			c.t.Error(err)
			return
		}
		body = zipped
	}
	sent, err := io.ReadAll(body)
	if err != nil {
		c.t.Error(err)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch r.URL.Path {
	case "/v1/traces":
		var request collectortrace.ExportTraceServiceRequest
		err = proto.Unmarshal(sent, &request)
		for _, resource := range request.GetResourceSpans() {
			for _, scope := range resource.GetScopeSpans() {
				c.spans = append(c.spans, scope.GetSpans()...)
			}
		}
	case "/v1/metrics":
		var request collectormetrics.ExportMetricsServiceRequest
		err = proto.Unmarshal(sent, &request)
		for _, resource := range request.GetResourceMetrics() {
			for _, scope := range resource.GetScopeMetrics() {
				for _, m := range scope.GetMetrics() {
					c.metrics = append(c.metrics, m.GetName())
					if m.GetName() == "flipper.evaluations" {
						c.counted = m.GetSum().GetDataPoints()[0].GetAsInt()
					}
				}
			}
		}
	}
	if err != nil {
		c.t.Error(err)
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

func values(attributes []*commonpb.KeyValue) map[string]string {
	all := map[string]string{}
	for _, a := range attributes {
		all[a.GetKey()] = a.GetValue().GetStringValue()
	}
	return all
}

// TestExport sends spans and metrics over HTTP, as a program does.
func TestExport(t *testing.T) {
	received := &collector{t: t}
	server := httptest.NewServer(received)
	defer server.Close()
	address := server.Listener.Addr().String()

	spans, err := otlptracehttp.New(t.Context(), otlptracehttp.WithEndpoint(address), otlptracehttp.WithInsecure(), otlptracehttp.WithCompression(otlptracehttp.GzipCompression))
	if err != nil {
		t.Fatal(err)
	}
	tracers := sdktrace.NewTracerProvider(sdktrace.WithBatcher(spans))
	sender, err := otlpmetrichttp.New(t.Context(), otlpmetrichttp.WithEndpoint(address), otlpmetrichttp.WithInsecure())
	if err != nil {
		t.Fatal(err)
	}
	meters := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewPeriodicReader(sender)))

	hook, err := flipperotel.NewHook(flipperotel.WithMeterProvider(meters))
	if err != nil {
		t.Fatal(err)
	}
	defer hook.Close()
	observer, err := flipperotel.NewObserver(flipperotel.WithMeterProvider(meters), flipperotel.WithTracerProvider(tracers))
	if err != nil {
		t.Fatal(err)
	}
	features := flipper.New(instrumented.New(memory.New(), observer), flipper.WithHook(hook))
	ctx, span := tracers.Tracer("test").Start(t.Context(), "request")
	if _, err := features.Create(ctx, "NEW_SEARCH", flipper.WithEnabled(true)); err != nil {
		t.Fatal(err)
	}
	features.IsEnabled(ctx, "NEW_SEARCH")
	span.End()
	if err := tracers.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := meters.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}

	received.mu.Lock()
	defer received.mu.Unlock()
	byName := map[string]*tracepb.Span{}
	for _, s := range received.spans {
		byName[s.GetName()] = s
	}
	request, put := byName["request"], byName["put flipper"]
	if request == nil || put == nil {
		t.Fatalf("received spans %v", received.spans)
	}
	if string(put.GetParentSpanId()) != string(request.GetSpanId()) || put.GetKind() != tracepb.Span_SPAN_KIND_CLIENT {
		t.Errorf("the span of the store is %v", put)
	}
	if got := values(put.GetAttributes()); got["db.operation.name"] != "put" || got["feature_flag.key"] != "NEW_SEARCH" {
		t.Errorf("the span of the store has %v", got)
	}
	if events := request.GetEvents(); len(events) != 1 || events[0].GetName() != "feature_flag.evaluation" || values(events[0].GetAttributes())["feature_flag.key"] != "NEW_SEARCH" {
		t.Errorf("the span of the request has events %v", events)
	}
	slices.Sort(received.metrics)
	if want := []string{"flipper.evaluations", "flipper.store.call.duration"}; !slices.Equal(received.metrics, want) {
		t.Errorf("received metrics %q, want %q", received.metrics, want)
	}
}

// The order that the comment of Close asks for loses nothing, and the other one loses
// what was counted since the last export.
func TestClose(t *testing.T) {
	type step = func(*flipperotel.Hook, *sdkmetric.MeterProvider) error
	var (
		closeHook = func(h *flipperotel.Hook, _ *sdkmetric.MeterProvider) error { return h.Close() }
		flush     = func(_ *flipperotel.Hook, p *sdkmetric.MeterProvider) error { return p.ForceFlush(t.Context()) }
		shutdown  = func(_ *flipperotel.Hook, p *sdkmetric.MeterProvider) error { return p.Shutdown(t.Context()) }
	)
	for name, test := range map[string]struct {
		steps []step
		want  int64
	}{
		"flush, close, shutdown": {[]step{flush, closeHook, shutdown}, 4},
		"shutdown, close":        {[]step{shutdown, closeHook}, 4},
		"close, shutdown":        {[]step{closeHook, shutdown}, 3}, // the order that is wrong
	} {
		t.Run(name, func(t *testing.T) {
			received := &collector{t: t}
			server := httptest.NewServer(received)
			defer server.Close()
			sender, err := otlpmetrichttp.New(t.Context(), otlpmetrichttp.WithEndpoint(server.Listener.Addr().String()), otlpmetrichttp.WithInsecure())
			if err != nil {
				t.Fatal(err)
			}
			meters := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewPeriodicReader(sender, sdkmetric.WithInterval(time.Hour))))
			hook := newHook(t, flipperotel.WithMeterProvider(meters))
			features := flipper.New(memory.New(), flipper.WithHook(hook), quiet)
			if _, err := features.Create(t.Context(), "flag"); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				features.IsEnabled(t.Context(), "flag")
			}
			if err := meters.ForceFlush(t.Context()); err != nil {
				t.Fatal(err)
			}
			features.IsEnabled(t.Context(), "flag")
			for _, step := range test.steps {
				if err := step(hook, meters); err != nil {
					t.Error(err)
				}
			}
			received.mu.Lock()
			defer received.mu.Unlock()
			if received.counted != test.want {
				t.Errorf("%d evaluations were received, want %d", received.counted, test.want)
			}
		})
	}
}
