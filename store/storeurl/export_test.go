// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package storeurl

// Mirrored reports whether a mirror answers, not the backend.
func (s *Store) Mirrored() bool { return s.answers != s.backend }
