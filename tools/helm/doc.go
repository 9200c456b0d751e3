// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package helm has no code but tests: of the Helm chart in deploy/helm/flipper,
// with Helm's own engine. It is a module of its own, so that nobody who imports
// flipper gets Helm and Kubernetes with it.
package helm
