// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package targeting holds what evaluations are about: the attributes of a request,
// their values, and the reason for an answer.
//
// A [Value] is a JSON value that tells 1 from 1.0 and keeps ints of any size. A
// [Request] has attributes, a time and a random draw. Two models decide what a
// request gets: package rules, for flags of today, and package carta, for flags that
// are shared with Carta's Python client.
//
// It is pure: it does no I/O and keeps no state.
//
// # Concurrency
//
// Values are immutable once made, and safe for concurrent use.
package targeting
