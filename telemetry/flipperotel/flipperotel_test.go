// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipperotel_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/cached"
	"github.com/flipper-go/flipper/store/instrumented"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/telemetry/flipperotel"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = flipper.WithLogger(slog.New(slog.DiscardHandler))

// recorded returns attributes as text.
func recorded(attributes []attribute.KeyValue) map[string]string {
	all := map[string]string{}
	for _, a := range attributes {
		all[string(a.Key)] = a.Value.String()
	}
	return all
}

func want(t *testing.T, what string, got, want map[string]string) {
	t.Helper()
	if !maps.Equal(got, want) {
		t.Errorf("%s has %v\nwant %v", what, got, want)
	}
}

// traced returns a tracer provider whose spans are kept.
func traced(t *testing.T) (*sdktrace.TracerProvider, *tracetest.InMemoryExporter) {
	exporter := tracetest.NewInMemoryExporter()
	p := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))
	t.Cleanup(func() { _ = p.Shutdown(context.Background()) })
	return p, exporter
}

// measured returns a meter provider and what collects the sums and counts of its
// series.
func measured(t *testing.T) (*sdkmetric.MeterProvider, func() map[string]float64) {
	reader := sdkmetric.NewManualReader()
	p := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	t.Cleanup(func() { _ = p.Shutdown(context.Background()) })
	return p, func() map[string]float64 {
		t.Helper()
		var all metricdata.ResourceMetrics
		if err := reader.Collect(context.Background(), &all); err != nil {
			t.Fatal(err)
		}
		series := map[string]float64{}
		note := func(name string, attributes attribute.Set, value float64) {
			series[fmt.Sprint(name, " ", recorded(attributes.ToSlice()))] = value
		}
		for _, scope := range all.ScopeMetrics {
			for _, m := range scope.Metrics {
				switch data := m.Data.(type) {
				case metricdata.Sum[int64]:
					for _, point := range data.DataPoints {
						note(m.Name, point.Attributes, float64(point.Value))
					}
				case metricdata.Gauge[int64]:
					for _, point := range data.DataPoints {
						note(m.Name, point.Attributes, float64(point.Value))
					}
				case metricdata.Gauge[float64]:
					for _, point := range data.DataPoints {
						note(m.Name, point.Attributes, point.Value)
					}
				case metricdata.Histogram[float64]:
					for _, point := range data.DataPoints {
						note(m.Name, point.Attributes, float64(point.Count))
					}
				default:
					t.Errorf("%s is a %T", m.Name, m.Data)
				}
			}
		}
		return series
	}
}

