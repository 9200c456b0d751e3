// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"crypto/tls"
	"time"
)

const (
	// DefaultTimeout is how long a call waits for the server.
	DefaultTimeout = 5 * time.Second

	// DefaultPollTimeout is how long the server may hold back its answer to a reader of
	// changes.
	DefaultPollTimeout = 30 * time.Second
)

// An Option changes how a [Store] asks the server.
type Option func(*options)

type options struct {
	token       string
	environment string
	tls         *tls.Config
	timeout     time.Duration
	pollTimeout time.Duration
}

// WithToken sets the token that the server asks for. By default none is sent.
func WithToken(token string) Option { return func(o *options) { o.token = token } }

// WithEnvironment names the environment of the flags, for a server that has several and
// a token that is for more than one. The default is what the token says.
func WithEnvironment(name string) Option { return func(o *options) { o.environment = name } }

// WithTLS sets the configuration of TLS, for https:// URLs. By default the authorities of
// the system count.
func WithTLS(config *tls.Config) Option { return func(o *options) { o.tls = config } }

// WithTimeout sets how long a call waits for the server, if its context allows more. The
// default, also for what is not positive, is [DefaultTimeout].
func WithTimeout(d time.Duration) Option { return func(o *options) { o.timeout = d } }

// WithPollTimeout sets how long the server may hold back its answer to a reader of
// changes, in whole seconds of at most 60. It need not be changed, unless something on
// the way closes connections that are silent for so long. The default, also for what is
// less than a second, is [DefaultPollTimeout].
func WithPollTimeout(d time.Duration) Option { return func(o *options) { o.pollTimeout = d } }
