// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package thrift

import "sync/atomic"

const (
	// freeMessageSize and freeReplySize are what of a message does not count as
	// pending: clients that send little are served even while others fill the
	// limit.
	freeMessageSize = 4 << 10
	freeReplySize   = 64 << 10

	// pendingStep is the amount in which a message's share grows.
	pendingStep = 16 << 10
)

// pendingBytes bounds the size of all messages that are being received or
// answered.
type pendingBytes struct {
	limit int64
	taken atomic.Int64
}

func (p *pendingBytes) take(n int) bool {
	if p.taken.Add(int64(n)) > p.limit {
		p.taken.Add(-int64(n))
		return false
	}
	return true
}

func (p *pendingBytes) give(n int) { p.taken.Add(-int64(n)) }
