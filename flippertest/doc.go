// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package flippertest is for tests of code that asks flags: a client whose answers
// the test decides, and a store that fails on demand.
//
//	func TestCheckout(t *testing.T) {
//		features := flippertest.New(t, flippertest.On("NEW_CHECKOUT"))
//		shop := NewShop(features.FeatureFlagClient)
//		...
//		features.WantAsked(t, "NEW_CHECKOUT")
//	}
//
// Every client has its own flags and shares nothing, so tests can run in parallel.
// It is a real client over a real store, with conditions, bucketers, events and
// changes: only the backend is missing.
//
// Flags that have values serve what [Serve] and [Value] say. [Both], [Combinations] and
// [Each] run a test once for each answer. [WithStrict] fails a
// test that asks for a flag which it did not set. [Client.Store] fails, stalls or
// goes stale on demand.
//
// # Time
//
// There is no clock to set: inside a bubble of testing/synctest ramps rise, and
// calls of a stalled store end, in the time of the bubble. Make the client inside
// the bubble. It starts no goroutine, so nothing of it keeps a bubble from ending.
package flippertest
