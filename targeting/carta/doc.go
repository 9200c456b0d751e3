// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package carta decides which requests an enabled flag is on for, by the model of
// Carta's Python package flipper-client.
//
// Use it for flags that Python services evaluate too. For all others package rules
// has a model without the surprises of this one.
//
// A flag has a list of [Condition] values, each a set of [Check] values on the
// attributes of a request, and one [Bucketer], which turns the flag on for a share
// of the traffic. [Evaluate] puts them together. The package is pure: it does no
// I/O and keeps no state.
//
//	adults := carta.NewCondition(
//		carta.GreaterOrEqual("age", 18),
//		carta.In("plan", "pro", "team"),
//	)
//	half := carta.NewConsistentHashBucketer(carta.FixedPercentage(0.5), "user_id")
//
// # Compatibility
//
// Every decision is that of flipper-client 1.3.2, bit for bit, so that Go and Python
// services that share flags agree on every user. That includes what may surprise:
//
//   - Conditions are asked only if the request has at least one attribute.
//   - If there is a condition and an attribute, the bucketer is not asked.
//   - A check on an attribute that the caller did not give is passed.
//   - A percentage of 0.5 enables 51 of 100 buckets, because a bucket counts as
//     enabled up to and including the percentage.
//
// # Concurrency
//
// All values are immutable once made, and safe for concurrent use.
package carta
