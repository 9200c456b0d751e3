// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !unix || aix || solaris

package bolt

import "os"

// lock does nothing. Windows itself refuses to cut a file that another process
// has mapped into memory, as bbolt does; on the others, two processes that both
// find a half-made file at the same moment are not kept apart.
func lock(*os.File) error { return nil }
