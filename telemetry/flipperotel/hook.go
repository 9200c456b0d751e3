// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipperotel

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"go.opentelemetry.io/otel/metric"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/telemetry"
)

// A Hook makes events of evaluations and reports metrics of them. It is a
// [flipper.Hook]. It is safe for concurrent use.
type Hook struct {
	options
	evaluations  *telemetry.Evaluations
	dated        atomic.Pointer[store.Dated]
	registration metric.Registration
}

var _ flipper.Hook = (*Hook)(nil)

// NewHook makes a Hook, whose metrics are read until [Hook.Close]. The error is that
// of the meter.
func NewHook(opts ...Option) (*Hook, error) {
	h := &Hook{options: newOptions(opts)}
	h.evaluations = telemetry.NewEvaluations(h.maxFlags)
	if err := h.register(); err != nil {
		return nil, fmt.Errorf("metrics of flags: %w", err)
	}
	return h, nil
}

func (h *Hook) register() error {
	meter := h.meters.Meter(scope)
	evaluations, err1 := meter.Int64ObservableCounter("flipper.evaluations",
		metric.WithUnit("{evaluation}"), metric.WithDescription("Evaluations of flags, by the answer and what decided."))
	age, err2 := meter.Float64ObservableGauge("flipper.flag.age",
		metric.WithUnit("s"), metric.WithDescription("Age of the oldest data held of the flags that were evaluated."))
	stale, err3 := meter.Int64ObservableGauge("flipper.flag.stale",
		metric.WithUnit("{flag}"), metric.WithDescription("Evaluated flags whose data the store could not read again."))
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	observe := func(_ context.Context, o metric.Observer) error {
		for count := range h.evaluations.Counts() {
			attributes := metric.WithAttributes(keyFlag.String(count.Flag), keyValue.Bool(count.Enabled), keyReason.String(count.Reason))
			if count.ErrorType != "" {
				o.ObserveInt64(evaluations, int64(count.Number), attributes, metric.WithAttributes(keyErrorType.String(count.ErrorType)))
				continue
			}
			o.ObserveInt64(evaluations, int64(count.Number), attributes)
		}
		if dated := h.dated.Load(); dated != nil {
			oldest, n := h.evaluations.Age(*dated)
			o.ObserveFloat64(age, oldest.Seconds())
			o.ObserveInt64(stale, int64(n))
		}
		return nil
	}
	var err error
	h.registration, err = meter.RegisterCallback(observe, evaluations, age, stale)
	return err
}

// ObserveAge makes the Hook report the age of the data of a store: the one that the
// flag client has. A store that is no [store.Dated] has none. It may be called at
// any time; the last store counts.
func (h *Hook) ObserveAge(s store.Store) {
	dated, ok := s.(store.Dated)
	if !ok {
		h.dated.Store(nil)
		return
	}
	h.dated.Store(&dated)
}

// Close ends the reports of metrics. Call ForceFlush or Shutdown of the meter
// provider first: a meter asks for metrics when it exports, never when it lets go of
// them, so what was counted since the last export is lost with Close. With defer,
// the one that comes first is written last:
//
//	defer hook.Close()
//	defer meters.ForceFlush(ctx)
//
// Close is idempotent. The error is that of the meter.
func (h *Hook) Close() error { return h.registration.Unregister() }

// Evaluated is for [flipper.WithHook].
func (h *Hook) Evaluated(ctx context.Context, name string, e flipper.Evaluation) {
	h.evaluations.Evaluated(ctx, name, e)
	if !h.noEvents {
		h.emit(ctx, &flipper.Impression{Name: name, Evaluation: e})
	}
}
