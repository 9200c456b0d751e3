// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package cached holds in memory the flags that were asked for, over a store that
// has to ask a server.
//
//	s := cached.New(thriftrpc.New("flags:9090"))
//	defer s.Close()
//	features := flipper.New(s)
//
// It holds the flags that were used last, 5,000 unless [WithSize] says otherwise,
// and also holds that there is no flag of a name. To hold all flags, whether they
// are asked for or not, use package mirror.
//
// # How fresh
//
// If the store below is a [store.Watcher], the cache follows its watch: a flag
// that may have changed is read again when it is next asked for; when the watch is
// lost, and when it stands again, that is every flag. While the watch is down, and
// over a store that cannot watch, a flag is also read again when its [WithTTL] is
// over; a change made elsewhere may be seen that late. What is written
// through the cache is seen at once.
//
// A flag is read by one call at a time, however many ask for it. What that call
// gives is not kept if the flag was changed, or may have been, while it was under
// way.
//
// # When the store below fails
//
// An error is never kept. If a flag is there that has to be read again, and
// reading fails or takes longer than [WithReloadWait], the old one is the answer,
// for as long as [WithMaxStale] allows. [Store.Age] tells of it, and
// [WithErrorHandler] has a function told.
package cached
