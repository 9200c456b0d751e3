// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package repository has no code but tests: of rules that hold for the whole
// repository, and that no compiler checks.
package repository
