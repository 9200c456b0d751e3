// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package redis

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/redis/go-redis/v9"
)

// SetClientLogger has go-redis log to a logger, at the level of debugging, instead of
// writing lines of its own form to standard error, one for each failed attempt to
// connect. The store's errors, and what the mirror logs, say what matters of that. With
// a nil logger, go-redis logs nothing.
//
// The logger of go-redis is one for the whole process, so it is for the program to
// decide: no store sets it. Call it before the first client is made.
func SetClientLogger(logger *slog.Logger) {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	redis.SetLogger(clientLogger{logger})
}

// A clientLogger is what go-redis asks of a logger.
type clientLogger struct{ logger *slog.Logger }

// Printf logs a message.
func (l clientLogger) Printf(ctx context.Context, format string, v ...any) {
	if l.logger.Enabled(ctx, slog.LevelDebug) {
		l.logger.DebugContext(ctx, "Redis client", slog.String("message", fmt.Sprintf(format, v...)))
	}
}
