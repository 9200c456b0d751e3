// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package thriftrpc

import (
	"bytes"
	"context"

	"github.com/apache/thrift/lib/go/thrift"
	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/flipper-go/flipper/internal/featureflagstore"
	"github.com/flipper-go/flipper/store"
)

// maxLastAnswers is how many flags have their last answer kept. What does not fit
// into the buffer of a connection, of 4 KiB, is not kept.
const maxLastAnswers = 1024

// A lastAnswer is what the service answered last about a flag, and the flag that
// was made of it. To make one takes as long as to ask for it. The service is asked
// every time; but if it answers the same, to the byte, the flag is the same.
type lastAnswer struct {
	reply []byte // the result, as it was sent
	flag  *store.Flag
}

// lastAnswers are those to GetStored, by name. It is safe for concurrent use.
type lastAnswers struct {
	*lru.Cache[string, lastAnswer]
}

func newLastAnswers() lastAnswers {
	answers, _ := lru.New[string, lastAnswer](maxLastAnswers) // fails only if that is not positive
	return lastAnswers{answers}
}

// A storedQuestion is a call of GetStored.
type storedQuestion struct {
	args  featureflagstore.FeatureFlagStoreGetStoredArgs
	reply storedReply
}

// A storedReply is what GetStored answers.
type storedReply struct {
	last   []byte // the answer before, or nil
	isLast bool   // the answer is the same; then there is nothing below
	result featureflagstore.FeatureFlagStoreGetStoredResult
	raw    []byte // the result as it was sent, or nil if it did not come in one piece
}

func (r *storedReply) Write(context.Context, thrift.TProtocol) error { return nil }

func (r *storedReply) Read(ctx context.Context, p thrift.TProtocol) error {
	t, ok := p.Transport().(*transport)
	if !ok {
		return r.result.Read(ctx, p)
	}
	if r.isLast = t.skip(r.last); r.isLast {
		return nil
	}
	arrived := bytes.Clone(t.arrived())
	before := t.remaining
	if err := r.result.Read(ctx, p); err != nil {
		return err
	}
	if size := before - t.remaining; size <= len(arrived) {
		r.raw = arrived[:size:size]
	}
	return nil
}

// stored returns what the service has stored.
func (r *storedReply) stored() (*featureflagstore.StoredFlag, error) {
	switch {
	case r.result.Error != nil:
		return nil, r.result.Error
	case r.result.Success == nil:
		return nil, thrift.NewTApplicationException(thrift.MISSING_RESULT, "GetStored failed: unknown result")
	}
	return r.result.Success, nil
}

// getStored asks for a flag.
func (s *Store) getStored(ctx context.Context, name string) (*store.Flag, error) {
	last, _ := s.answers.Get(name)
	question := storedQuestion{
		args:  featureflagstore.FeatureFlagStoreGetStoredArgs{FeatureName: name},
		reply: storedReply{last: last.reply},
	}
	reply := &question.reply
	if _, err := s.pool.Call(ctx, "GetStored", &question.args, reply); err != nil {
		return nil, err
	}
	if reply.isLast {
		return last.flag, nil
	}
	stored, err := reply.stored()
	if err != nil {
		return nil, err
	}
	f, err := s.flag("GetStored", name, stored)
	if err == nil && reply.raw != nil {
		s.answers.Add(name, lastAnswer{reply.raw, f})
	}
	return f, err
}
