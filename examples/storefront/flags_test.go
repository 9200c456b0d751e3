// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/bootstrap"
)

// The initial flags are those that are declared, with their defaults.
func TestInitialFlags(t *testing.T) {
	initial, err := bootstrap.ReadFile(initialFlags, "flags.json")
	if err != nil {
		t.Fatal(err)
	}
	enabled := make(map[string]bool)
	for _, f := range initial {
		enabled[f.Name] = f.Enabled
	}
	declared, err := flipper.Declarations(Flags)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range declared {
		otherwise := d.(*flipper.Declaration).Default()
		if on, ok := enabled[d.Name()]; !ok || on != otherwise {
			t.Errorf("%s: initial flag %t, %t; the declared default is %t", d.Name(), ok, on, otherwise)
		}
		delete(enabled, d.Name())
	}
	for name := range enabled {
		t.Errorf("the initial flag %s is not declared", name)
	}
}
