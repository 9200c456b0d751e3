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

// Why a message is refused. The texts are what is logged.
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
	left     int   // what the request may still have
	elements int   // how many elements it may still have
	free     int   // what of its share of the pending bytes is not used yet
	taken    int   // its share
	err      error // why it cannot be read further
	out      *bytes.Buffer
}

func newMessage(s *Server, in *bufio.Reader) *message {
	m := &message{in: in, server: s}
	m.binary = &countingProtocol{apache.NewTBinaryProtocolConf(m, s.configuration), m}
	m.compact = &countingProtocol{apache.NewTCompactProtocolConf(m, s.configuration), m}
	return m
}

// begin reads what tells the transport and the protocol of a message. There is
// one byte at least.
func (m *message) begin() (apache.TProtocol, error) {
	m.left, m.elements, m.free, m.err = m.server.maxMessageSize, m.server.maxElements, freeMessageSize, nil
	m.framed = false
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
	if int64(size) > int64(m.server.maxMessageSize) {
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

// end discards what of a frame was not read.
func (m *message) end() error {
	if !m.framed {
		return nil
	}
	_, err := m.in.Discard(m.left)
	return err
}

// release gives the message's share of the pending bytes back.
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

// admit says how many of n bytes may be read now.
func (m *message) admit(n int) (int, error) {
	switch {
	case m.err != nil:
		return 0, m.err
	case m.left == 0 && m.framed:
		return 0, m.fail(errFrameEnds)
	case m.left == 0:
		return 0, m.fail(errMessageSize)
	}
	if m.free == 0 {
		if !m.server.pending.take(pendingStep) {
			return 0, m.fail(errPending)
		}
		m.free += pendingStep
		m.taken += pendingStep
	}
	return min(n, m.left, m.free), nil
}

func (m *message) consumed(n int) {
	m.left -= n
	m.free -= n
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

// RemainingBytes is what the library checks the size of a container against
// before it allocates one.
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

// A countingProtocol counts the elements of a request's containers, also of those
// that are skipped, before they are allocated.
type countingProtocol struct {
	apache.TProtocol
	message *message
}

func (p *countingProtocol) count(n int, err error) error {
	if err != nil {
		return err
	}
	if n > p.message.elements {
		return p.message.fail(errElements)
	}
	p.message.elements -= n
	return nil
}

func (p *countingProtocol) ReadMapBegin(ctx context.Context) (key, value apache.TType, size int, err error) {
	key, value, size, err = p.TProtocol.ReadMapBegin(ctx)
	return key, value, size, p.count(size, err)
}

func (p *countingProtocol) ReadListBegin(ctx context.Context) (element apache.TType, size int, err error) {
	element, size, err = p.TProtocol.ReadListBegin(ctx)
	return element, size, p.count(size, err)
}

func (p *countingProtocol) ReadSetBegin(ctx context.Context) (element apache.TType, size int, err error) {
	element, size, err = p.TProtocol.ReadSetBegin(ctx)
	return element, size, p.count(size, err)
}

func (p *countingProtocol) Skip(ctx context.Context, t apache.TType) error {
	return apache.SkipDefaultDepth(ctx, p, t)
}
