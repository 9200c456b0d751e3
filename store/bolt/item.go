// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package bolt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc64"
	"iter"
	"strconv"

	"go.etcd.io/bbolt"

	"github.com/flipper-go/flipper/store"
)

// The file's buckets, and what identifies it.
var (
	identityBucket = []byte("flipper")
	formatKey      = []byte("format")
	firstFormat    = []byte("1") // without checksums
	format         = []byte("2")

	featuresBucket  = []byte("features")
	checksumsBucket = []byte("checksums")
)

// Why a flag that is not as it was stored cannot be read. The file is damaged, but
// it is one flag's error.
var (
	errChecksum   = errors.New("it is not as it was stored, by its checksum: the file is damaged")
	errNoChecksum = errors.New("it has no checksum: the file is damaged")
	errNoValue    = errors.New("only its checksum is left: the file is damaged")
)

// keyPrefix stands before each name: bbolt has no empty keys.
const keyPrefix = "/"

func key(name string) []byte { return []byte(keyPrefix + name) }

// value returns what is stored of a flag. The revision is a number of the features
// bucket's sequence, which the file keeps, so none is given twice.
func value(revision string, text []byte) []byte {
	return append(append([]byte(revision), '\n'), text...)
}

var checksumTable = crc64.MakeTable(crc64.ECMA)

// checksum returns the checksum of a flag. The key is in it, with its length, so that
// no flag passes for another one.
func checksum(key, value []byte) []byte {
	sum := crc64.Update(0, checksumTable, binary.BigEndian.AppendUint64(nil, uint64(len(key))))
	sum = crc64.Update(sum, checksumTable, key)
	sum = crc64.Update(sum, checksumTable, value)
	return binary.BigEndian.AppendUint64(nil, sum)
}

// revisionOf returns the revision of a stored flag, or "" if there is none.
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

// contents are the buckets of flags, within a transaction.
type contents struct {
	features  *bbolt.Bucket
	checksums *bbolt.Bucket // nil in a file of the first format
}

// contentsOf returns the buckets of a file that open has found to be sound.
func contentsOf(tx *bbolt.Tx) (contents, error) {
	c := contents{tx.Bucket(featuresBucket), tx.Bucket(checksumsBucket)}
	if c.features == nil {
		return c, fmt.Errorf("%w: it has no bucket of flags", ErrCorrupt)
	}
	return c, nil
}

// get returns what is stored under a key: both are nil if nothing is.
func (c contents) get(key []byte) (value, sum []byte) {
	if c.checksums != nil {
		sum = c.checksums.Get(key)
	}
	return c.features.Get(key), sum
}

// intact returns nil if a value is what was stored under its key.
func (c contents) intact(key, value, sum []byte) error {
	switch {
	case value == nil:
		return errNoValue
	case c.checksums == nil || bytes.Equal(sum, checksum(key, value)):
		return nil
	case sum == nil:
		return errNoChecksum
	}
	return errChecksum
}

// decode reads what is stored under a key. The error is a [*store.UnreadableError].
func (c contents) decode(key, value, sum []byte) (*store.Flag, error) {
	name := string(key[len(keyPrefix):])
	if err := c.intact(key, value, sum); err != nil {
		return nil, &store.UnreadableError{Name: name, Err: err}
	}
	return decode(name, value)
}

// flag reads the flag of a name. There is none if the error is [store.ErrNotFound].
func (c contents) flag(name string) (*store.Flag, error) {
	key := key(name)
	value, sum := c.get(key)
	if value == nil && sum == nil {
		return nil, store.ErrNotFound
	}
	return c.decode(key, value, sum)
}

// all reads all flags. Those of which only the value or only the checksum is left
// are among them.
func (c contents) all() iter.Seq2[*store.Flag, error] {
	return func(yield func(*store.Flag, error) bool) {
		var sums *bbolt.Cursor
		var sumKey, sum []byte
		if c.checksums != nil {
			sums = c.checksums.Cursor()
			sumKey, sum = sums.First()
		}
		values := c.features.Cursor()
		key, value := values.First()
		for key != nil || sumKey != nil {
			order := bytes.Compare(key, sumKey)
			switch {
			case key == nil:
				order = 1
			case sumKey == nil:
				order = -1
			}
			k, v, s := key, value, sum
			if order < 0 {
				s = nil
			}
			if order > 0 {
				k, v = sumKey, nil
			}
			if bytes.HasPrefix(k, []byte(keyPrefix)) && !yield(c.decode(k, v, s)) {
				return
			}
			if order <= 0 {
				key, value = values.Next()
			}
			if order >= 0 && sums != nil {
				sumKey, sum = sums.Next()
			}
		}
	}
}

// put stores a value.
func (c contents) put(key, value []byte) error {
	if err := c.checksums.Put(key, checksum(key, value)); err != nil {
		return err
	}
	return c.features.Put(key, value)
}

func (c contents) delete(key []byte) error {
	return errors.Join(c.features.Delete(key), c.checksums.Delete(key))
}

// upgrade adds checksums to a file of the first format.
func upgrade(tx *bbolt.Tx) (contents, error) {
	c, err := contentsOf(tx)
	if err != nil || c.checksums != nil {
		return c, err
	}
	if c.checksums, err = tx.CreateBucket(checksumsBucket); err != nil {
		return c, err
	}
	if err := c.features.ForEach(func(k, v []byte) error { return c.checksums.Put(k, checksum(k, v)) }); err != nil {
		return c, err
	}
	return c, tx.Bucket(identityBucket).Put(formatKey, format)
}

// load reads all flags into memory.
func (s *Store) load() error {
	return s.view(func(c contents) error {
		return s.flags.Replace(func(yield func(*store.Flag, error) bool) {
			for f, err := range c.all() {
				if err == nil {
					revision, _ := strconv.ParseUint(f.Revision, 10, 64)
					s.highest = max(s.highest, revision)
				}
				if !yield(f, err) {
					return
				}
			}
		})
	})
}

// reload reads some flags into memory, after a write of which it is not known
// whether the file has it.
func (s *Store) reload(names ...string) error {
	return s.view(func(c contents) error {
		for _, name := range names {
			f, err := c.flag(name)
			if err := s.flags.Refresh(name, f, err); err != nil {
				return err
			}
		}
		return nil
	})
}

// view calls f with the flags' buckets.
func (s *Store) view(f func(contents) error) error {
	return guard(func() error {
		return s.db.View(func(tx *bbolt.Tx) error {
			c, err := contentsOf(tx)
			if err != nil {
				return fmt.Errorf("%s: %w", s.path, err)
			}
			return f(c)
		})
	})
}
