// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// An export replaces a file when it is whole, keeps its mode, and follows links.
func TestExportReplacesFile(t *testing.T) {
	folder := t.TempDir()
	store := "bolt:" + filepath.Join(folder, "flags.db")
	input, file, link := filepath.Join(folder, "in.json"), filepath.Join(folder, "out.json"), filepath.Join(folder, "link.json")
	must(t, os.WriteFile(input, []byte(threeFlags), 0o600))
	must(t, os.WriteFile(file, []byte("before"), 0o600))
	must(t, os.Chmod(file, 0o664))
	must(t, os.Symlink("out.json", link))
	if stdout, stderr, code := outcome(t, "import", input, "--store", store); code != 0 {
		t.Fatal(stdout, stderr)
	}

	if stdout, stderr, code := outcome(t, "export", link, "--store", store); stdout != "exported 3 flags to "+link+"\n" || code != 0 {
		t.Errorf("%s%s%d", stdout, stderr, code)
	}
	text, err := os.ReadFile(file)
	must(t, err)
	info, err := os.Stat(file)
	must(t, err)
	if string(text) != threeFlags || info.Mode().Perm() != 0o664 {
		t.Errorf("%s%v", text, info.Mode())
	}
	if info, err := os.Lstat(link); err != nil || info.Mode().Type() != fs.ModeSymlink {
		t.Errorf("the link is replaced: %v, %v", info, err)
	}

	if stdout, stderr, code := outcome(t, "export", folder, "--store", store); stdout != "" || code != 1 ||
		!strings.HasSuffix(stderr, folder+" is a folder: name a file in it\n") {
		t.Errorf("%s%s%d", stdout, stderr, code)
	}
	names, err := filepath.Glob(filepath.Join(folder, ".flipper-export-*"))
	if len(names) > 0 || err != nil {
		t.Errorf("left behind: %q, %v", names, err)
	}
}

// What is no file is written to: replacing it would take a device, such as
// /dev/null, from the whole machine.
func TestExportToNamedPipe(t *testing.T) {
	folder := t.TempDir()
	store := "bolt:" + filepath.Join(folder, "flags.db")
	pipe := filepath.Join(folder, "pipe")
	must(t, syscall.Mkfifo(pipe, 0o600))
	if stdout, stderr, code := outcome(t, "create", "A", "--store", store); code != 0 {
		t.Fatal(stdout, stderr)
	}
	// Open for both, so that neither end waits for the other.
	f, err := os.OpenFile(pipe, os.O_RDWR, 0)
	must(t, err)
	defer f.Close()

	if stdout, stderr, code := outcome(t, "export", pipe, "--store", store); stdout != "exported 1 flags to "+pipe+"\n" || code != 0 {
		t.Errorf("%s%s%d", stdout, stderr, code)
	}
	info, err := os.Lstat(pipe)
	must(t, err)
	if info.Mode().Type() != fs.ModeNamedPipe {
		t.Fatalf("the pipe is replaced: %v", info.Mode())
	}
	text := make([]byte, 1<<16) // what a pipe holds, at most
	n, err := f.Read(text)
	must(t, err)
	if !strings.HasPrefix(string(text[:n]), `{"format": "flipper-flags-1", "flags": {`) {
		t.Errorf("%s", text[:n])
	}
}
