// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package storeurl opens the store that a URL names. The command takes such URLs
// for every backend.
package storeurl

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/bolt"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/store/thriftrpc"
)

// Forms lists what Open takes, for help and error messages.
const Forms = "memory:, bolt:PATH, redis://HOST:PORT, redis+cluster://…, redis+sentinel://…, consul://HOST:PORT, thrift://HOST:PORT or thrifts://HOST:PORT"

// ErrUnknown says that a URL is not one of [Forms].
var ErrUnknown = errors.New("unknown store URL")

// A Store is a store that is to be closed, and where its flags are.
type Store struct {
	store.Watcher
	// Place says where the flags are kept, for people. It holds no secret.
	Place  string
	closes []func() error
}

// Close closes the store, and then what was opened for it.
func (s *Store) Close() error {
	var errs []error
	for _, c := range s.closes {
		errs = append(errs, c())
	}
	return errors.Join(errs...)
}

// Open opens the store that a URL names. It does not dial. If the form of the
// URL is not known, the error matches [ErrUnknown]; it does not repeat the URL,
// which may hold a password.
func Open(text string) (*Store, error) {
	scheme, rest, ok := strings.Cut(text, ":")
	switch {
	case !ok:
	case scheme == "memory":
		if rest != "" {
			return nil, fmt.Errorf("%w: write memory: alone", ErrUnknown)
		}
		s := memory.New()
		return &Store{s, "memory (flags are lost when the process ends)", []func() error{s.Close}}, nil
	case scheme == "bolt":
		return openBolt(rest)
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%w: it is not a URL: use %s", ErrUnknown, Forms)
	}
	switch u.Scheme {
	case "thrift":
		return openThrift(u)
	case "thrifts":
		return openThriftTLS(u)
	case "redis", "rediss", "redis+cluster", "rediss+cluster", "redis+sentinel", "rediss+sentinel":
		return openRedis(u)
	case "consul":
		return openConsul(u)
	}
	return nil, fmt.Errorf("%w: use %s", ErrUnknown, Forms)
}

// openBolt takes bolt:flags.db, bolt:/var/lib/flags.db and, as URLs of files are
// often written, bolt:///var/lib/flags.db.
func openBolt(path string) (*Store, error) {
	if authority, ok := strings.CutPrefix(path, "//"); ok {
		if !strings.HasPrefix(authority, "/") {
			return nil, fmt.Errorf("%w: write bolt:PATH, or bolt:///PATH from the root", ErrUnknown)
		}
		path = authority
	}
	if path == "" {
		return nil, fmt.Errorf("%w: the path of the file is missing in bolt:PATH", ErrUnknown)
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	s, err := bolt.Open(absolute)
	if err != nil {
		return nil, err
	}
	return &Store{s, absolute, []func() error{s.Close}}, nil
}

func openThrift(u *url.URL) (*Store, error) {
	if u.Hostname() == "" || u.Port() == "" || u.Path != "" || u.RawQuery != "" {
		return nil, fmt.Errorf("%w: write thrift://HOST:PORT", ErrUnknown)
	}
	s := thriftrpc.New(u.Host)
	return &Store{s, u.Host, []func() error{s.Close}}, nil
}
