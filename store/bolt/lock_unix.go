// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix && !aix && !solaris

package bolt

import (
	"os"
	"syscall"
)

// lock takes the lock that bbolt takes, or fails if somebody has it. It ends when
// f is closed.
func lock(f *os.File) error {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}
