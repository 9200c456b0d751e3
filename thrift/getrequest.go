// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package thrift

import (
	"bytes"
	"encoding/binary"

	apache "github.com/apache/thrift/lib/go/thrift"
)

// A getRequest is a request for one flag in the usual form: complete, in the binary
// protocol, with nothing but the name. Nearly all requests are like that, so they
// are read without the library, in place.
type getRequest struct {
	method *getMethod
	id     []byte // as it is sent
	name   []byte // both lie in the read buffer
	framed bool
	size   int // of the message
}

// The parts of a getRequest that are always the same.
var (
	getRequestStart = []byte{0x80, 1, 0, byte(apache.CALL)}
	getReplyStart   = []byte{0x80, 1, 0, byte(apache.REPLY)}
	getArgumentHead = []byte{apache.STRING, 0, 1}
)

// parseGetRequest reads a request at the start of what has arrived. It is not ok
// if what is there is anything else; the library knows then what it is.
func parseGetRequest(b []byte) (r getRequest, ok bool) {
	const frameHeader = 4
	frame := 0
	if len(b) > frameHeader && b[0] == 0 {
		frame = int(binary.BigEndian.Uint32(b))
		r.framed, r.size, b = true, frameHeader, b[frameHeader:]
	}
	length := len(b)
	b, ok = bytes.CutPrefix(b, getRequestStart)
	if !ok {
		return r, false
	}
	method, b, ok := cutText(b)
	if !ok || len(b) < 4 {
		return r, false
	}
	r.id, b = b[:4], b[4:]
	if b, ok = bytes.CutPrefix(b, getArgumentHead); !ok {
		return r, false
	}
	r.name, b, ok = cutText(b)
	if !ok || len(b) == 0 || b[0] != apache.STOP {
		return r, false
	}
	length -= len(b) - 1
	r.size += length
	if r.framed && length != frame {
		return r, false
	}
	r.method = getMethodOf(method)
	return r, r.method != nil
}

// cutText cuts a text off that begins with its length.
func cutText(b []byte) (text, rest []byte, ok bool) {
	if len(b) < 4 {
		return nil, nil, false
	}
	n := binary.BigEndian.Uint32(b)
	if uint64(n) > uint64(len(b)-4) {
		return nil, nil, false
	}
	return b[4 : 4+n], b[4+n:], true
}

// appendReply appends the reply that has a body.
func (r *getRequest) appendReply(b, body []byte) []byte {
	if r.framed {
		b = binary.BigEndian.AppendUint32(b, uint32(len(getReplyStart)+4+len(r.method.name)+len(r.id)+len(body)))
	}
	b = append(b, getReplyStart...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(r.method.name)))
	b = append(b, r.method.name...)
	b = append(b, r.id...)
	return append(b, body...)
}
