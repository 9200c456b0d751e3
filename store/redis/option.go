// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package redis

import (
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	defaultBaseKey      = "features"
	defaultPollInterval = 5 * time.Second
)

// An Option changes how a [Store] uses its server.
type Option func(*options)

type options struct {
	baseKey      string
	logger       *slog.Logger
	pollInterval time.Duration
	addReadHooks func(*redis.Client)
}

// WithBaseKey sets what the keys begin with: the flag NAME is at the key
// key/NAME. Characters that mean something in Redis' patterns mean themselves.
// The default is "features", as in the Python client. [New] refuses one that is
// empty, longer than 1024 bytes or not UTF-8.
func WithBaseKey(key string) Option { return func(o *options) { o.baseKey = key } }

// WithLogger sets where the store says that it cannot learn of changes as they
// happen. The default is [slog.Default].
func WithLogger(l *slog.Logger) Option { return func(o *options) { o.logger = l } }

// WithPollInterval sets how often Watch asks for changes of the flags it knows,
// if the server cannot announce them. At every sixth time it looks for new flags,
// and tells that everything may have changed. The default, also for what is not
// positive, is 5 seconds.
func WithPollInterval(d time.Duration) Option { return func(o *options) { o.pollInterval = d } }

// WithReadHooks has add called with each client that Get reads with, before its
// first use: one for each server. It is for hooks, such as those of tracing. These
// clients share the connections and the options of the client that [New] was
// given, but have a shorter time limit, and go-redis makes such a client without
// the hooks of the first. The default is to add none. If a server does not answer
// soon, Get goes on with the first client, and its hooks.
func WithReadHooks(add func(*redis.Client)) Option {
	return func(o *options) { o.addReadHooks = add }
}

func newOptions(opts []Option) options {
	o := options{baseKey: defaultBaseKey}
	for _, opt := range opts {
		opt(&o)
	}
	if o.logger == nil {
		o.logger = slog.Default()
	}
	if o.pollInterval <= 0 {
		o.pollInterval = defaultPollInterval
	}
	return o
}
