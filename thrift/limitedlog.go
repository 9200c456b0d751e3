// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package thrift

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// logInterval is how often one message is logged at most.
const logInterval = time.Second

// A limitedLog logs each message at most once per interval, so that a hostile
// client cannot fill the disk. The messages it is given must be constants.
type limitedLog struct {
	logger *slog.Logger

	mu   sync.Mutex
	seen map[string]*logged
}

type logged struct {
	at         time.Time
	suppressed int
}

func newLimitedLog(l *slog.Logger) *limitedLog {
	return &limitedLog{logger: l, seen: make(map[string]*logged)}
}

func (l *limitedLog) warn(message string, attrs ...any) {
	l.log(slog.LevelWarn, message, attrs)
}

func (l *limitedLog) error(message string, attrs ...any) {
	l.log(slog.LevelError, message, attrs)
}

func (l *limitedLog) log(level slog.Level, message string, attrs []any) {
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
func (l *limitedLog) allow(message string, now time.Time) (suppressed int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.seen[message]
	if s == nil {
		s = &logged{}
		l.seen[message] = s
	} else if now.Sub(s.at) < logInterval {
		s.suppressed++
		return 0, false
	}
	suppressed, s.suppressed, s.at = s.suppressed, 0, now
	return suppressed, true
}
