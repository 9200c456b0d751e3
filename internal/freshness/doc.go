// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package freshness measures how long it takes until a change that a plain client
// makes is what IsEnabled answers in another process, next to how long the
// backend itself takes to tell of it. It has only tests and benchmarks:
//
//	go test -run '^$' -bench Freshness -benchtime 1000x ./internal/freshness
package freshness
