// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package consul

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/hashicorp/consul/api"

	"github.com/flipper-go/flipper/store"
)

// maxTransaction is the largest body of a transaction that Consul takes by
// default, less some room for what is around the value. The value is in it as
// base64.
const maxTransaction = 512<<10 - 16<<10

// Put implements [store.Store]. The revision is Consul's ModifyIndex. What
// was stored is read by this store from then on, and by others as soon as the
// server has told them. An error that matches [store.ErrUnavailable], or ctx's,
// says that the flag may or may not have been stored: the answer was lost.
func (s *Store) Put(ctx context.Context, f *store.Flag) (*store.Flag, error) {
	c, err := s.begin(ctx, fmt.Sprintf("put %q", f.Name))
	if err != nil {
		return nil, err
	}
	defer c.end()
	if err := s.checkName(f.Name); err != nil {
		return nil, err
	}
	text, err := store.Encode(f)
	if err != nil {
		return nil, err
	}
	index, err := strconv.ParseUint(f.Revision, 10, 64)
	if f.Revision != "" && (err != nil || index == 0) {
		return nil, fmt.Errorf("consul: %s: %w", c.what, store.ErrConflict) // no revision of ours
	}
	began := s.now()
	release, err := s.takeTurn(c.ctx, f.Name)
	if err != nil {
		return nil, c.fail(err)
	}
	defer release()
	switch st, ok := s.overtaken(f.Name, began); {
	case !ok:
	case f.Revision == "" && !st.deleted:
		return nil, fmt.Errorf("consul: %s: %w", c.what, store.ErrExists)
	case f.Revision != "" && (st.deleted || st.index != index):
		return nil, fmt.Errorf("consul: %s: %w", c.what, store.ErrConflict)
	}
	for {
		pair, stored, err := s.compareAndSet(c.ctx, f.Name, text, index)
		switch {
		case err != nil && isTooLarge(err):
			return nil, fmt.Errorf("consul: %s: %w: the server is configured to take less than %d bytes: %w", c.what, store.ErrInvalid, len(text), err)
		case err != nil:
			return nil, c.fail(err)
		case stored:
			return s.stored(c, f.Name, text, pair)
		}
		current, err := s.refresh(c, f.Name)
		switch {
		case f.Revision != "":
			return nil, fmt.Errorf("consul: %s: %w", c.what, store.ErrConflict)
		case err == nil && current != nil && len(current.Value) == 0:
			index = current.ModifyIndex // a folder: there is no flag in the way
		case err == nil && current == nil:
			index = 0 // what was in the way is gone
		default:
			return nil, fmt.Errorf("consul: %s: %w", c.what, store.ErrExists)
		}
	}
}

// stored notes the flag that the server has stored, and returns it.
func (s *Store) stored(c *call, name string, text []byte, pair *api.KVPair) (*store.Flag, error) {
	if pair != nil && bytes.Equal(pair.Value, text) {
		st := newState(name, pair)
		s.note(c, name, st)
		return st.get()
	}
	// It was overwritten before its index could be read. No index is 0, so this
	// revision is that of no present flag, which is the truth.
	f, err := store.Decode(name, text)
	if err != nil {
		return nil, err
	}
	f.Revision = revision(0)
	return f, nil
}

// refresh reads what the server has, after it has refused a change that was based
// on something else: who tries again must not read the same from memory. The
// pair is nil if there is none.
func (s *Store) refresh(c *call, name string) (*api.KVPair, error) {
	pair, index, err := s.read(c.ctx, name)
	switch {
	case err != nil:
		return nil, err
	case pair == nil:
		s.note(c, name, &state{index: index, deleted: true})
	case len(pair.Value) == 0:
		s.note(c, name, &state{index: pair.ModifyIndex, deleted: true})
	default:
		s.note(c, name, newState(name, pair))
	}
	return pair, nil
}

