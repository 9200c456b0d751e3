// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package mirror

import (
	"log/slog"
	"time"

	"github.com/flipper-go/flipper/store"
)

const (
	defaultFullReadInterval = 5 * time.Minute
	defaultReadTimeout      = 2 * time.Second
)

// An Option changes how a [Store] follows another one. A duration that is not
// positive stands for the default.
type Option func(*options)

type options struct {
	fullReadInterval time.Duration
	readTimeout      time.Duration
	lastGood         string
	initial          []*store.Flag
	logger           *slog.Logger
	failed           func(error)
}

// WithFullReadInterval sets how often everything is read again, though the store
// below tells of changes: whatever it did not tell is seen then. The intervals
// vary by a tenth, at random. If the store below cannot tell of changes, this is
// how a change is seen at all. The default is five minutes.
func WithFullReadInterval(d time.Duration) Option {
	return func(o *options) { o.fullReadInterval = positive(d, defaultFullReadInterval) }
}

// WithReadTimeout sets how long the store below may take for one flag, or between
// two flags of a list, when the mirror reads them for itself. The default is two
// seconds.
func WithReadTimeout(d time.Duration) Option {
	return func(o *options) { o.readTimeout = positive(d, defaultReadTimeout) }
}

// WithLastGood keeps all flags in a file, from which the mirror starts if the
// store below cannot be asked then. The file is replaced as a whole, soon after a
// change and by Close, and only its owner can read it; its folder has to exist. A
// file that cannot be read or written is reported, and is no reason to fail. The
// default is no file.
func WithLastGood(path string) Option { return func(o *options) { o.lastGood = path } }

// WithInitial sets the flags with which the mirror starts if the store below cannot
// be asked then, and there is no file of [WithLastGood]: as a rule those of package
// bootstrap, which the program brings along. Until the store below was read they are
// answered as stale, with an age that counts from [New]; then they are gone for
// good. They are never written, neither to the store below nor to the file. Flags that
// cannot be stored, and those whose rules cannot be read, are reported and left out.
//
// With initial flags, a read that comes before the mirror is ready waits, if it has
// to, until it is, which takes half a second if the store below does not answer.
// The default is none: such a read has the error of the store below.
func WithInitial(flags []*store.Flag) Option { return func(o *options) { o.initial = flags } }

// WithLogger sets where the mirror tells that it lost the connection, that it is
// back, and that there is something wrong with the file of [WithLastGood] or with the
// flags of [WithInitial]. The default is [slog.Default].
func WithLogger(l *slog.Logger) Option { return func(o *options) { o.logger = l } }

// WithErrorHandler sets a function that is called with what the logger is told as
// an error: once when the connection is lost, and for each problem with the file
// of [WithLastGood]. It must return soon, and may be called
// concurrently. By default there is none.
func WithErrorHandler(failed func(error)) Option { return func(o *options) { o.failed = failed } }

func newOptions(opts []Option) options {
	o := options{fullReadInterval: defaultFullReadInterval, readTimeout: defaultReadTimeout}
	for _, opt := range opts {
		opt(&o)
	}
	if o.logger == nil {
		o.logger = slog.Default()
	}
	return o
}

func positive(value, otherwise time.Duration) time.Duration {
	if value > 0 {
		return value
	}
	return otherwise
}

func (o *options) report(message string, err error) {
	o.logger.Warn("flag mirror: "+message, "error", err)
	if o.failed != nil {
		o.failed(err)
	}
}
