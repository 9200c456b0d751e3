// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/flipper-go/flipper/store"
)

const (
	// probeInterval is the pause between two questions to the store when nobody
	// asks how it is.
	probeInterval = time.Second

	// probeTimeout bounds one question to the store.
	probeTimeout = 2 * time.Second
)

// A waiter is a store that loads its flags, and tells when it has them.
type waiter interface {
	WaitReady(ctx context.Context) error
}

// A monitor knows how the store is, so that health checks and metrics need not
// wait for a store that hangs. It is safe for concurrent use.
type monitor struct {
	store  store.Store
	logger *slog.Logger
	asked  chan chan<- struct{} // to be closed after the next probe

	mu    sync.Mutex
	state storeState
}

// A storeState is what the last probe of the store said.
type storeState struct {
	loaded   bool      // the flags could be read once
	up       bool      // the store answers, and not from a copy that it cannot renew
	probed   bool      // there was a probe
	lastRead time.Time // when the store was last up; zero if never
}

func newMonitor(s store.Store, logger *slog.Logger) *monitor {
	return &monitor{store: s, logger: logger, asked: make(chan chan<- struct{})}
}

// run probes the store until ctx ends.
func (m *monitor) run(ctx context.Context) {
	ticker := time.NewTicker(probeInterval)
	defer ticker.Stop()
	var waiting []chan<- struct{}
	for {
		err := m.probe(ctx)
		if ctx.Err() != nil {
			return
		}
		m.record(err)
		for _, done := range waiting {
			close(done)
		}
		waiting = nil
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case done := <-m.asked:
			waiting = append(m.alsoAsked(), done)
		}
	}
}

// alsoAsked returns those who wait for the same probe.
func (m *monitor) alsoAsked() []chan<- struct{} {
	var waiting []chan<- struct{}
	for {
		select {
		case done := <-m.asked:
			waiting = append(waiting, done)
		default:
			return waiting
		}
	}
}

// check probes the store and returns its state. If ctx ends before the store has
// answered, fresh is false, and the state is that of the last probe.
func (m *monitor) check(ctx context.Context) (state storeState, fresh bool) {
	done := make(chan struct{})
	select {
	case <-ctx.Done():
		return m.current(), false
	case m.asked <- done:
	}
	select {
	case <-ctx.Done():
		return m.current(), false
	case <-done:
		return m.current(), true
	}
}

// current returns the state that the last probe found.
func (m *monitor) current() storeState {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state
}

// errStale says that the store answers from a copy.
var errStale = errors.New("the store answers from a copy that it cannot renew at present")

// A probeError is why the store is not up. loaded says that it has flags
// nevertheless.
type probeError struct {
	loaded bool
	err    error
}

func (e *probeError) Error() string { return e.err.Error() }
func (e *probeError) Unwrap() error { return e.err }

// probe asks the store for a flag. That there is none, or that it is unreadable,
// is an answer of the store too.
func (m *monitor) probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	if w, ok := m.store.(waiter); ok && !m.current().loaded {
		if err := w.WaitReady(ctx); err != nil {
			return &probeError{err: err}
		}
	}
	_, err := m.store.Get(ctx, "")
	if err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrUnreadable) {
		return &probeError{err: err}
	}
	if dated, ok := m.store.(store.Dated); ok {
		if _, stale := dated.Age(""); stale {
			return &probeError{loaded: true, err: errStale}
		}
	}
	return nil
}

// record notes what a probe found, and logs when that is another state than
// before.
func (m *monitor) record(err error) {
	m.mu.Lock()
	before := m.state
	m.state.probed = true
	m.state.up = err == nil
	if failure, ok := errors.AsType[*probeError](err); err == nil || ok && failure.loaded {
		m.state.loaded = true
	}
	if err == nil {
		m.state.lastRead = time.Now()
	}
	after := m.state
	m.mu.Unlock()
	switch {
	case before.probed && before.up == after.up && before.loaded == after.loaded:
	case after.up:
		m.logger.Info("the store can be read")
	case after.loaded:
		m.logger.Warn("degraded: the store cannot be read", slog.Any("error", err))
	default:
		m.logger.Warn("not ready: the store could not be read yet, and is asked again until it can", slog.Any("error", err))
	}
}

// age returns how long ago the server last knew that the flags are current: 0 if it
// would have been told of every change, or reads ask the store itself. It does
// not know that of a store that never answered.
func (m *monitor) age() (age time.Duration, known bool) {
	state := m.current()
	if !state.loaded {
		return 0, false
	}
	if dated, ok := m.store.(store.Dated); ok {
		age, _ := dated.Age("")
		return age, true
	}
	if state.up {
		return 0, true
	}
	return time.Since(state.lastRead), true
}
