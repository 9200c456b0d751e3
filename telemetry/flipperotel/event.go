// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipperotel

import (
	"context"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	otellog "go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/trace"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/telemetry"
)

// eventName and the keys are those of the semantic convention.
const (
	eventName = "feature_flag.evaluation"

	keyFlag         = attribute.Key("feature_flag.key")
	keyVariant      = attribute.Key("feature_flag.result.variant")
	keyValue        = attribute.Key("feature_flag.result.value")
	keyReason       = attribute.Key("feature_flag.result.reason")
	keyProvider     = attribute.Key("feature_flag.provider.name")
	keySetID        = attribute.Key("feature_flag.set.id")
	keyContextID    = attribute.Key("feature_flag.context.id")
	keyErrorType    = attribute.Key("error.type")
	keyErrorMessage = attribute.Key("error.message")
)

const provider = "flipper"

// emit makes an event of an impression, of the logs if there is a logger, and else of
// the span that ctx carries. Where nobody records it, it costs little.
func (o *options) emit(ctx context.Context, i *flipper.Impression) {
	if o.logger != nil {
		if !o.logger.Enabled(ctx, otellog.EnabledParameters{Severity: otellog.SeverityInfo, EventName: eventName}) {
			return
		}
		var record otellog.Record
		record.SetEventName(eventName)
		record.SetSeverity(otellog.SeverityInfo)
		record.SetTimestamp(at(i))
		record.AddAttributes(o.eventAttributes(i)...)
		o.logger.Emit(ctx, record)
		return
	}
	if span := trace.SpanFromContext(ctx); span.IsRecording() {
		span.AddEvent(eventName, trace.WithTimestamp(at(i)), trace.WithAttributes(o.eventAttributes(i)...))
	}
}

// at returns the time of an impression, which is now if a hook has made it.
func at(i *flipper.Impression) time.Time {
	if i.Time.IsZero() {
		return time.Now()
	}
	return i.Time
}

func (o *options) eventAttributes(i *flipper.Impression) []attribute.KeyValue {
	attributes := make([]attribute.KeyValue, 0, 9)
	attributes = append(attributes,
		keyFlag.String(i.Name),
		valueAttribute(i),
		keyReason.String(telemetry.Reason(i.Evaluation)),
		keyProvider.String(provider))
	if i.Variant != "" {
		attributes = append(attributes, keyVariant.String(i.Variant))
	}
	if o.setID != "" {
		attributes = append(attributes, keySetID.String(o.setID))
	}
	if i.Err != nil {
		attributes = append(attributes, keyErrorType.String(telemetry.ErrorType(i.Err)), keyErrorMessage.String(i.Err.Error()))
	}
	if o.targetingKey != "" {
		for _, a := range i.Attrs {
			if a.Name == o.targetingKey {
				attributes = append(attributes, keyContextID.String(text(a.Value)))
			}
		}
	}
	return attributes
}

// maxValue bounds the text of a value, in bytes: an object may be large, and its variant
// says as much.
const maxValue = 256

// valueAttribute returns the value that the caller got: a boolean, number or text of that
// type, and an object or list as JSON. What is longer than maxValue is cut.
func valueAttribute(i *flipper.Impression) attribute.KeyValue {
	if b, ok := i.Value.AsBool(); ok {
		return keyValue.Bool(b)
	}
	if n, ok := i.Value.AsInt(); ok {
		return keyValue.Int64(n)
	}
	if f, ok := i.Value.AsFloat(); ok {
		return keyValue.Float64(f)
	}
	if i.Value.Kind() == targeting.KindNull {
		return keyValue.Bool(i.Enabled) // an evaluation that somebody else made, without a value
	}
	value := text(i.Value)
	if len(value) > maxValue {
		value = strings.ToValidUTF8(value[:maxValue], "") + "…"
	}
	return keyValue.String(value)
}

// text returns a text as it is, and any other value as JSON.
func text(v targeting.Value) string {
	if s, ok := v.Any().(string); ok {
		return s
	}
	return v.String()
}

// A Recorder makes events with who asked. It is a [flipper.Recorder] for
// [flipper.WithImpressions]; it is not for package impression, because a span that
// has ended takes no events. It is safe for concurrent use.
type Recorder struct{ options }

var _ flipper.Recorder = (*Recorder)(nil)

// NewRecorder makes a Recorder. Without [WithTargetingKey] its events say no more
// than those of a [Hook].
func NewRecorder(opts ...Option) *Recorder { return &Recorder{newOptions(opts)} }

// Record makes an event of an impression.
func (r *Recorder) Record(ctx context.Context, i flipper.Impression) { r.emit(ctx, &i) }
