// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package storeurl

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/flipper-go/flipper/store/instrumented"
	"github.com/flipper-go/flipper/store/mirror"
)

// An Option changes how [Open] opens a store.
type Option func(*options)

type options struct {
	logger        *slog.Logger
	lastGood      string
	mirror        []mirror.Option
	withMirror    bool
	withoutMirror bool
	tls           TLSFiles
	observers     []instrumented.Observer
}

// WithLogger sets where the store and its mirror log that they lost the
// connection, that it is back, and so on. The default is [slog.Default].
func WithLogger(l *slog.Logger) Option { return func(o *options) { o.logger = l } }

// WithLastGood keeps the flags in a file as well, with which the program starts
// while the server is down; see [mirror.WithLastGood]. The folder must exist.
// Programs that use different stores need different files. With it, there is a
// mirror over Consul too. It has no effect on memory: and bolt:, which have no
// server. The default is no file.
func WithLastGood(path string) Option { return func(o *options) { o.lastGood = path } }

// WithMirror sets options of the mirror, such as [mirror.WithInitial]. With it,
// there is a mirror over Consul too, but none over memory: and bolt:. By default
// there is a mirror over Redis and the Thrift service.
func WithMirror(opts ...mirror.Option) Option {
	return func(o *options) { o.withMirror, o.mirror = true, append(o.mirror, opts...) }
}

// WithoutMirror leaves out the mirror, so that Redis and the Thrift service are
// asked at each read. It is for programs that manage flags, and for those that put
// a store of package cached, or a mirror of their own, around the result.
func WithoutMirror() Option { return func(o *options) { o.withoutMirror = true } }

// WithTLSFiles sets the files with which to prove who is who over TLS, where the
// URL does not name them. A URL of Redis or of the Thrift service that is not for
// TLS is refused with it; memory: and bolt: have no use for it. Consul is asked
// over TLS. The default is what the URL says, and without that, the system's
// certificate authorities and no certificate.
func WithTLSFiles(files TLSFiles) Option { return func(o *options) { o.tls = files } }

// WithObservers has all calls that go to the backend observed, such as by package
// flipperprometheus. Reads that the mirror answers are not among them. By default
// there is no observer.
func WithObservers(observers ...instrumented.Observer) Option {
	return func(o *options) { o.observers = append(o.observers, observers...) }
}

// check refuses options that contradict each other.
func (o *options) check() error {
	switch {
	case o.withoutMirror && o.lastGood != "":
		return errors.New("store URL: WithLastGood needs a mirror: leave out WithoutMirror")
	case o.withoutMirror && o.withMirror:
		return errors.New("store URL: WithMirror and WithoutMirror contradict each other: leave out one")
	case (o.tls.Cert == "") != (o.tls.Key == ""):
		return errors.New("store URL: WithTLSFiles: set both Cert and Key, or neither")
	}
	for _, observer := range o.observers {
		if observer == nil {
			return errors.New("store URL: WithObservers: an observer is nil: leave it out")
		}
	}
	return nil
}

// mirrors reports whether there is to be a mirror.
func (o *options) mirrors(r reads) bool {
	switch {
	case o.withoutMirror || r == local:
		return false
	case r == held:
		return o.withMirror || o.lastGood != ""
	}
	return true
}

func (o *options) mirrorOptions() []mirror.Option {
	opts := []mirror.Option{mirror.WithLogger(o.logger), mirror.WithLastGood(o.lastGood)}
	return append(opts, o.mirror...)
}

// refuseTLS refuses a URL that would leave out TLS although there are files for it.
func (o *options) refuseTLS(scheme, secure string) error {
	if o.tls == (TLSFiles{}) {
		return nil
	}
	return fmt.Errorf("%w: WithTLSFiles needs TLS, and %s:// is without: write %s://", ErrInvalidURL, scheme, secure)
}
