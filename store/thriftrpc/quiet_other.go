// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !unix || aix

package thriftrpc

import "net"

// A peeker cannot tell here what a connection is like without reading from it. The
// pool copes: see [pool.Call].
type peeker struct{}

func newPeeker(net.Conn) *peeker { return new(peeker) }

func (*peeker) isQuiet() bool { return true }
