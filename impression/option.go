// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package impression

import (
	"log/slog"
	"slices"
	"time"

	"github.com/flipper-go/flipper"
)

// The defaults of the options.
const (
	DefaultQueueSize = 1000
	DefaultMaxBatch  = 100
	DefaultMaxWait   = time.Second
	DefaultTimeout   = 10 * time.Second
)

// An Option changes what [New] makes.
type Option func(*options)

type options struct {
	queueSize, maxBatch int
	maxWait, timeout    time.Duration
	allAttributes       bool
	attributes          []string
	logger              *slog.Logger
}

func newOptions(opts []Option) options {
	o := options{queueSize: DefaultQueueSize, maxBatch: DefaultMaxBatch, maxWait: DefaultMaxWait, timeout: DefaultTimeout}
	for _, opt := range opts {
		opt(&o)
	}
	if o.logger == nil {
		o.logger = slog.Default()
	}
	o.queueSize = max(o.queueSize, 1)
	o.maxBatch = min(max(o.maxBatch, 1), o.queueSize)
	return o
}

// WithQueueSize sets how many impressions may wait: at least 1. The default is
// [DefaultQueueSize]. An impression takes about 120 bytes plus its attributes.
func WithQueueSize(n int) Option { return func(o *options) { o.queueSize = n } }

// WithMaxBatch sets the most impressions in one batch: at least 1, and at most the size
// of the queue. The default is [DefaultMaxBatch].
func WithMaxBatch(n int) Option { return func(o *options) { o.maxBatch = n } }

// WithMaxWait sets how long an impression waits for others before it is delivered, if
// the handler is not busy. The default is [DefaultMaxWait].
func WithMaxWait(wait time.Duration) Option { return func(o *options) { o.maxWait = wait } }

// WithTimeout sets when the context of one call of the handler ends. The default is
// [DefaultTimeout]; 0 lets it last until [Recorder.Close] gives up.
func WithTimeout(timeout time.Duration) Option { return func(o *options) { o.timeout = timeout } }

// WithAttributes names attributes that are kept. By default none are, because they
// may be personal data. Several options add up.
func WithAttributes(names ...string) Option {
	return func(o *options) { o.attributes = append(o.attributes, names...) }
}

// WithAllAttributes keeps all attributes. By default none are kept.
func WithAllAttributes() Option { return func(o *options) { o.allAttributes = true } }

// WithLogger sets where failures of the handler are logged, at most once a minute.
// The default is [slog.Default].
func WithLogger(logger *slog.Logger) Option { return func(o *options) { o.logger = logger } }

// keep returns the attributes that are kept. The array of those given is its own.
func (o *options) keep(attrs []flipper.Attr) []flipper.Attr {
	if o.allAttributes {
		return attrs
	}
	if len(o.attributes) == 0 {
		return nil
	}
	return slices.DeleteFunc(attrs, func(a flipper.Attr) bool { return !slices.Contains(o.attributes, a.Name) })
}
