// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package cached

import "time"

const (
	defaultSize        = 5000
	defaultTTL         = 15 * time.Minute
	defaultMissTTL     = 10 * time.Second
	defaultMaxStale    = 24 * time.Hour
	defaultReloadWait  = 100 * time.Millisecond
	defaultLoadTimeout = 2 * time.Second
)

// An Option changes how a [Store] holds flags. A size or duration that is not
// positive stands for the default.
type Option func(*options)

type options struct {
	size        int
	ttl         time.Duration
	missTTL     time.Duration
	maxStale    time.Duration
	reloadWait  time.Duration
	loadTimeout time.Duration
	failed      func(name string, age time.Duration, err error)
}

// WithSize sets how many names are held at most, those without a flag included.
// The default is 5,000.
func WithSize(n int) Option { return func(o *options) { o.size = positive(n, defaultSize) } }

// WithTTL sets how long a flag is held before it is read again, though nobody
// told that it changed. Each flag's time is up to a tenth shorter, at random, so
// that not all are read at once; while the store below tells of changes, it may
// be up to an eighth longer. The default is 15 minutes.
func WithTTL(d time.Duration) Option { return func(o *options) { o.ttl = positive(d, defaultTTL) } }

// WithMissTTL is [WithTTL] for a name without a flag. It counts only while the
// store below does not tell of changes; otherwise the time is that of WithTTL.
// The default is 10 seconds.
func WithMissTTL(d time.Duration) Option {
	return func(o *options) { o.missTTL = positive(d, defaultMissTTL) }
}

// WithMaxStale sets how old an answer may be that is given because a flag cannot
// be read again, counted from when it was last known to be current. After it,
// reads fail. The default is 24 hours.
func WithMaxStale(d time.Duration) Option {
	return func(o *options) { o.maxStale = positive(d, defaultMaxStale) }
}

// WithReloadWait sets how long a read waits for a flag that has to be read again,
// before the old one is the answer. Reading goes on. The default is 100
// milliseconds.
func WithReloadWait(d time.Duration) Option {
	return func(o *options) { o.reloadWait = positive(d, defaultReloadWait) }
}

// WithLoadTimeout sets how long reading a flag from the store below may take. It
// does not end with the call that began it, since others may wait for the same
// flag. The default is two seconds.
func WithLoadTimeout(d time.Duration) Option {
	return func(o *options) { o.loadTimeout = positive(d, defaultLoadTimeout) }
}

// WithErrorHandler sets a function that is called when a flag could not be read
// again, and there is an old one: age is how long ago that was last known to be
// current. It must return soon, and is called concurrently. By default there is
// none.
func WithErrorHandler(failed func(name string, age time.Duration, err error)) Option {
	return func(o *options) { o.failed = failed }
}

func newOptions(opts []Option) options {
	o := options{
		size:        defaultSize,
		ttl:         defaultTTL,
		missTTL:     defaultMissTTL,
		maxStale:    defaultMaxStale,
		reloadWait:  defaultReloadWait,
		loadTimeout: defaultLoadTimeout,
	}
	for _, opt := range opts {
		opt(&o)
	}
	return o
}

func positive[T time.Duration | int](value, otherwise T) T {
	if value > 0 {
		return value
	}
	return otherwise
}