func newHook(t *testing.T, opts ...flipperotel.Option) *flipperotel.Hook {
	t.Helper()
	hook, err := flipperotel.NewHook(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for range 2 {
			if err := hook.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	return hook
}

func TestSpanEvents(t *testing.T) {
	tracers, spans := traced(t)
	meters, _ := measured(t)
	hook := newHook(t, flipperotel.WithMeterProvider(meters), flipperotel.WithSetID("shop"))
	features := flipper.New(memory.New(), flipper.WithHook(hook), quiet)
	ctx, span := tracers.Tracer("test").Start(t.Context(), "request")
	if _, err := features.Create(ctx, "NEW_SEARCH", flipper.WithEnabled(true)); err != nil {
		t.Fatal(err)
	}
	features.IsEnabled(ctx, "NEW_SEARCH", flipper.Int("user_id", 7))
	features.IsEnabledOr(ctx, "missing", true)
	features.IsEnabled(t.Context(), "NEW_SEARCH") // in no span
	span.End()
	events := spans.GetSpans()[0].Events
	if len(events) != 2 {
		t.Fatalf("events are %v", events)
	}
	for _, event := range events {
		if event.Name != "feature_flag.evaluation" || time.Since(event.Time) > time.Minute {
			t.Errorf("event %s at %v", event.Name, event.Time)
		}
	}
	want(t, "the first event", recorded(events[0].Attributes), map[string]string{
		"feature_flag.key": "NEW_SEARCH", "feature_flag.result.variant": "on", "feature_flag.result.value": "true", "feature_flag.result.reason": "static",
		"feature_flag.provider.name": "flipper", "feature_flag.set.id": "shop",
	})
	want(t, "the second event", recorded(events[1].Attributes), map[string]string{
		"feature_flag.key": "missing", "feature_flag.result.value": "true", "feature_flag.result.reason": "error",
		"feature_flag.provider.name": "flipper", "feature_flag.set.id": "shop",
		"error.type": "flag_not_found", "error.message": "flag not found",
	})
}

// An event has the variant, and its value of the value's own type.
func TestVariants(t *testing.T) {
	tracers, spans := traced(t)
	long := strings.Repeat("ä", 200)
	for _, test := range []struct {
		value targeting.Value
		want  attribute.Value
	}{
		{targeting.Bool(true), attribute.BoolValue(true)},
		{targeting.Int(7), attribute.Int64Value(7)},
		{targeting.Float(0.5), attribute.Float64Value(0.5)},
		{targeting.Uint(1 << 63), attribute.StringValue("9223372036854775808")},
		{targeting.Text("#00f"), attribute.StringValue("#00f")},
		{targeting.Text(long), attribute.StringValue(long[:256] + "…")},
		{targeting.Text("a" + long), attribute.StringValue("a" + long[:254] + "…")},
		{targeting.List(targeting.Int(1), targeting.Text("a")), attribute.StringValue(`[1, "a"]`)},
		{targeting.Null(), attribute.BoolValue(true)},
	} {
		ctx, span := tracers.Tracer("test").Start(t.Context(), "request")
		flipperotel.NewRecorder().Record(ctx, flipper.Impression{
			Name:       "flag",
			Evaluation: flipper.Evaluation{Enabled: true, Variant: "blue", Value: test.value, Reason: flipper.ReasonDefault},
		})
		span.End()
		got := map[attribute.Key]attribute.Value{}
		for _, a := range spans.GetSpans()[0].Events[0].Attributes {
			got[a.Key] = a.Value
		}
		spans.Reset()
		if got["feature_flag.result.variant"] != attribute.StringValue("blue") || got["feature_flag.result.value"] != test.want {
			t.Errorf("%s: %v, want %v", test.value, got, test.want)
		}
	}
}

func TestRecorder(t *testing.T) {
	tracers, spans := traced(t)
	for key, want := range map[string]string{"user_id": "7", "email": "someone@example.com", "country": "", "": ""} {
		recorder := flipperotel.NewRecorder(flipperotel.WithTargetingKey(key))
		features := flipper.New(memory.New(), flipper.WithImpressions(recorder, 1), quiet)
		ctx, span := tracers.Tracer("test").Start(t.Context(), "request")
		before := time.Now()
		features.IsEnabled(ctx, "flag", flipper.Int("user_id", 7), flipper.String("email", "someone@example.com"))
		features.IsEnabled(t.Context(), "flag")
		span.End()
		events := spans.GetSpans()[0].Events
		spans.Reset()
		if len(events) != 1 || events[0].Time.Before(before) {
			t.Fatalf("events are %v", events)
		}
		if got := recorded(events[0].Attributes)["feature_flag.context.id"]; got != want {
			t.Errorf("with the key %q the id is %q, want %q", key, got, want)
		}
	}
}

// kept is a processor of logs that keeps them.
type kept struct{ records []sdklog.Record }

func (k *kept) Enabled(context.Context, sdklog.EnabledParameters) bool { return true }
func (k *kept) OnEmit(_ context.Context, r *sdklog.Record) error {
	k.records = append(k.records, r.Clone())
	return nil
}
func (k *kept) Shutdown(context.Context) error   { return nil }
func (k *kept) ForceFlush(context.Context) error { return nil }

func TestLogEvents(t *testing.T) {
	tracers, spans := traced(t)
	meters, _ := measured(t)
	var logs kept
	logger := flipperotel.WithLoggerProvider(sdklog.NewLoggerProvider(sdklog.WithProcessor(&logs)))
	hook := newHook(t, flipperotel.WithMeterProvider(meters), logger)
	recorder := flipperotel.NewRecorder(logger, flipperotel.WithTargetingKey("user_id"))
	features := flipper.New(memory.New(), flipper.WithHook(hook), flipper.WithImpressions(recorder, 1), quiet)
	ctx, span := tracers.Tracer("test").Start(t.Context(), "request")
	features.IsEnabled(ctx, "flag", flipper.Int("user_id", 7))
	span.End()
	if events := spans.GetSpans()[0].Events; len(events) != 0 {
		t.Errorf("the span has events %v", events)
	}
	if len(logs.records) != 2 {
		t.Fatalf("logs are %v", logs.records)
	}
	for i, record := range logs.records {
		got := map[string]string{}
		record.WalkAttributes(func(a attribute.KeyValue) bool {
			got[string(a.Key)] = a.Value.String()
			return true
		})
		attributes := map[string]string{
			"feature_flag.key": "flag", "feature_flag.result.value": "false", "feature_flag.result.reason": "error",
			"feature_flag.provider.name": "flipper", "error.type": "flag_not_found", "error.message": "flag not found",
		}
		if i == 1 {
			attributes["feature_flag.context.id"] = "7"
		}
		want(t, "the event", got, attributes)
		if record.EventName() != "feature_flag.evaluation" || record.Timestamp().IsZero() || record.SpanID() != span.SpanContext().SpanID() {
			t.Errorf("event %q at %v in span %s", record.EventName(), record.Timestamp(), record.SpanID())
		}
	}
}

func TestMetrics(t *testing.T) {
	meters, collect := measured(t)
	hook := newHook(t, flipperotel.WithMeterProvider(meters), flipperotel.WithMaxFlags(1), flipperotel.WithoutEvents())
	features := flipper.New(memory.New(), flipper.WithHook(hook), quiet)
	for _, name := range []string{"first", "second"} {
		if _, err := features.Create(t.Context(), name, flipper.WithEnabled(true)); err != nil {
			t.Fatal(err)
		}
	}
	features.IsEnabled(t.Context(), "first")
	features.IsEnabled(t.Context(), "first")
	features.IsEnabled(t.Context(), "second")
	const n = 1_000_000
	for i := range n {
		features.Evaluate(t.Context(), fmt.Sprint("unknown-", i))
	}
	series := map[string]float64{
		"flipper.evaluations map[feature_flag.key:first feature_flag.result.reason:static feature_flag.result.value:true]":                            2,
		"flipper.evaluations map[feature_flag.key:_other feature_flag.result.reason:static feature_flag.result.value:true]":                           1,
		"flipper.evaluations map[error.type:flag_not_found feature_flag.key:_other feature_flag.result.reason:error feature_flag.result.value:false]": n,
	}
	if got := collect(); !maps.Equal(got, series) {
		t.Errorf("series are %v\nwant %v", got, series)
	}
	if err := hook.Close(); err != nil {
		t.Error(err)
	}
	if got := collect(); len(got) != 0 {
		t.Errorf("after Close there are series %v", got)
	}
}

func TestWithoutEvents(t *testing.T) {
	tracers, spans := traced(t)
	meters, _ := measured(t)
	features := flipper.New(memory.New(), flipper.WithHook(newHook(t, flipperotel.WithMeterProvider(meters), flipperotel.WithoutEvents())), quiet)
	ctx, span := tracers.Tracer("test").Start(t.Context(), "request")
	features.IsEnabled(ctx, "flag")
	span.End()
	if events := spans.GetSpans()[0].Events; len(events) != 0 {
		t.Errorf("events are %v", events)
	}
}

func TestAge(t *testing.T) {
	meters, collect := measured(t)
	hook := newHook(t, flipperotel.WithMeterProvider(meters))
	flags := memory.New()
	held := cached.New(struct{ store.Store }{flags})
	defer held.Close()
	features := flipper.New(held, flipper.WithHook(hook), quiet)
	if _, err := features.Create(t.Context(), "flag"); err != nil {
		t.Fatal(err)
	}
	features.IsEnabled(t.Context(), "flag")
	has := func() bool {
		got := collect()
		age, ok := got["flipper.flag.age map[]"]
		stale, alsoStale := got["flipper.flag.stale map[]"]
		return ok && alsoStale && age > 0 && stale == 0
	}
	if has() {
		t.Error("an age without a store that has one")
	}
	hook.ObserveAge(held)
	if !has() {
		t.Errorf("series are %v, want an age", collect())
	}
	hook.ObserveAge(flags)
	if has() {
		t.Error("a store that tells no age has one")
	}
}

// failing is a store that is gone.
type failing struct{ store.Store }

func (failing) Get(context.Context, string) (*store.Flag, error) { return nil, store.ErrUnavailable }

func TestObserver(t *testing.T) {
	tracers, spans := traced(t)
	meters, collect := measured(t)
	observer, err := flipperotel.NewObserver(flipperotel.WithTracerProvider(tracers), flipperotel.WithMeterProvider(meters),
		flipperotel.WithAttributes(attribute.String("db.system.name", "redis")))
	if err != nil {
		t.Fatal(err)
	}
	s := instrumented.New(memory.New(), observer)
	if _, err := s.Put(t.Context(), &store.Flag{Name: "a"}); err != nil {
		t.Fatal(err)
	}
	_, _ = s.Get(t.Context(), "a")
	_, _ = s.Get(t.Context(), "b")
	for range s.List(t.Context()) {
	}
	_ = s.Delete(t.Context(), "a")
	_, _ = instrumented.New(failing{memory.New()}, observer).Get(t.Context(), "a")

	type span struct {
		name       string
		status     codes.Code
		attributes map[string]string
	}
	attributes := func(more ...string) map[string]string {
		all := map[string]string{"db.system.name": "redis"}
		for i := 0; i < len(more); i += 2 {
			all[more[i]] = more[i+1]
		}
		return all
	}
	wanted := []span{
		{"put flipper", codes.Unset, attributes("db.operation.name", "put", "feature_flag.key", "a")},
		{"get flipper", codes.Unset, attributes("db.operation.name", "get", "feature_flag.key", "a")},
		{"get flipper", codes.Unset, attributes("db.operation.name", "get", "feature_flag.key", "b", "error.type", "flag_not_found")},
		{"list flipper", codes.Unset, attributes("db.operation.name", "list")},
		{"delete flipper", codes.Unset, attributes("db.operation.name", "delete", "feature_flag.key", "a")},
		{"get flipper", codes.Error, attributes("db.operation.name", "get", "feature_flag.key", "a", "error.type", "unavailable")},
	}
	got := spans.GetSpans()
	if len(got) != len(wanted) {
		t.Fatalf("%d spans, want %d", len(got), len(wanted))
	}
	for i, w := range wanted {
		if got[i].Name != w.name || got[i].Status.Code != w.status || got[i].SpanKind != trace.SpanKindClient {
			t.Errorf("span %d is %s, %v, %v, want %s, %v", i, got[i].Name, got[i].Status, got[i].SpanKind, w.name, w.status)
		}
		want(t, got[i].Name, recorded(got[i].Attributes), w.attributes)
	}
	series := map[string]float64{
		"flipper.store.call.duration map[db.operation.name:put db.system.name:redis]":                           1,
		"flipper.store.call.duration map[db.operation.name:get db.system.name:redis]":                           1,
		"flipper.store.call.duration map[db.operation.name:get db.system.name:redis error.type:flag_not_found]": 1,
		"flipper.store.call.duration map[db.operation.name:get db.system.name:redis error.type:unavailable]":    1,
		"flipper.store.call.duration map[db.operation.name:list db.system.name:redis]":                          1,
		"flipper.store.call.duration map[db.operation.name:delete db.system.name:redis]":                        1,
	}
	if got := collect(); !maps.Equal(got, series) {
		t.Errorf("series are %v\nwant %v", got, series)
	}
}

// Where no span is recorded, a hook does not allocate.
func TestAllocs(t *testing.T) {
	meters, _ := measured(t)
	features := flipper.New(memory.New(), flipper.WithHook(newHook(t, flipperotel.WithMeterProvider(meters))))
	if _, err := features.Create(t.Context(), "flag"); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	if n := testing.AllocsPerRun(100, func() { features.IsEnabled(ctx, "flag") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkHook is what an evaluation costs without a hook, with metrics, with
// events too where no span is recorded, and where one is.
func BenchmarkHook(b *testing.B) {
	flags := memory.New()
	if _, err := flipper.New(flags).Create(b.Context(), "flag", flipper.WithEnabled(true)); err != nil {
		b.Fatal(err)
	}
	meters := sdkmetric.NewMeterProvider()
	tracers := sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.AlwaysSample()))
	spanned, span := tracers.Tracer("test").Start(b.Context(), "request")
	defer span.End()
	for _, bench := range []struct {
		name string
		ctx  context.Context
		opts []flipperotel.Option
	}{
		{"off", b.Context(), nil},
		{"metrics", b.Context(), []flipperotel.Option{flipperotel.WithoutEvents()}},
		{"events/noSpan", b.Context(), []flipperotel.Option{}},
		{"events/span", spanned, []flipperotel.Option{}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			features := flipper.New(flags)
			if bench.opts != nil {
				hook, err := flipperotel.NewHook(append(bench.opts, flipperotel.WithMeterProvider(meters))...)
				if err != nil {
					b.Fatal(err)
				}
				defer hook.Close()
				features = flipper.New(flags, flipper.WithHook(hook))
			}
			b.ReportAllocs()
			for b.Loop() {
				features.IsEnabled(bench.ctx, "flag")
			}
		})
	}
}
