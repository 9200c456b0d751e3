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
	scheme, rest, _ := strings.Cut(text, ":")
	switch {
	case text == "memory:":
		s := memory.New()
		return &Store{s, "memory (flags are lost when the process ends)", []func() error{s.Close}}, nil
	case scheme == "memory" && rest != "":
		return nil, fmt.Errorf("%w: write memory: alone", ErrUnknown)
	case scheme == "bolt":
		return openBolt(rest)
	}
	open, known := schemes[strings.ToLower(scheme)]
	if !known || scheme == text {
		return nil, unknownScheme(text)
	}
	u, err := parse(text)
	if err != nil {
		return nil, err
	}
	return open(u)
}

// schemes has what opens the stores that are reached over a network.
var schemes = map[string]func(*url.URL) (*Store, error){
	"thrift":          openThrift,
	"thrifts":         openThriftTLS,
	"redis":           openRedis,
	"rediss":          openRedis,
	"redis+cluster":   openRedis,
	"rediss+cluster":  openRedis,
	"redis+sentinel":  openRedis,
	"rediss+sentinel": openRedis,
	"consul":          openConsul,
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
	if err := checkService(u); err != nil {
		return nil, err
	}
	if u.RawQuery != "" {
		return nil, fmt.Errorf("%w: write thrift://HOST:PORT; only thrifts:// has parameters", ErrUnknown)
	}
	s := thriftrpc.New(u.Host)
	return &Store{s, u.Host, []func() error{s.Close}}, nil
}

// checkService checks what the URLs of flag services have in common.
func checkService(u *url.URL) error {
	switch {
	case u.User != nil:
		return fmt.Errorf("%w: %s:// takes no user and password: write %[2]s://HOST:PORT, or thrifts://HOST:PORT?cert=FILE&key=FILE to show a certificate", ErrUnknown, u.Scheme)
	case u.Hostname() == "" || u.Port() == "" || u.Path != "":
		return fmt.Errorf("%w: write %s://HOST:PORT", ErrUnknown, u.Scheme)
	}
	return nil
}
