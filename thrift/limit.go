// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package thrift

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	apache "github.com/apache/thrift/lib/go/thrift"

	"github.com/flipper-go/flipper/internal/featureflagstore"
)

// A limitedProtocol reads a request, and keeps no more of it than the limits allow.
// A request that is over a limit is read to its end, with empty texts and
// containers in place of what is over, so that the connection stays in step and the
// client can be told.
type limitedProtocol struct {
	apache.TProtocol
	message *message
	// length returns the length of a text, and the size of that length, without
	// reading them. It is not ok if the library is to say why it cannot be read.
	length func(*message) (length, size int, ok bool)
}

func binaryLength(m *message) (length, size int, ok bool) {
	const size32 = 4
	if m.left < size32 {
		return 0, 0, false
	}
	b, err := m.in.Peek(size32)
	if err != nil {
		return 0, 0, false
	}
	n := int32(binary.BigEndian.Uint32(b))
	return int(n), size32, n >= 0
}

func compactLength(m *message) (length, size int, ok bool) {
	for size = 1; size <= min(binary.MaxVarintLen64, m.left); size++ {
		b, err := m.in.Peek(size)
		if err != nil {
			break
		}
		if b[size-1] < 0x80 {
			n, _ := binary.Uvarint(b)
			return int(int32(n)), size, int32(n) >= 0 // cut as the library does
		}
	}
	return 0, 0, false
}

// skipText skips the next text if it cannot be kept.
func (p *limitedProtocol) skipText() (skipped bool, err error) {
	m := p.message
	length, size, ok := p.length(m)
	if !ok {
		return false, nil
	}
	if m.over == nil {
		if length <= m.kept-size {
			return false, nil
		}
		m.over = errMessageSize
	}
	if length > m.left-size {
		return true, m.fail(m.beyond())
	}
	return true, m.discard(size + length)
}

func (p *limitedProtocol) ReadString(ctx context.Context) (string, error) {
	if skipped, err := p.skipText(); skipped {
		return "", err
	}
	return p.TProtocol.ReadString(ctx)
}

func (p *limitedProtocol) ReadBinary(ctx context.Context) ([]byte, error) {
	if skipped, err := p.skipText(); skipped {
		return nil, err
	}
	return p.TProtocol.ReadBinary(ctx)
}

// contain counts the elements of a container before they are allocated. If they
// are too many, it skips them, and returns 0 as their number.
func (p *limitedProtocol) contain(ctx context.Context, size int, err error, types ...apache.TType) (int, error) {
	m := p.message
	if err != nil || m.skipping {
		return size, err
	}
	if m.over == nil {
		if size <= m.elements {
			m.elements -= size
			return size, nil
		}
		m.over = errElements
	}
	// Containers within this one are left to Skip, which bounds how deep it goes.
	m.skipping = true
	defer func() { m.skipping = false }()
	for range size {
		for _, t := range types {
			if err := p.Skip(ctx, t); err != nil {
				return 0, err
			}
		}
	}
	return 0, nil
}

func (p *limitedProtocol) ReadMapBegin(ctx context.Context) (key, value apache.TType, size int, err error) {
	key, value, size, err = p.TProtocol.ReadMapBegin(ctx)
	size, err = p.contain(ctx, size, err, key, value)
	return key, value, size, err
}

func (p *limitedProtocol) ReadListBegin(ctx context.Context) (element apache.TType, size int, err error) {
	element, size, err = p.TProtocol.ReadListBegin(ctx)
	size, err = p.contain(ctx, size, err, element)
	return element, size, err
}

func (p *limitedProtocol) ReadSetBegin(ctx context.Context) (element apache.TType, size int, err error) {
	element, size, err = p.TProtocol.ReadSetBegin(ctx)
	size, err = p.contain(ctx, size, err, element)
	return element, size, err
}

func (p *limitedProtocol) Skip(ctx context.Context, t apache.TType) error {
	return apache.SkipDefaultDepth(ctx, p, t)
}

// overLimit returns what the client of a request over a limit is told.
func (s *Server) overLimit(over error) *featureflagstore.FlipperException {
	text := fmt.Sprintf("invalid message: it is larger than the limit of %d bytes", s.maxMessageSize)
	if errors.Is(over, errElements) {
		text = fmt.Sprintf("invalid message: its lists and maps have more than %d elements together, which is the limit", s.maxElements)
	}
	return exception(featureflagstore.ErrorCode_INVALID, text)
}
