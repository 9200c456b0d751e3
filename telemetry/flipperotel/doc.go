// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package flipperotel has OpenTelemetry's traces and metrics of evaluations and of
// the calls of a store.
//
//	hook, err := flipperotel.NewHook(flipperotel.WithMeterProvider(meters))
//	...
//	defer hook.Close()
//	defer meters.ForceFlush(ctx) // before Close, which takes the metrics with it
//	observer, err := flipperotel.NewObserver(flipperotel.WithMeterProvider(meters), flipperotel.WithTracerProvider(tracers))
//	...
//	flags := mirror.New(instrumented.NewWatcher(redisstore, observer))
//	features := flipper.New(flags, flipper.WithHook(hook))
//
// It is a module of its own: who does not import it does not get OpenTelemetry.
//
// # Evaluations
//
// A [Hook] makes an event of each evaluation. Its name and attributes are those of
// OpenTelemetry's semantic convention for feature flags. It is added to the span that
// the evaluation's context carries, if that span is recorded; or it is emitted to the
// logs, as the convention now asks, with [WithLoggerProvider].
//
//	feature_flag.evaluation
//	    feature_flag.key            the flag's name
//	    feature_flag.result.variant the variant that is served; not with an error
//	    feature_flag.result.value   its value, or the caller's default
//	    feature_flag.result.reason  such as targeting_match
//	    feature_flag.provider.name  flipper
//	    feature_flag.set.id         with WithSetID only
//	    feature_flag.context.id     from a Recorder only: who asked
//	    error.type, error.message   with an error only
//
// Objects and lists are values as JSON, and what is longer than 256 bytes is cut. The
// convention's feature_flag.version is left out: an evaluation does not know the flag's
// revision.
// Beyond the convention's, error.type may be unavailable, timeout, canceled, closed or
// invalid; see package telemetry.
//
// A Hook also reports metrics:
//
//	flipper.evaluations  counter: key (or _other), reason and error.type as above, and as
//	                     value whether the flag is enabled: true or false
//	flipper.flag.age     gauge, in s: of the oldest data held of evaluated flags
//	flipper.flag.stale   gauge: how many of them could not be read again
//
// A flag has series of its own once it was found in the store, and at most 1,000
// flags have (see [WithMaxFlags]); all others are counted together as "_other". The metric
// does not tell variants apart: with up to 100 a flag it would be a hundred times as large.
//
// # Store
//
// An [Observer] makes a client span of each call, named after the operation and
// "flipper", such as "get flipper", with db.operation.name, feature_flag.key, and
// error.type if there is an error. Failures set the span's status; answers such as
// flag_not_found and conflict do not. It also records a histogram:
//
//	flipper.store.call.duration  in s: db.operation.name and error.type
package flipperotel
