// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package middleware

import "net/http"

// An Option changes what [Require] and [Switch] make.
type Option func(*guard)

// WithFallback sets the handler of requests that do not get through: a page of
// its own, the handler that was there before the flag, or an
// [http.RedirectHandler]. The default is [http.NotFoundHandler]. It means nothing
// to [Switch], which has its own.
func WithFallback(fallback http.Handler) Option {
	return func(g *guard) { g.fallback = fallback }
}

// WithDefault sets what counts as the flag's answer where there is none: it does
// not exist, its store cannot tell in time, or a condition cannot be evaluated.
// With true the guard fails open. The default is the flag's own, see
// [flipper.FeatureFlag.Default]: false, off, unless it was declared otherwise.
func WithDefault(on bool) Option {
	return func(g *guard) { g.otherwise = on }
}

// WithAttributes puts attributes of each request into its context, as
// [Attributes] around the guard would, so that the handler sees them too. By
// default the guard adds none.
func WithAttributes(extractors ...Extractor) Option {
	return func(g *guard) { g.extractors = append(g.extractors, extractors...) }
}

// WithRequiredAttributes names attributes without which a request is not let through
// by mistake: if one of them is missing or null, the answer is the default (see
// [WithDefault]), and the client reports it. A check on a missing attribute is passed
// otherwise. They are required besides those of the client; see
// [flipper.WithRequiredAttributes]. By default the guard requires none.
func WithRequiredAttributes(names ...string) Option {
	return func(g *guard) { g.flag = g.flag.WithRequiredAttributes(names...) }
}

// WithoutPinnedFlags leaves the request as it is, unless the guard has attributes
// to add: then the guard allocates nothing. Whoever asks the flag again further in
// may get another answer, if the flag is changed midway or its bucketer draws
// random numbers. It is for hot routes whose handlers ask for no flags. Within
// [Attributes] it changes nothing: the flags are pinned there. The default is to
// pin flags for the request.
func WithoutPinnedFlags() Option {
	return func(g *guard) { g.unpinned = true }
}
