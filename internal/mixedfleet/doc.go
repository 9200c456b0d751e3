// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package mixedfleet tests fleets in which Go and Python share flags, over Redis,
// Consul and Thrift. It has only tests.
//
// Their Python client does what Carta's does, as docs/format.md says, and is held to
// the vectors that Carta's made.
package mixedfleet
