// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package limitedlog logs what clients can cause, so that a hostile one cannot fill
// the disk.
package limitedlog

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// interval is how often one message is logged at most.
const interval = time.Second

// A Log logs each message at most once a second, with the number of those that were
// left out since. The messages it is given must be constants. It is safe for
// concurrent use.
type Log struct {
	logger *slog.Logger

	mu   sync.Mutex
	seen map[string]*logged
}

type logged struct {
	at         time.Time
	suppressed int
}

// New makes a log over a logger.
func New(l *slog.Logger) *Log {
	return &Log{logger: l, seen: make(map[string]*logged)}
}

// Warn logs a warning. The attributes are those of [slog.Logger.Warn].
func (l *Log) Warn(message string, attrs ...any) {
	l.log(slog.LevelWarn, message, attrs)
}

// Error logs an error. The attributes are those of [slog.Logger.Error].
func (l *Log) Error(message string, attrs ...any) {
	l.log(slog.LevelError, message, attrs)
}

func (l *Log) log(level slog.Level, message string, attrs []any) {
	suppressed, ok := l.allow(message, time.Now())
	if !ok {
		return
	}
	if suppressed > 0 {
		attrs = append(attrs, "suppressed", suppressed)
	}
	l.logger.Log(context.Background(), level, message, attrs...)
}

// allow reports whether the message may be logged now, and how many like it were
// not since the last one was.
func (l *Log) allow(message string, now time.Time) (suppressed int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.seen[message]
	if s == nil {
		s = &logged{}
		l.seen[message] = s
	} else if now.Sub(s.at) < interval {
		s.suppressed++
		return 0, false
	}
	suppressed, s.suppressed, s.at = s.suppressed, 0, now
	return suppressed, true
}
