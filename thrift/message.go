// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package thrift

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	apache "github.com/apache/thrift/lib/go/thrift"
)

// The reasons why a message is refused. The texts are logged.
var (
	errNotThrift    = errors.New("not a Thrift message")
	errMessageSize  = errors.New("message is too large")
	errElements     = errors.New("message has too many elements")
	errPending      = errors.New("too much is pending on all connections together")
	errFrameEnds    = errors.New("frame ends within its message")
	errNotARequest  = errors.New("message is not a request")
	errUnterminated = errors.New("connection ended within a message")
)

// A message is one request on its way in, and its reply on the way out. It is the
// transport that the Thrift library's protocols read from and write to.
type message struct {
	in       *bufio.Reader
	server   *Server
	binary   apache.TProtocol
	compact  apache.TProtocol
	framed   bool
	header   bool  // whether the header is being read
	left     int   // how many bytes may still be read of the request
	kept     int   // how many of them may be kept in memory
	elements int   // how many elements may be kept
	over     error // the limit that the request is over; its rest is read and not kept
	skipping bool  // whether a container of a request over a limit is being skipped
	free     int   // how much of its share of the pending bytes is not used yet
	taken    int   // its share
	err      error // why it cannot be read further
	out      *bytes.Buffer
}

func newMessage(s *Server, in *bufio.Reader) *message {
	m := &message{in: in, server: s}
	m.binary = &limitedProtocol{apache.NewTBinaryProtocolConf(m, s.configuration), m, binaryLength}
	m.compact = &limitedProtocol{apache.NewTCompactProtocolConf(m, s.configuration), m, compactLength}
	return m
}

// begin reads what tells the transport and the protocol of a message. There is
// one byte at least.
func (m *message) begin() (apache.TProtocol, error) {
	m.left, m.kept, m.elements, m.free = m.server.maxRefusedSize, m.server.maxMessageSize, m.server.maxElements, freeMessageSize
	m.framed, m.header, m.over, m.err = false, true, nil, nil
	first, err := m.peek(1)
	if err != nil {
		return nil, err
	}
	protocol, known := m.protocol(first)
	if !known {
		if protocol, err = m.beginFrame(); err != nil {
			return nil, err
		}
	}
	return protocol, nil
}

// protocol tells the protocol of a message by its first byte. No length of a
// frame begins like this.
func (m *message) protocol(first []byte) (protocol apache.TProtocol, known bool) {
	switch first[0] {
	case apache.VERSION_1 >> 24:
		return m.binary, true
	case apache.COMPACT_PROTOCOL_ID:
		return m.compact, true
	}
	return nil, false
}

func (m *message) beginFrame() (apache.TProtocol, error) {
	head, err := m.peek(4)
	if err != nil {
		return nil, err
	}
	if what := otherProtocol(head); what != "" {
		return nil, fmt.Errorf("%w, but %s", errNotThrift, what)
	}
	size := binary.BigEndian.Uint32(head)
	if int64(size) > int64(m.server.maxRefusedSize) {
		return nil, fmt.Errorf("%w: a frame of %d bytes", errMessageSize, size)
	}
	if size == 0 {
		return nil, fmt.Errorf("%w: a frame of 0 bytes", errNotThrift)
	}
	if head, err = m.peek(5); err != nil {
		return nil, err
	}
	protocol, known := m.protocol(head[4:])
	if !known {
		return nil, fmt.Errorf("%w (or with a header without version)", errNotThrift)
	}
	if _, err := m.in.Discard(4); err != nil {
		return nil, err
	}
	m.framed, m.left = true, int(size)
	if m.left > m.kept {
		m.over = errMessageSize
	}
	return protocol, nil
}

// otherProtocol recognises what is often sent to a wrong port.
func otherProtocol(head []byte) string {
	switch string(head) {
	case "GET ", "POST", "PUT ", "HEAD", "DELE", "OPTI", "PRI ", "CONN":
		return "HTTP"
	}
	if head[0] == 0x16 && head[1] == 3 {
		return "TLS"
	}
	return ""
}

func (m *message) peek(n int) ([]byte, error) {
	b, err := m.in.Peek(n)
	if err == io.EOF {
		err = errUnterminated
	}
	return b, err
}

// end discards the part of a frame that was not read.
func (m *message) end() error {
	if !m.framed {
		return nil
	}
	return m.discard(m.left)
}

// discard reads n bytes of the request without keeping them.
func (m *message) discard(n int) error {
	if n > m.left {
		return m.fail(m.beyond())
	}
	m.left -= n
	_, err := io.CopyN(io.Discard, m.in, int64(n))
	return m.checkRead(err)
}

// beyond returns the error of a request that is longer than left.
func (m *message) beyond() error {
	if m.framed {
		return errFrameEnds
	}
	return errMessageSize
}

// release returns the message's share of the pending bytes back.
func (m *message) release() {
	m.server.pending.give(m.taken)
	m.taken = 0
}

func (m *message) fail(err error) error {
	if m.err == nil {
		m.err = err
	}
	return m.err
}

// admit returns how many of n bytes may be read now. The header is always kept, so
// it is held to the limit that a message has.
func (m *message) admit(n int) (int, error) {
	switch {
	case m.err != nil:
		return 0, m.err
	case m.left == 0:
		return 0, m.fail(m.beyond())
	case m.kept == 0 && m.header:
		return 0, m.fail(errMessageSize)
	case m.kept == 0 && m.over == nil:
		m.over = errMessageSize
	}
	if !m.keeps() {
		return min(n, m.left), nil
	}
	if m.free == 0 {
		if !m.server.pending.take(pendingStep) {
			return 0, m.fail(errPending)
		}
		m.free += pendingStep
		m.taken += pendingStep
	}
	return min(n, m.left, m.kept, m.free), nil
}

// keeps reports whether what is read now is kept in memory.
func (m *message) keeps() bool { return m.header || m.over == nil }

func (m *message) consumed(n int) {
	m.left -= n
	if m.keeps() {
		m.kept -= n
		m.free -= n
	}
}

// Read reads from the request.
func (m *message) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	n, err := m.admit(len(p))
	if err != nil {
		return 0, err
	}
	n, err = m.in.Read(p[:n])
	m.consumed(n)
	return n, m.checkRead(err)
}

// ReadByte reads a byte of the request.
func (m *message) ReadByte() (byte, error) {
	if _, err := m.admit(1); err != nil {
		return 0, err
	}
	b, err := m.in.ReadByte()
	if err == nil {
		m.consumed(1)
	}
	return b, m.checkRead(err)
}

func (m *message) checkRead(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, io.EOF) {
		err = errUnterminated
	}
	return m.fail(err)
}

// RemainingBytes is what the library checks the size of a container against.
func (m *message) RemainingBytes() uint64 { return uint64(m.left) }

func (m *message) Write(p []byte) (int, error)       { return m.out.Write(p) }
func (m *message) WriteByte(b byte) error            { return m.out.WriteByte(b) }
func (m *message) WriteString(s string) (int, error) { return m.out.WriteString(s) }

// Flush does nothing: the connection sends the reply when it is complete.
func (m *message) Flush(context.Context) error { return nil }

// Open, IsOpen and Close are the connection's affair.
func (m *message) Open() error  { return nil }
func (m *message) IsOpen() bool { return true }
func (m *message) Close() error { return nil }
