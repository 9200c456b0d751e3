// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package rulesvectors has no code but tests: that the evaluator in Go and the one in
// Python, which was written from docs/rules.md alone, give the same answers. It also
// makes testdata/vectors/rules.json:
//
//	go test ./internal/rulesvectors -update
package rulesvectors
