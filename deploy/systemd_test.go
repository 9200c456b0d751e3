// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The unit says what the guide and the program rely on; where systemd is
// installed, it is asked too.
func TestUnit(t *testing.T) {
	text, err := os.ReadFile("systemd/flipper.service")
	must(t, err)
	unit := string(text)
	for _, want := range []string{
		"Type=notify", "ExecStart=/usr/local/bin/flipper serve", "ExecReload=/bin/kill -HUP $MAINPID",
		"DynamicUser=yes", "StateDirectory=flipper", "WorkingDirectory=/var/lib/flipper", "EnvironmentFile=-/etc/flipper/environment",
		"NoNewPrivileges=yes", "ProtectSystem=strict", "CapabilityBoundingSet=",
	} {
		if !strings.Contains(unit, "\n"+want+"\n") {
			t.Errorf("%q is not in the unit", want)
		}
	}
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		return
	}
	unit = strings.Replace(unit, "/usr/local/bin/flipper", binary, 1)
	path := filepath.Join(t.TempDir(), "flipper.service")
	must(t, os.WriteFile(path, []byte(unit), 0o600))
	if output, err := exec.CommandContext(t.Context(), analyze, "verify", path).CombinedOutput(); err != nil || len(output) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, output)
	}
}
