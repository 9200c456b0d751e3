// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix && !aix

package thriftrpc

import (
	"errors"
	"net"
	"syscall"
)

// isQuiet reports whether a connection is open and there is nothing to read. It
// peeks, which costs about a microsecond.
func isQuiet(conn net.Conn) bool {
	socket, ok := conn.(syscall.Conn)
	if !ok {
		return true // no way to tell
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return false
	}
	var peeked error
	err = raw.Read(func(fd uintptr) bool {
		var b [1]byte
		_, _, peeked = syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK)
		return true // the socket does not block: do not wait for it
	})
	return err == nil && (errors.Is(peeked, syscall.EAGAIN) || errors.Is(peeked, syscall.EWOULDBLOCK))
}
