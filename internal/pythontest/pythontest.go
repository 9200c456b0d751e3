// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package pythontest runs Python programs: against the flag service, with stubs
// generated from a Thrift description, or on their own. Only tests import it.
package pythontest

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// Description returns the path of the service's Thrift description.
func Description() string {
	_, here, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(here), "../../thrift/feature_flag_store.thrift")
}

// Command returns a command that runs a Python program with stubs of the
// description on its path. It ends with the test.
func Command(t testing.TB, description, program string, args ...string) *exec.Cmd {
	t.Helper()
	stubs := t.TempDir()
	generate := exec.CommandContext(t.Context(), "thrift", "--gen", "py", "-out", stubs, description)
	if output, err := generate.CombinedOutput(); err != nil {
		t.Fatalf("generate Python stubs: %v (run make test-deps to get the Thrift compiler)\n%s", err, output)
	}
	command := Script(t, "thrift.Thrift", program, args...)
	command.Env = append(command.Env, "PYTHONPATH="+stubs)
	return command
}

// Script returns a command that runs a Python program, which needs a library. It
// ends with the test.
func Script(t testing.TB, library, program string, args ...string) *exec.Cmd {
	t.Helper()
	command := exec.CommandContext(t.Context(), python(t, library), append([]string{program}, args...)...)
	command.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1", "PYTHONUNBUFFERED=1")
	return command
}

// python finds an interpreter that has a library. The first on the PATH may be one
// without it, where the system's own has it.
func python(t testing.TB, library string) string {
	t.Helper()
	for _, name := range []string{"python3", "/usr/bin/python3"} {
		if exec.CommandContext(t.Context(), name, "-c", "import "+library).Run() == nil {
			return name
		}
	}
	t.Fatalf("no python3 with the library %s (run make test-deps to get it)", library)
	return ""
}
