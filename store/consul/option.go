// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package consul

import (
	"errors"
	"fmt"
	"log/slog"
	"time"
)

const (
	defaultBaseKey  = "features"
	defaultTimeout  = 5 * time.Second
	defaultWait     = 5 * time.Second
	defaultInterval = 20 * time.Millisecond

	maxWait = 10 * time.Minute // Consul's own limit
)

// An Option changes how a [Store] uses Consul. A duration that is not positive
// stands for the default.
type Option func(*options)

type options struct {
	baseKey   string
	timeout   time.Duration
	wait      time.Duration
	interval  time.Duration
	namespace string
	partition string
	logger    *slog.Logger
}

// WithBaseKey sets the first part of the keys: a flag's key is the base key, a
// slash and the flag's name. It may have several parts, as in "team/features",
// but neither begins nor ends with a slash. The default is "features", which is
// the Python client's.
func WithBaseKey(key string) Option { return func(o *options) { o.baseKey = key } }

// WithTimeout sets how long a call may take if its context has no deadline, and
// how long fetching all flags may take. The default is five seconds.
func WithTimeout(d time.Duration) Option {
	return func(o *options) { o.timeout = positive(d, defaultTimeout) }
}

// WithWait sets how long one question for changes waits at the server, ten
// minutes at most; a change is told at once whatever this is. It bounds how long
// a server that hangs goes unnoticed: this, a sixteenth of it, by which servers
// spread their answers, and two seconds. The default is five seconds. A client
// with a time-out for requests of its own must allow as much.
func WithWait(d time.Duration) Option {
	return func(o *options) { o.wait = positive(d, defaultWait) }
}

// WithMinInterval sets the shortest time from one fetch of all flags to the next,
// when changes come in quick succession; the first is fetched at once. Where
// fetching takes long, three times that counts instead, up to half a second. The
// default is 20 milliseconds.
func WithMinInterval(d time.Duration) Option {
	return func(o *options) { o.interval = positive(d, defaultInterval) }
}

// WithNamespace sets the namespace of the flags in Consul Enterprise. Writes need
// it here: that of the client's configuration counts for reads only. The default
// is none.
func WithNamespace(name string) Option { return func(o *options) { o.namespace = name } }

// WithPartition sets the admin partition of the flags in Consul Enterprise.
// Writes need it here: that of the client's configuration counts for reads only.
// The default is none.
func WithPartition(name string) Option { return func(o *options) { o.partition = name } }

// WithLogger sets where the store tells, once for each loss, that it cannot
// follow changes any more, and that it can again. The default is [slog.Default].
func WithLogger(l *slog.Logger) Option { return func(o *options) { o.logger = l } }

func newOptions(opts []Option) (options, error) {
	o := options{
		baseKey:  defaultBaseKey,
		timeout:  defaultTimeout,
		wait:     defaultWait,
		interval: defaultInterval,
	}
	for _, opt := range opts {
		opt(&o)
	}
	if o.logger == nil {
		o.logger = slog.Default()
	}
	if o.baseKey == "" {
		return o, errors.New("the base key is empty")
	}
	if o.baseKey[len(o.baseKey)-1] == '/' {
		return o, fmt.Errorf("the base key %q ends with a slash: leave it out", o.baseKey)
	}
	if err := checkKey(o.baseKey); err != nil {
		return o, fmt.Errorf("the base key %q cannot be used: %w", o.baseKey, err)
	}
	if o.wait > maxWait {
		return o, fmt.Errorf("WithWait(%v): Consul waits for %v at most", o.wait, maxWait)
	}
	return o, nil
}

func positive(value, otherwise time.Duration) time.Duration {
	if value > 0 {
		return value
	}
	return otherwise
}
