// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package consultest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// builtName is the name of the program that scripts/consul.sh builds.
const builtName = "consul-1.12.9"

// binary finds the Consul program: CONSUL_BIN, or consul in the PATH, or the one
// that `make test-deps` has built.
func binary(t testing.TB) string {
	t.Helper()
	if name := os.Getenv("CONSUL_BIN"); name != "" {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Fatalf("CONSUL_BIN: %v", err)
		}
		return path
	}
	if path, err := exec.LookPath("consul"); err == nil {
		return path
	}
	cache := os.Getenv("FLIPPER_CACHE")
	if cache == "" {
		base := os.Getenv("XDG_CACHE_HOME")
		if base == "" {
			home, err := os.UserHomeDir()
			if err != nil {
				t.Fatal(err)
			}
			base = filepath.Join(home, ".cache")
		}
		cache = filepath.Join(base, "flipper")
	}
	path, err := exec.LookPath(filepath.Join(cache, builtName))
	if err != nil {
		t.Fatalf("these tests need Consul: run `make test-deps`, or put consul into the PATH, or set CONSUL_BIN (%v)", err)
	}
	return path
}
