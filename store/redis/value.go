// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package redis

import (
	"errors"

	"github.com/redis/go-redis/v9"

	"github.com/flipper-go/flipper/store"
)

// A value is what there is at a key. Its zero value says that there is no flag: a
// missing key, or, as in the Python client, an empty string.
type value struct {
	text      string
	otherType bool // the key holds something else than a string
}

var errOtherType = errors.New("the key holds another type than a string")

func isOtherType(err error) bool { return redis.HasErrorPrefix(err, "WRONGTYPE") }

// valueOf reads the answer to GET.
func valueOf(cmd *redis.StringCmd) (value, error) {
	text, err := cmd.Result()
	switch {
	case err == nil:
		return value{text: text}, nil
	case errors.Is(err, redis.Nil):
		return value{}, nil
	case isOtherType(err):
		return value{otherType: true}, nil
	}
	return value{}, err
}

func (v value) missing() bool { return v == value{} }

// flag reads the flag, as [store.Store] asks of Get.
func (v value) flag(name string) (*store.Flag, error) {
	switch {
	case v.otherType:
		return nil, &store.UnreadableError{Name: name, Err: errOtherType}
	case v.missing():
		return nil, store.ErrNotFound
	}
	if err := store.ValidateName(name); err != nil {
		return nil, &store.UnreadableError{Name: name, Err: err}
	}
	f, err := store.Decode(name, v.text)
	if err != nil {
		return nil, err
	}
	f.Revision = revision(v.text)
	return f, nil
}
