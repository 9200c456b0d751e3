// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package thriftrpc

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/apache/thrift/lib/go/thrift"
)

const (
	frameHeaderSize = 4
	maxKeptBuffer   = 64 << 10
)

// transport carries one message each way at a time over a connection. Unlike
// Thrift's own transports it knows how much of a reply may still come, which the
// protocols check the sizes of containers against before they allocate them, and
// what went over the wire, which decides whether a call may be repeated.
type transport struct {
	conn   net.Conn
	framed bool
	max    int // the largest reply

	out []byte
	in  *bufio.Reader

	head      [4]byte // the first bytes of the reply
	headSize  int     // how many of them came
	remaining int     // bytes of the reply that may still be read
	sent      bool    // bytes of the request may have reached the service
	received  bool    // bytes of the reply came
	err       error   // of the connection, in this exchange
}

var _ thrift.TRichTransport = (*transport)(nil)

// beginRequest forgets the exchange before.
func (t *transport) beginRequest() {
	if cap(t.out) > maxKeptBuffer {
		t.out = nil
	}
	t.out = t.out[:0]
	if t.framed {
		t.out = append(t.out, make([]byte, frameHeaderSize)...)
	}
	t.sent, t.received, t.err, t.headSize = false, false, nil, 0
}

// Flush sends the request, in one piece.
func (t *transport) Flush(context.Context) error {
	if t.framed {
		binary.BigEndian.PutUint32(t.out, uint32(len(t.out)-frameHeaderSize))
	}
	n, err := t.conn.Write(t.out)
	t.sent = n > 0
	t.err = err
	return err
}

// beginReply waits for the reply.
func (t *transport) beginReply() error {
	t.remaining = t.max
	if !t.framed {
		return nil
	}
	var header [frameHeaderSize]byte
	t.remaining = frameHeaderSize
	if _, err := io.ReadFull(t, header[:]); err != nil {
		return err
	}
	size := binary.BigEndian.Uint32(header[:])
	if size > uint32(t.max) {
		return fmt.Errorf("a frame of %d bytes: %w", size, errTooLarge)
	}
	t.remaining = int(size)
	return nil
}

// inStep reports whether the reply was read to its end and nothing follows it.
func (t *transport) inStep() bool {
	return t.err == nil && t.in.Buffered() == 0 && (!t.framed || t.remaining == 0)
}

var (
	errPastFrame = errors.New("a reply longer than its frame")
	errTooLarge  = errors.New("too large a reply")
)

// check says whether more of the reply may be read.
func (t *transport) check() error {
	switch {
	case t.remaining > 0:
		return nil
	case t.framed:
		return errPastFrame
	}
	return errTooLarge
}

func (t *transport) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if err := t.check(); err != nil {
		return 0, err
	}
	n, err := t.in.Read(p[:min(len(p), t.remaining)])
	t.headSize += copy(t.head[t.headSize:], p[:n])
	t.read(n, err)
	return n, err
}

func (t *transport) ReadByte() (byte, error) {
	if err := t.check(); err != nil {
		return 0, err
	}
	b, err := t.in.ReadByte()
	if err != nil {
		t.read(0, err)
		return 0, err
	}
	if t.headSize < len(t.head) {
		t.head[t.headSize] = b
		t.headSize++
	}
	t.read(1, nil)
	return b, nil
}

// isHTTP reports whether the reply, of which not all may have been read, is that of
// an HTTP server.
func (t *transport) isHTTP() bool {
	const begin = "HTTP"
	if t.headSize == 0 {
		return false
	}
	whole := append(t.head[:t.headSize:t.headSize], t.arrived()...)
	return bytes.HasPrefix(whole, []byte(begin))
}

// arrived returns what of the reply, and after it, is there already and not read.
func (t *transport) arrived() []byte {
	b, _ := t.in.Peek(t.in.Buffered())
	return b
}

// skip skips bytes if they are there and come next in the reply, and not none.
func (t *transport) skip(next []byte) bool {
	if len(next) == 0 || len(next) > t.remaining || !bytes.HasPrefix(t.arrived(), next) {
		return false
	}
	n, err := t.in.Discard(len(next))
	t.headSize += copy(t.head[t.headSize:], next[:n])
	t.read(n, err)
	return err == nil
}

func (t *transport) read(n int, err error) {
	t.remaining -= n
	t.received = t.received || n > 0
	if err != nil {
		t.err = err
	}
}

// RemainingBytes returns how much of the reply may still be read.
func (t *transport) RemainingBytes() uint64 { return uint64(t.remaining) }

func (t *transport) Write(p []byte) (int, error) {
	t.out = append(t.out, p...)
	return len(p), nil
}

func (t *transport) WriteByte(b byte) error {
	t.out = append(t.out, b)
	return nil
}

func (t *transport) WriteString(s string) (int, error) {
	t.out = append(t.out, s...)
	return len(s), nil
}

// Open, IsOpen and Close are what Thrift's interface asks for; the pool opens
// and closes connections.

func (t *transport) Open() error  { return nil }
func (t *transport) IsOpen() bool { return true }
func (t *transport) Close() error { return t.conn.Close() }
