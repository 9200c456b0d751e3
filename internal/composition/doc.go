// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package composition tests stores that stand on other stores, over a real flag
// service and a network with faults. It has only tests.
package composition