// compareAndSet stores a value if the key's index is still that one, or if it is
// 0, if there is no such key. The pair is what is stored then; it may be of a
// later state, or nil, if the value was too large for a transaction.
func (s *Store) compareAndSet(ctx context.Context, name string, value []byte, index uint64) (pair *api.KVPair, stored bool, err error) {
	key := s.key(name)
	if base64.StdEncoding.EncodedLen(len(value)) > maxTransaction {
		q := &api.WriteOptions{Namespace: s.namespace, Partition: s.partition}
		stored, _, err = s.client.KV().CAS(&api.KVPair{Key: key, Value: value, ModifyIndex: index}, q.WithContext(ctx))
		if err != nil || !stored {
			return nil, false, err
		}
		pair, _, err = s.read(ctx, name)
		return pair, true, err
	}
	// A write alone does not answer the new index.
	results, err := s.transaction(ctx,
		&api.KVTxnOp{Verb: api.KVCAS, Key: key, Value: value, Index: index},
		&api.KVTxnOp{Verb: api.KVGet, Key: key},
	)
	if errors.Is(err, errStale) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	return results[len(results)-1], true, nil
}

// Delete implements [store.Store]. An error that matches
// [store.ErrUnavailable], or ctx's, says that the flag may or may not have been
// deleted.
//
// A flag that Carta's Python client has seen in Consul stays what it was for that
// process until it is restarted: disable a flag before you delete it.
func (s *Store) Delete(ctx context.Context, name string) error {
	c, err := s.begin(ctx, fmt.Sprintf("delete %q", name))
	if err != nil {
		return err
	}
	defer c.end()
	if err := s.checkName(name); err != nil {
		return err
	}
	index := s.heldIndex(name)
	for {
		if index == 0 {
			pair, err := s.refresh(c, name)
			switch {
			case err != nil:
				return c.fail(err)
			case pair == nil || len(pair.Value) == 0:
				return store.ErrNotFound
			}
			index = pair.ModifyIndex
		}
		// A deletion alone succeeds also where there is nothing to delete.
		_, err := s.transaction(c.ctx,
			&api.KVTxnOp{Verb: api.KVGet, Key: s.key(name)},
			&api.KVTxnOp{Verb: api.KVDeleteCAS, Key: s.key(name), Index: index},
		)
		switch {
		case err == nil:
			s.note(c, name, &state{index: index, deleted: true})
			return nil
		case errors.Is(err, errStale) || errors.Is(err, errMissing):
			index = 0
		default:
			return c.fail(err)
		}
	}
}

// heldIndex returns the index of the flag in memory, or 0.
func (s *Store) heldIndex(name string) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if have, ok := s.entries[name]; ok && !have.deleted {
		return have.index
	}
	return 0
}

// What the server says of a transaction that it has not done.
var (
	errStale   = errors.New("index is stale")
	errMissing = errors.New("key does not exist")
)

// transaction does all of some operations or none, and returns the pairs that they
// read or wrote, one at least.
func (s *Store) transaction(ctx context.Context, ops ...*api.KVTxnOp) ([]*api.KVPair, error) {
	var txn api.TxnOps
	for _, op := range ops {
		op.Namespace, op.Partition = s.namespace, s.partition
		txn = append(txn, &api.TxnOp{KV: op})
	}
	q := &api.QueryOptions{Namespace: s.namespace, Partition: s.partition}
	done, response, _, err := s.client.Txn().Txn(txn, q.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	if !done {
		// A lost race and a missing right are told apart by the text only.
		var texts []string
		for _, e := range response.Errors {
			switch {
			case strings.Contains(e.What, "index is stale"):
				return nil, errStale
			case strings.Contains(e.What, "doesn't exist"):
				return nil, errMissing
			}
			texts = append(texts, e.What)
		}
		return nil, fmt.Errorf("the transaction was refused: %.500q", texts)
	}
	var pairs []*api.KVPair
	for _, result := range response.Results {
		if result.KV != nil {
			pairs = append(pairs, result.KV)
		}
	}
	if len(pairs) == 0 {
		return nil, errors.New("the answer to the transaction lacks its results")
	}
	return pairs, nil
}

func unreadable(name string, err error) *store.UnreadableError {
	if e, ok := errors.AsType[*store.UnreadableError](err); ok {
		return e
	}
	return &store.UnreadableError{Name: name, Err: err}
}
