// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipper

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting/carta"
	"github.com/flipper-go/flipper/targeting/rules"
)

const (
	// reportInterval is how often one cause is logged at most.
	reportInterval = time.Minute
	// maxCauses bounds how many causes are told apart; names beyond it, which
	// may come from outside, share one per kind of error.
	maxCauses = 1000
)

// A reporter tells of evaluations that had no answer. Telling of a cause that was
// logged just now neither locks nor allocates.
type reporter struct {
	logger  *slog.Logger // nil: slog.Default
	handler func(ctx context.Context, name string, err error)

	mu     sync.Mutex // held while causes is replaced
	causes atomic.Pointer[map[cause]*atomic.Int64]
}

// A cause is a flag and what was wrong; of it the reporter keeps when it was
// logged last.
type cause struct {
	name string
	kind error
}

var causeKinds = []error{
	store.ErrNotFound, store.ErrUnreadable, store.ErrUnavailable, store.ErrClosed,
	carta.ErrKind, rules.ErrDepth, ErrMissingAttribute, ErrType, context.Canceled, context.DeadlineExceeded,
}

func causeKind(err error) error {
	for _, kind := range causeKinds {
		if errors.Is(err, kind) {
			return kind
		}
	}
	return nil
}

func (r *reporter) report(ctx context.Context, name string, err error) {
	if r.handler != nil {
		r.handler(ctx, name, err)
	}
	if errors.Is(err, errSuspended) || errors.Is(err, errCrowded) {
		return // it was logged that the store does not answer, or those who wait will tell
	}
	key := cause{name, causeKind(err)}
	if len(name) > store.MaxNameSize {
		key.name = "" // no flag's name, and too large to keep
	}
	if !r.due(key) {
		return
	}
	r.log(ctx, slog.LevelWarn, "flag could not be evaluated, the caller's default is answered",
		slog.String("flag", name), slog.Any("error", err))
}

func (r *reporter) log(ctx context.Context, level slog.Level, message string, attrs ...slog.Attr) {
	logger := r.logger
	if logger == nil {
		logger = slog.Default()
	}
	logger.LogAttrs(ctx, level, message, attrs...)
}

// due reports whether the cause is to be logged now.
func (r *reporter) due(key cause) bool {
	now := time.Now().UnixNano()
	last := r.last(key)
	before := last.Load()
	return (before == 0 || now-before >= int64(reportInterval)) && last.CompareAndSwap(before, now)
}

func (r *reporter) last(key cause) *atomic.Int64 {
	if causes := r.causes.Load(); causes != nil {
		if _, last := lookUp(*causes, key); last != nil {
			return last
		}
	}
	return r.add(key)
}

func (r *reporter) add(key cause) *atomic.Int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	causes := map[cause]*atomic.Int64{}
	if old := r.causes.Load(); old != nil {
		// Others may have added it meanwhile, or reached the bound.
		var last *atomic.Int64
		if key, last = lookUp(*old, key); last != nil {
			return last
		}
		causes = maps.Clone(*old)
	}
	last := new(atomic.Int64)
	causes[key] = last
	r.causes.Store(&causes)
	return last
}

// lookUp returns the cause that counts for key, which beyond the bound is the one
// that all of a kind share, and what is kept of it, if there is anything.
func lookUp(causes map[cause]*atomic.Int64, key cause) (cause, *atomic.Int64) {
	if last := causes[key]; last != nil || len(causes) < maxCauses {
		return key, last
	}
	key.name = ""
	return key, causes[key]
}
