// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package storeurl opens the store that a URL names. The command takes such URLs
// for every backend.
package storeurl

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/bolt"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/store/thriftrpc"
)

// Forms lists what Open takes, for help and error messages.
const Forms = "memory:, bolt:PATH or thrift://HOST:PORT"

// ErrUnknown says that a URL is not one of [Forms].
var ErrUnknown = errors.New("unknown store URL")

// A Store is a store that is to be closed, and where its flags are.
type Store struct {
	store.Watcher
	io.Closer
	// Place says where the flags are kept, for people.
	Place string
}

// Open opens the store that a URL names. It does not dial. If the form of the
// URL is not known, the error matches [ErrUnknown].
func Open(text string) (*Store, error) {
	scheme, rest, ok := strings.Cut(text, ":")
	switch {
	case !ok:
	case scheme == "memory":
		if rest != "" {
			return nil, fmt.Errorf("%w %q: write memory: alone", ErrUnknown, text)
		}
		s := memory.New()
		return &Store{s, s, "memory (flags are lost when the process ends)"}, nil
	case scheme == "bolt":
		return openBolt(text, rest)
	case scheme == "thrift":
		return openThrift(text)
	}
	return nil, fmt.Errorf("%w %q: use %s", ErrUnknown, text, Forms)
}

// openBolt takes bolt:flags.db, bolt:/var/lib/flags.db and, as URLs of files are
// often written, bolt:///var/lib/flags.db.
func openBolt(text, path string) (*Store, error) {
	if authority, ok := strings.CutPrefix(path, "//"); ok {
		if !strings.HasPrefix(authority, "/") {
			return nil, fmt.Errorf("%w %q: write bolt:PATH, or bolt:///PATH from the root", ErrUnknown, text)
		}
		path = authority
	}
	if path == "" {
		return nil, fmt.Errorf("%w %q: the path of the file is missing", ErrUnknown, text)
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	s, err := bolt.Open(absolute)
	if err != nil {
		return nil, err
	}
	return &Store{s, s, absolute}, nil
}

func openThrift(text string) (*Store, error) {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.Port() == "" || u.Path != "" || u.RawQuery != "" {
		return nil, fmt.Errorf("%w %q: write thrift://HOST:PORT", ErrUnknown, text)
	}
	s := thriftrpc.New(u.Host)
	return &Store{s, s, u.Host}, nil
}
