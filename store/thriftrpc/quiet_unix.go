// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix && !aix

package thriftrpc

import (
	"errors"
	"net"
	"syscall"
)

// A peeker looks at a connection without reading from it. It is made once, so that
// a look costs a system call and nothing else.
type peeker struct {
	raw    syscall.RawConn // nil if there is no way to tell
	peek   func(fd uintptr)
	result error
	buffer [1]byte
}

func newPeeker(conn net.Conn) *peeker {
	p := new(peeker)
	p.peek = func(fd uintptr) {
		_, _, p.result = syscall.Recvfrom(int(fd), p.buffer[:], syscall.MSG_PEEK) // which does not block
	}
	if socket, ok := conn.(syscall.Conn); ok {
		p.raw, _ = socket.SyscallConn()
	}
	return p
}

// isQuiet reports whether the connection is open and there is nothing to read,
// whatever its deadlines.
func (p *peeker) isQuiet() bool {
	if p.raw == nil {
		return true
	}
	err := p.raw.Control(p.peek)
	return err == nil && (errors.Is(p.result, syscall.EAGAIN) || errors.Is(p.result, syscall.EWOULDBLOCK))
}
