// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"log/slog"
	"testing"
)

// No server is needed to open a store, nor to close it.
func TestOpenStore(t *testing.T) {
	for _, storeURL := range []string{"memory:", "thrift://127.0.0.1:1", "redis://127.0.0.1:1/2", "rediss://127.0.0.1:1", "consul://127.0.0.1:1"} {
		_, closeStore, err := openStore(storeURL, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Errorf("%s: %v", storeURL, err)
			continue
		}
		if err := closeStore(); err != nil {
			t.Errorf("%s: close: %v", storeURL, err)
		}
	}
	for _, storeURL := range []string{"", "flags.db", "mysql://h", "redis://h/x", "http://h\x00"} {
		if _, _, err := openStore(storeURL, slog.New(slog.DiscardHandler)); err == nil {
			t.Errorf("%q was opened", storeURL)
		}
	}
}
