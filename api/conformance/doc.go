// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package conformance lets clients that others have written ask a running server, as
// they are: in a browser, in Node.js and in Go. It is a module of its own, so that
// nobody else needs what they need.
//
// Clients in JavaScript are in the folder clients, their packages in package.json, with
// versions pinned; make test-deps installs them, and Chromium.
package conformance
