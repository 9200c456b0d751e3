// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package thrift

import (
	"net"
	"time"
)

// A deadlineReader reads from a connection with the deadline that is due. Most
// requests arrive in one piece, and never need that of their rest.
type deadlineReader struct {
	conn    net.Conn
	timeout time.Duration // to be set before the next read, if pending
	pending bool
	set     bool // whether the connection has a deadline
}

// allow returns the reads from now on a time together, counted from the first of
// them; 0 is for ever.
func (r *deadlineReader) allow(timeout time.Duration) {
	r.timeout, r.pending = timeout, true
}

// leave takes the deadline away, and leaves it to others.
func (r *deadlineReader) leave() {
	r.conn.SetReadDeadline(time.Time{})
	r.pending, r.set = false, false
}

func (r *deadlineReader) Read(p []byte) (int, error) {
	if r.pending {
		r.pending = false
		switch {
		case r.timeout > 0:
			r.conn.SetReadDeadline(time.Now().Add(r.timeout))
			r.set = true
		case r.set:
			r.conn.SetReadDeadline(time.Time{})
			r.set = false
		}
	}
	return r.conn.Read(p)
}
