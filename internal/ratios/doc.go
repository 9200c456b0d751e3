// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package ratios has no code but tests: that what the module promises of its speed
// is not off by a factor of ten. How it really does, bench measures.
package ratios
