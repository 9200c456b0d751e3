// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package cached keeps recently used flags in memory, in front of a store that has to
// ask a server.
//
//	s := cached.New(thriftrpc.New("flags:9090"))
//	defer s.Close()
//	features := flipper.New(s)
//
// It holds the most recently used flags, 5,000 unless [WithSize] says otherwise. It
// also remembers which names have no flag. To hold all flags, used or not, see package
// mirror.
//
// # How fresh
//
// If the store below is a [store.Watcher], the cache follows its watch. A flag that
// may have changed is read again the next time it is used. When the watch is lost, and
// when it is back, every flag counts as changed. While the watch is down, and over a
// store that cannot watch, a flag is also read again once its [WithTTL] has passed, so
// a change made elsewhere may take that long to appear. What is written through the
// cache is visible at once.
//
// One call at a time reads a flag, however many callers wait for it. Its result is not
// kept if the flag changed, or may have changed, during the call.
//
// # When the store below fails
//
// Errors are never cached. If an expired flag cannot be read again, or that takes longer
// than [WithReloadWait], the cache answers with the old one for as long as [WithMaxStale]
// allows. [Store.Age] reports its age, and the function of [WithErrorHandler] is called.
package cached
