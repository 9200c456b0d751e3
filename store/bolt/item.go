// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package bolt

import (
	"bytes"
	"fmt"
	"strconv"

	"go.etcd.io/bbolt"

	"github.com/flipper-go/flipper/store"
)

// The file's buckets, and what identifies it.
var (
	identityBucket = []byte("flipper")
	formatKey      = []byte("format")
	format         = []byte("1")

	featuresBucket = []byte("features")
)

// keyPrefix stands before each name: bbolt has no empty keys.
const keyPrefix = "/"

func key(name string) []byte { return []byte(keyPrefix + name) }

// value gives what is stored of a flag. The revision is a number of the features
// bucket's sequence, which the file keeps, so none is given twice.
func value(revision string, text []byte) []byte {
	return append(append([]byte(revision), '\n'), text...)
}

// revisionOf gives the revision of a stored flag, or "" if there is none.
func revisionOf(value []byte) string {
	revision, _, ok := bytes.Cut(value, []byte{'\n'})
	if _, err := strconv.ParseUint(string(revision), 10, 64); !ok || err != nil {
		return ""
	}
	return string(revision)
}

// decode reads a stored flag. The error is a [*store.UnreadableError].
func decode(name string, value []byte) (*store.Flag, error) {
	if err := store.ValidateName(name); err != nil {
		return nil, &store.UnreadableError{Name: name, Err: err}
	}
	revision := revisionOf(value)
	if revision == "" {
		return nil, &store.UnreadableError{Name: name, Err: fmt.Errorf("%w: no revision before the item", store.ErrInvalid)}
	}
	f, err := store.Decode(name, value[len(revision)+1:])
	if err != nil {
		return nil, err
	}
	f.Revision = revision
	return f, nil
}

// load reads all flags into memory.
func (s *Store) load() error {
	return s.view(func(features *bbolt.Bucket) error {
		return s.flags.Replace(func(yield func(*store.Flag, error) bool) {
			c := features.Cursor()
			for k, v := c.First(); k != nil; k, v = c.Next() {
				if name, ok := bytes.CutPrefix(k, []byte(keyPrefix)); ok && !yield(decode(string(name), v)) {
					return
				}
			}
		})
	})
}

// reload reads some flags into memory, after a write of which it is not known
// whether the file has it.
func (s *Store) reload(names ...string) error {
	return s.view(func(features *bbolt.Bucket) error {
		for _, name := range names {
			f, err := (*store.Flag)(nil), store.ErrNotFound
			if value := features.Get(key(name)); value != nil {
				f, err = decode(name, value)
			}
			if err := s.flags.Refresh(name, f, err); err != nil {
				return err
			}
		}
		return nil
	})
}

// view calls f with the flags' bucket.
func (s *Store) view(f func(features *bbolt.Bucket) error) error {
	return guard(func() error {
		return s.db.View(func(tx *bbolt.Tx) error {
			features := tx.Bucket(featuresBucket)
			if features == nil {
				return fmt.Errorf("%s: %w: it has no bucket of flags", s.path, ErrCorrupt)
			}
			return f(features)
		})
	})
}
