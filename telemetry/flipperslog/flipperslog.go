// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package flipperslog logs evaluations with log/slog: all of them, as a
// [flipper.Hook], or a share with who asked, as a handler of package impression.
//
//	recorder := impression.New(flipperslog.New(logger).Handle, impression.WithAttributes("plan"))
//	features := flipper.New(flags, flipper.WithImpressions(recorder, 0.01))
//
// The message is "flag evaluated". Its attributes are in a group called
// "feature_flag" (see [WithGroup]):
//
//	key         the flag's name
//	enabled     whether the flag is on, as the caller got it
//	variant     the variant that is served; not with an error
//	value       its value, or the caller's default; not of a flag that is just on or off
//	rule        the position of the rule that decided, from 0; only if one did
//	rule_name   its name; only if it has one
//	reason      OpenFeature's term in lower case, such as targeting_match
//	age         how old the data is; only if it is not 0
//	error.type  only with an error: such as flag_not_found; see package telemetry
//	error       the error's text
//	attributes  a group: those of the request that the impression has
package flipperslog

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/telemetry"
)

// A Logger logs evaluations. It is safe for concurrent use.
type Logger struct {
	handler slog.Handler
	level   slog.Level
	group   string
}

var _ flipper.Hook = (*Logger)(nil)

// An Option changes what [New] makes.
type Option func(*Logger)

// WithLevel sets the level. The default is [slog.LevelInfo].
func WithLevel(level slog.Level) Option { return func(l *Logger) { l.level = level } }

// WithGroup sets the name of the group that the attributes are in. The default is
// "feature_flag". If it is empty, they are in no group.
func WithGroup(name string) Option { return func(l *Logger) { l.group = name } }

// New makes a Logger. If logger is nil, that is [slog.Default].
func New(logger *slog.Logger, opts ...Option) *Logger {
	if logger == nil {
		logger = slog.Default()
	}
	l := &Logger{handler: logger.Handler(), group: "feature_flag"}
	for _, opt := range opts {
		opt(l)
	}
	return l
}

// Evaluated logs an evaluation. It is for [flipper.WithHook]: it logs every
// evaluation while the caller waits, so it is for development, and for programs
// that seldom ask. An error of slog's handler is lost.
func (l *Logger) Evaluated(ctx context.Context, name string, e flipper.Evaluation) {
	_ = l.log(ctx, time.Now(), name, e, nil)
}

// Handle logs impressions, with the times when the flags were evaluated. It is for
// impression.New. The error is that of slog's handler.
func (l *Logger) Handle(ctx context.Context, batch []flipper.Impression) error {
	var failed []error
	for _, i := range batch {
		if err := l.log(ctx, i.Time, i.Name, i.Evaluation, i.Attrs); err != nil {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

func (l *Logger) log(ctx context.Context, at time.Time, name string, e flipper.Evaluation, attrs []flipper.Attr) error {
	if !l.handler.Enabled(ctx, l.level) {
		return nil
	}
	parts := make([]slog.Attr, 0, 7)
	parts = append(parts, slog.String("key", name), slog.Bool("enabled", e.Enabled), slog.String("reason", telemetry.Reason(e)))
	if e.Variant != "" {
		parts = append(parts, slog.String("variant", e.Variant))
	}
	switch e.Value.Kind() {
	case targeting.KindNull, targeting.KindBool: // enabled says it
	default:
		parts = append(parts, slog.Any("value", e.Value.Any()))
	}
	if decidedByRule(&e) {
		parts = append(parts, slog.Int("rule", e.Rule))
		if e.RuleName != "" {
			parts = append(parts, slog.String("rule_name", e.RuleName))
		}
	}
	if e.Age != 0 {
		parts = append(parts, slog.Duration("age", e.Age))
	}
	if e.Err != nil {
		parts = append(parts, slog.String("error.type", telemetry.ErrorType(e.Err)), slog.String("error", e.Err.Error()))
	}
	if len(attrs) > 0 {
		values := make([]slog.Attr, len(attrs))
		for i, a := range attrs {
			values[i] = slog.Any(a.Name, a.Value.Any())
		}
		parts = append(parts, slog.GroupAttrs("attributes", values...))
	}
	record := slog.NewRecord(at, l.level, "flag evaluated", 0)
	if l.group == "" {
		record.AddAttrs(parts...)
	} else {
		record.AddAttrs(slog.GroupAttrs(l.group, parts...))
	}
	return l.handler.Handle(ctx, record)
}

// decidedByRule reports whether a rule decided. Evaluations that were not made by the
// client have the zero Rule, and no variant.
func decidedByRule(e *flipper.Evaluation) bool { return e.Rule >= 0 && e.Variant != "" }
