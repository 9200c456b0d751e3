// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flippertest

import "github.com/flipper-go/flipper"

// An Option changes what [New] makes. Of two that are about the same flag, the
// later counts.
type Option func(*settings)

type settings struct {
	flags  []flagSetting
	strict bool
	client []flipper.Option
}

type flagSetting struct {
	name string
	opts []flipper.CreateOption
}

// On gives the client a flag that is on for everyone.
func On(name string) Option { return Flag(name) }

// Off gives the client a flag that is off for everyone.
func Off(name string) Option { return Flag(name, flipper.WithEnabled(false)) }

// Flag gives the client a flag with conditions, a bucketer or client data. It is
// enabled unless an option says otherwise.
func Flag(name string, opts ...flipper.CreateOption) Option {
	opts = append([]flipper.CreateOption{flipper.WithEnabled(true)}, opts...)
	return func(s *settings) { s.flags = append(s.flags, flagSetting{name, opts}) }
}

// WithStrict fails the test when a flag is asked that does not exist, unless the
// test itself has unset it, and names the nearest that does. By default such a flag
// is answered with the default of whoever asks, as in production.
func WithStrict() Option { return func(s *settings) { s.strict = true } }

// WithClientOptions adds options of the flag client, such as
// [flipper.WithErrorHandler]. By default there are those that the flippertest client
// needs.
func WithClientOptions(opts ...flipper.Option) Option {
	return func(s *settings) { s.client = append(s.client, opts...) }
}
