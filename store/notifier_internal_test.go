// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"testing"
)

// TestNotifierForgets ends loops, of which nothing may be kept.
func TestNotifierForgets(t *testing.T) {
	var n Notifier
	for range n.Watch(t.Context()) {
		break
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for range n.Watch(ctx) {
		cancel()
	}
	if len(n.watchers) != 0 {
		t.Errorf("%d watchers are kept after their loops have ended", len(n.watchers))
	}
}
