// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package conformance runs scenarios in the words of OpenFeature's specification
// against the provider. It is a module of its own, because what runs them must not
// come to everybody who imports the provider.
package conformance
