// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package conformance asks Unleash's own clients for the flags that the API hands out,
// and compares their answers with Flipper's. It is a module of its own, so that these
// clients become nobody else's dependencies.
package conformance
