// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package bolt

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/storetest"
)

// fullDiskVariable tells the test binary that it may break its own disk.
const fullDiskVariable = "FLIPPER_BOLT_FULL_DISK"

// TestFullDisk runs in a process of its own, which can't write any file while the
// disk is full: go test has one open in this process.
func TestFullDisk(t *testing.T) {
	if os.Getenv(fullDiskVariable) == "" {
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), self, "-test.v", "-test.run", "^TestFullDisk$/^(Contract|Writes)$/^Broken$")
		cmd.Env = append(os.Environ(), fullDiskVariable+"=1")
		out, err := cmd.CombinedOutput()
		for _, ran := range []string{"--- PASS: TestFullDisk/Contract/Broken", "--- PASS: TestFullDisk/Writes"} {
			if err != nil || !strings.Contains(string(out), ran) {
				t.Fatalf("%v, want %q in\n%s", err, ran, out)
			}
		}
		return
	}
	t.Run("Contract", func(t *testing.T) {
		h := harness()
		h.Break = func(t *testing.T, _ store.Store) func() { return fillDisk(t) }
		storetest.Run(t, h)
	})
	t.Run("Writes", testFullDiskWrites)
}

// fillDisk lets every write to a file fail, as on a full disk.
func fillDisk(t *testing.T) (heal func()) {
	t.Helper()
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	none := before
	none.Cur = 0
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &none); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
			t.Fatal(err)
		}
	}
}

// testFullDiskWrites fills the disk between writes. What is in memory stays what
// is in the file.
func testFullDiskWrites(t *testing.T) {
	path := newPath(t)
	s := newStore(t, path)
	kept := put(t, s, &store.Flag{Name: "KEPT"})
	for range 3 {
		heal := fillDisk(t)
		_, createErr := s.Put(t.Context(), &store.Flag{Name: "NEW"})
		change := kept.Clone()
		change.Enabled = !change.Enabled
		_, changeErr := s.Put(t.Context(), change)
		deleteErr := s.Delete(t.Context(), "KEPT")
		heal()
		for _, err := range []error{createErr, changeErr, deleteErr} {
			if !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, syscall.EFBIG) {
				t.Errorf("write to a full disk: %v", err)
			}
		}
		if f, err := s.Get(t.Context(), "KEPT"); err != nil || f.Revision != kept.Revision {
			t.Errorf("get: %v, %v", f, err)
		}
		if _, err := s.Get(t.Context(), "NEW"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("get: %v", err)
		}
		next := put(t, s, change)
		if next.Revision == kept.Revision {
			t.Error("the revision is given again")
		}
		kept = next
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = newStore(t, path)
	if f, err := s.Get(t.Context(), "KEPT"); err != nil || f.Revision != kept.Revision {
		t.Errorf("after it was opened again: %v, %v", f, err)
	}
}

// TestCutShort cuts the file under an open store, so that its memory cannot be
// read.
func TestCutShort(t *testing.T) {
	path := newPath(t)
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	f := put(t, s, &store.Flag{Name: "A"})
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := s.Put(t.Context(), f); !errors.Is(err, ErrCorrupt) || !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("put: %v", err)
		}
	}
	if _, err := s.Get(t.Context(), "A"); err != nil {
		t.Errorf("get: %v", err)
	}
	for range 2 {
		if err := s.Close(); !errors.Is(err, ErrCorrupt) {
			t.Errorf("close: %v", err)
		}
	}
}
