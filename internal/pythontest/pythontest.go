// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package pythontest runs Python programs against the flag service, with stubs
// generated from a Thrift description. Only tests import it.
package pythontest

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// Description gives the path of the service's Thrift description.
func Description() string {
	_, here, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(here), "../../thrift/feature_flag_store.thrift")
}

// Command gives a command that runs a Python program with stubs of the
// description on its path. It ends with the test.
func Command(t testing.TB, description, program string, args ...string) *exec.Cmd {
	t.Helper()
	stubs := t.TempDir()
	generate := exec.CommandContext(t.Context(), "thrift", "--gen", "py", "-out", stubs, description)
	if output, err := generate.CombinedOutput(); err != nil {
		t.Fatalf("generate Python stubs: %v (run make test-deps to get the Thrift compiler)\n%s", err, output)
	}
	command := exec.CommandContext(t.Context(), python(t), append([]string{program}, args...)...)
	command.Env = append(os.Environ(), "PYTHONPATH="+stubs, "PYTHONDONTWRITEBYTECODE=1", "PYTHONUNBUFFERED=1")
	return command
}

// python finds an interpreter that has Thrift's library. The first on the PATH
// may be one without it, where the system's own has it.
func python(t testing.TB) string {
	t.Helper()
	for _, name := range []string{"python3", "/usr/bin/python3"} {
		if exec.CommandContext(t.Context(), name, "-c", "import thrift.Thrift").Run() == nil {
			return name
		}
	}
	t.Fatal("no python3 with Apache Thrift's library (run make test-deps to get it)")
	return ""
}
